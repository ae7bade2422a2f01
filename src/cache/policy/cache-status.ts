/** The Cache-Status field (RFC 9211): what this cache did with the request, for whoever debugs it. */

/** Why a request went on to the origin (RFC 9211 section 2.2). */
type Forwarded = "bypass" | "method" | "uri-miss" | "vary-miss" | "request" | "stale";

export interface CacheVerdict {
  readonly hit: boolean;
  readonly forwarded?: Forwarded;
  /** Status of the origin's answer, when it differs from what the client gets. */
  readonly forwardedStatus?: number;
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  /** Remaining freshness in seconds, negative when stale. */
  readonly ttl?: number;
  readonly detail?: string;
}

/** One member of the list: `fairway; fwd=uri-miss; stored`. */
export function cacheStatusText(verdict: CacheVerdict): string {
  let text = verdict.hit ? "fairway; hit" : `fairway; fwd=${verdict.forwarded ?? "bypass"}`;
  if (verdict.forwardedStatus !== undefined) text += `; fwd-status=${verdict.forwardedStatus}`;
  if (verdict.stored === true) text += "; stored";
  if (verdict.collapsed === true) text += "; collapsed";
  if (verdict.ttl !== undefined) text += `; ttl=${verdict.ttl}`;
  if (verdict.detail !== undefined) text += `; detail=${verdict.detail}`;
  return text;
}
