/**
 * The fields that rdata is made of. A record type is a list of them (one file a type); reading from a message, text to
 * wire and wire to text follow from the list.
 */
import { formatCharacterString, unescape } from "../character-string.ts";
import { readUint16, readUint32 } from "../header.ts";
import { MAX_NAME_BYTES, nameLength, readName, skipName } from "../name.ts";
import { formatName, parseName } from "../name-text.ts";
import type { OctetWriter } from "../octet-writer.ts";
import type { Tokens } from "./tokens.ts";

/** Why a text or a message's bytes are no such field, in words that follow "Cannot read MX: ". */
export type RdataFault = string;

export interface Field {
  /**
   * Copies the field at `at` to `out` with names decompressed. The rdata ends at `end`, the message begins at `start`.
   * Returns where the field ends, or -1.
   */
  decode(message: Uint8Array, start: number, at: number, end: number, out: OctetWriter): number;
  /** Takes the field's text from `tokens`; names are relative to `origin`. Returns a fault or undefined. */
  parse(tokens: Tokens, origin: Uint8Array | undefined, out: OctetWriter): RdataFault | undefined;
  /** End of the field at `at` of decompressed rdata that ends at `end`, or -1 when it is malformed. */
  measure(rdata: Uint8Array, at: number, end: number): number;
  /** Text of the well-formed field [at, end). */
  format(rdata: Uint8Array, at: number, end: number): string;
  /** A name that may be compressed in messages: the types of RFC 1035 alone (RFC 3597 section 4). */
  readonly compressible: boolean;
}

const fixed = (bytes: number) => (_: Uint8Array, at: number, end: number) => (at + bytes <= end ? at + bytes : -1);

/** A field without names is copied as it is. */
const verbatim = (measure: Field["measure"]): Pick<Field, "measure" | "decode" | "compressible"> => ({
  measure,
  compressible: false,
  decode(message, _start, at, end, out) {
    const next = measure(message, at, end);
    if (next >= 0) out.octets(message.subarray(at, next));
    return next;
  },
});

/** Whole decimal number within [0, max], or undefined. */
const parseDecimal = (text: string, max: number): number | undefined =>
  /^\d{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined;

function integer(label: string, bytes: 1 | 2 | 4, parseText = parseDecimal): Field {
  const max = 2 ** (8 * bytes) - 1;
  return {
    ...verbatim(fixed(bytes)),
    parse(tokens, _origin, out) {
      const text = tokens.word();
      if (text === undefined) return `${label} is missing`;
      const value = parseText(text, max);
      if (value === undefined) return `${label} ${text} is not a number from 0 to ${max}`;
      if (bytes === 1) out.uint8(value);
      else if (bytes === 2) out.uint16(value);
      else out.uint32(value);
      return undefined;
    },
    format: (rdata, at) =>
      String(bytes === 1 ? rdata[at]! : bytes === 2 ? readUint16(rdata, at) : readUint32(rdata, at)),
  };
}

export const uint8 = (label: string): Field => integer(label, 1);
export const uint16 = (label: string): Field => integer(label, 2);
export const uint32 = (label: string): Field => integer(label, 4);
/** Seconds, as a number or with BIND's units (`1h30m`). */
export const seconds = (label: string): Field => integer(label, 4, parseSeconds);

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `3600`, `1h`, `1w2d3h4m5s` in any case; undefined when it is no duration or above `max` seconds. */
export function parseSeconds(text: string, max: number): number | undefined {
  if (/^\d+$/.test(text)) return parseDecimal(text, max);
  if (!/^(\d{1,10}[smhdw])+$/i.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([a-z])/gi)) total += Number(count) * UNITS[unit!.toLowerCase()]!;
  return total <= max ? total : undefined;
}

/** A domain name. */
export function name(label: string, options: { readonly compressible: boolean }): Field {
  const buffer = new Uint8Array(MAX_NAME_BYTES);
  return {
    compressible: options.compressible,
    decode(message, start, at, end, out) {
      const next = skipName(message, at, end);
      const length = next < 0 ? -1 : readName(message, start, message.length, at, buffer, 0);
      if (length < 0) return -1;
      out.octets(buffer.subarray(0, length));
      return next;
    },
    parse(tokens, origin, out) {
      const text = tokens.word();
      if (text === undefined) return `${label} is missing`;
      const parsed = parseName(text, origin);
      if (typeof parsed === "string") return `${label} ${text} is not a name (${parsed})`;
      out.octets(parsed);
      return undefined;
    },
    measure(rdata, at, end) {
      const next = skipName(rdata, at, end);
      return next >= 0 && at + nameLength(rdata, at) === next ? next : -1;
    },
    format: (rdata, at) => formatName(rdata, at),
  };
}

/** A character string: a length byte and up to 255 bytes. */
export const characterString = (label: string): Field => ({
  ...verbatim((rdata, at, end) => (at < end && at + 1 + rdata[at]! <= end ? at + 1 + rdata[at]! : -1)),
  parse(tokens, _origin, out) {
    const token = tokens.next();
    if (token === undefined) return `${label} is missing`;
    const bytes = unescape(token.text);
    if (bytes === undefined) return `${label} has a broken escape`;
    if (bytes.length > 255) return `${label} has ${bytes.length} bytes, more than 255`;
    out.uint8(bytes.length);
    out.octets(bytes);
    return undefined;
  },
  format: (rdata, at, end) => formatCharacterString(rdata, at + 1, end),
});

/** All that is left of the rdata, as text in `quoted` form without a length byte. */
export const restAsString = (label: string): Field => ({
  ...verbatim((_rdata, _at, end) => end),
  parse(tokens, _origin, out) {
    const token = tokens.next();
    if (token === undefined) return `${label} is missing`;
    const bytes = unescape(token.text);
    if (bytes === undefined) return `${label} has a broken escape`;
    out.octets(bytes);
    return undefined;
  },
  format: (rdata, at, end) => formatCharacterString(rdata, at, end),
});

/** All that is left of the rdata in hexadecimal, spaces allowed. */
export const restAsHex = (label: string): Field => ({
  ...verbatim((_rdata, _at, end) => end),
  parse(tokens, _origin, out) {
    const text = tokens.rest().join("");
    if (!/^([0-9a-f]{2})+$/i.test(text)) return `${label} is not hexadecimal`;
    out.octets(Uint8Array.fromHex(text));
    return undefined;
  },
  format: (rdata, at, end) => rdata.subarray(at, end).toHex().toUpperCase(),
});
