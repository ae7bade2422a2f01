/** The static table (RFC 7541 appendix A), also laid out as octets so that an arena can carry it in front. */
import { FIELD_NAMES } from "../../field.ts";
import { nameCode } from "./name-code.ts";

const ENTRIES: readonly (readonly [string, string?])[] = [
  [":authority"],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset"],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language"],
  ["accept-ranges"],
  ["accept"],
  ["access-control-allow-origin"],
  ["age"],
  ["allow"],
  ["authorization"],
  ["cache-control"],
  ["content-disposition"],
  ["content-encoding"],
  ["content-language"],
  ["content-length"],
  ["content-location"],
  ["content-range"],
  ["content-type"],
  ["cookie"],
  ["date"],
  ["etag"],
  ["expect"],
  ["expires"],
  ["from"],
  ["host"],
  ["if-match"],
  ["if-modified-since"],
  ["if-none-match"],
  ["if-range"],
  ["if-unmodified-since"],
  ["last-modified"],
  ["link"],
  ["location"],
  ["max-forwards"],
  ["proxy-authenticate"],
  ["proxy-authorization"],
  ["range"],
  ["referer"],
  ["refresh"],
  ["retry-after"],
  ["server"],
  ["set-cookie"],
  ["strict-transport-security"],
  ["transfer-encoding"],
  ["user-agent"],
  ["vary"],
  ["via"],
  ["www-authenticate"],
];

/** Highest index of the static table; the dynamic table's newest entry follows. */
export const STATIC_ENTRIES = ENTRIES.length;

/** Names and values of all entries, one behind the other. */
export const STATIC_BYTES: Uint8Array = new TextEncoder().encode(
  ENTRIES.map(([name, value]) => name + (value ?? "")).join(""),
);

/** By index: name start, name end (which is value start), value end in STATIC_BYTES. Index 0 is unused. */
export const STATIC_RANGES = new Int32Array((STATIC_ENTRIES + 1) * 3);

/** By index: the name's code (name-code.ts). */
export const STATIC_CODES = new Int8Array(STATIC_ENTRIES + 1);

/** By field number: the first index with that name, 0 when the table has none. */
export const STATIC_INDEX_OF_FIELD = new Uint8Array(FIELD_NAMES.length);

let position = 0;
for (const [i, [name, value]] of ENTRIES.entries()) {
  const nameEnd = position + name.length;
  const valueEnd = nameEnd + (value ?? "").length;
  const code = nameCode(STATIC_BYTES, position, nameEnd);
  STATIC_RANGES.set([position, nameEnd, valueEnd], (i + 1) * 3);
  STATIC_CODES[i + 1] = code;
  if (code > 0) STATIC_INDEX_OF_FIELD[code] = i + 1;
  position = valueEnd;
}
