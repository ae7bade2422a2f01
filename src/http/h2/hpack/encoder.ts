/**
 * Writes header blocks with the static table and literals without indexing (RFC 7541 section 6.2.2): no state, so a
 * block may be rendered once and sent on every connection. Values go as they are: Huffman saves a quarter of the octets
 * and costs more than all the rest.
 */
import { encodeInteger } from "./integer.ts";
import { STATIC_INDEX_OF_FIELD } from "./static-table.ts";

/** Octets that a literal field may need beyond its name and value. */
export const LITERAL_OVERHEAD = 12;

const INDEXED = 0x80;
/** Static index by status; others are a literal under the name of entry 8. */
const STATUS_INDEX: Readonly<Record<number, number>> = { 200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14 };
const STATUS_NAME = 8;

/** :status. At most 5 octets. */
export function encodeStatus(target: Uint8Array, at: number, status: number): number {
  const index = STATUS_INDEX[status];
  if (index !== undefined) {
    target[at] = INDEXED | index;
    return at + 1;
  }
  target[at++] = STATUS_NAME;
  target[at++] = 3;
  target[at++] = 0x30 + Math.trunc(status / 100);
  target[at++] = 0x30 + (Math.trunc(status / 10) % 10);
  target[at++] = 0x30 + (status % 10);
  return at;
}

/** The name of a field: an index when the static table knows `id`, else `name` [start, end) in lower case. */
export function encodeName(
  target: Uint8Array,
  at: number,
  id: number,
  name: Uint8Array,
  start: number,
  end: number,
): number {
  const index = STATIC_INDEX_OF_FIELD[id]!;
  if (index !== 0) return encodeInteger(target, at, 0, 4, index);
  target[at++] = 0;
  at = encodeInteger(target, at, 0, 7, end - start);
  for (let i = start; i < end; i++) {
    const octet = name[i]!;
    target[at++] = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
  }
  return at;
}

/** A string that is not Huffman-coded (RFC 7541 section 5.2). */
export function encodeString(target: Uint8Array, at: number, value: Uint8Array, start: number, end: number): number {
  at = encodeInteger(target, at, 0, 7, end - start);
  for (let i = start; i < end; i++) target[at++] = value[i]!;
  return at;
}

/** A decimal number as a string, such as Age or Content-Length. */
export function encodeDecimal(target: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  target[at] = digits;
  for (let i = at + digits, rest = value; i > at; i--, rest = Math.floor(rest / 10)) target[i] = 0x30 + (rest % 10);
  return at + 1 + digits;
}
