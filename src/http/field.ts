/**
 * The HTTP field names that Fairway itself reads or writes, each with a small number, so that hot code compares integers.
 * 0 is every other name. Names are lower case (RFC 9110 section 5.1: names are case-insensitive; RFC 9113 section 8.2: lower case).
 */
import { numbered } from "./numbered.ts";

export const FIELD_NAMES = [
  "",
  "accept",
  "accept-charset",
  "accept-encoding",
  "accept-language",
  "accept-ranges",
  "access-control-allow-origin",
  "age",
  "allow",
  "alt-svc",
  "authorization",
  "cache-control",
  "cache-status",
  "cdn-cache-control",
  "connection",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "etag",
  "expect",
  "expires",
  "forwarded",
  "from",
  "host",
  "http2-settings",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "keep-alive",
  "last-modified",
  "link",
  "location",
  "max-forwards",
  "origin",
  "pragma",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "referer",
  "retry-after",
  "sec-websocket-accept",
  "sec-websocket-key",
  "sec-websocket-version",
  "server",
  "set-cookie",
  "strict-transport-security",
  "surrogate-control",
  "surrogate-key",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "vary",
  "via",
  "www-authenticate",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id",
] as const;

export type FieldName = Exclude<(typeof FIELD_NAMES)[number], "">;

/** Name to number: `FIELD["content-length"]`. */
export const FIELD: Readonly<Record<FieldName, number>> = numbered(FIELD_NAMES);

const NUMBERS: ReadonlyMap<string, number> = new Map(FIELD_NAMES.map((name, id) => [name, id]));

/** Number of a lower-case name, 0 when it has none: for configuration, not for hot code. */
export function fieldNumber(name: string): number {
  return NUMBERS.get(name) ?? 0;
}
