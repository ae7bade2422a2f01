/** HPACK integers (RFC 7541 section 5.1): the low bits of a first octet, then seven bits an octet, least first. */

/** A place in bytes being decoded; readers advance `at`. */
export interface Cursor {
  bytes: Uint8Array;
  at: number;
  end: number;
}

/** More than any length or index that limits allow, and small enough that sums stay exact 32-bit integers. */
const MAX_INTEGER = 0x0fff_ffff;

/** The integer whose first octet (at `cursor.at`) carries `prefixBits` bits of it; -1 when it is cut off or too large. */
export function decodeInteger(cursor: Cursor, prefixBits: number): number {
  const { bytes, end } = cursor;
  let at = cursor.at;
  if (at >= end) return -1;
  const mask = (1 << prefixBits) - 1;
  let value = bytes[at++]! & mask;
  if (value === mask) {
    for (let shift = 0; ; shift += 7) {
      if (at >= end || shift > 21) return -1;
      const octet = bytes[at++]!;
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) break;
    }
    if (value > MAX_INTEGER) return -1;
  }
  cursor.at = at;
  return value;
}

/** Writes `value` behind `flags` (the bits above the prefix); returns the position after it. At most 6 octets. */
export function encodeInteger(
  target: Uint8Array,
  at: number,
  flags: number,
  prefixBits: number,
  value: number,
): number {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    target[at] = flags | value;
    return at + 1;
  }
  target[at++] = flags | mask;
  let rest = value - mask;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at] = rest;
  return at + 1;
}
