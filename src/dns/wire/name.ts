/**
 * Domain names as wire bytes (RFC 1035 section 3.1): labels with their length byte, ending in the root's zero byte, at
 * most 255 bytes in all. Compared without regard to the case of ASCII letters (RFC 4343), kept as they were written.
 */

export const MAX_NAME_BYTES = 255;
export const MAX_LABEL_BYTES = 63;

/** The root as wire bytes. */
export const ROOT: Uint8Array = new Uint8Array(1);

/** FNV-1a's offset basis: the seed of name hashes that need no secret. */
export const HASH_SEED = 0x811c9dc5;
const HASH_PRIME = 0x01000193;

export type NameFault = "emptyLabel" | "labelTooLong" | "nameTooLong" | "badEscape" | "noOrigin";

const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));

/** A byte with ASCII letters folded to lower case. */
export const lowerByte = (byte: number): number => LOWER[byte]!;

/**
 * Hash of the uncompressed name in [start, end), the same in any case. It runs from the root to the front, so that one
 * pass yields the hash of every parent on its way (continueHash).
 */
export function hashName(bytes: Uint8Array, start: number, end: number, seed: number = HASH_SEED): number {
  return continueHash(bytes, start, end, seed);
}

/** The hash of the name from `start` when `hash` is that of its parent from `end`. The seed is the hash of nothing. */
export function continueHash(bytes: Uint8Array, start: number, end: number, hash: number): number {
  let value = hash;
  // Setting the bit of lower case in every byte is enough: names that then look alike are told apart by comparison.
  for (let at = end - 1; at >= start; at--) value = Math.imul(value ^ (bytes[at]! | 0x20), HASH_PRIME);
  return value | 0;
}

/** Whether `length` bytes of two uncompressed names agree, letter case aside. */
export function equalNames(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let at = 0; at < length; at++) {
    const left = a[aStart + at]!;
    const right = b[bStart + at]!;
    if (left !== right && LOWER[left]! !== LOWER[right]!) return false;
  }
  return true;
}

/** Whether two whole names are the same, letter case aside. */
export const isSameName = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && equalNames(a, 0, b, 0, a.length);

/** Length in bytes of the uncompressed, well-formed name at `start`, its final zero included. */
export function nameLength(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at]! !== 0) at += bytes[at]! + 1;
  return at + 1 - start;
}

/** Whether `name` is `ancestor` or lies below it. */
export function isAtOrBelow(name: Uint8Array, ancestor: Uint8Array): boolean {
  let at = 0;
  while (name.length - at > ancestor.length) at += name[at]! + 1;
  return name.length - at === ancestor.length && equalNames(name, at, ancestor, 0, ancestor.length);
}

/** Whether the name is `*` or `*.something` (RFC 4592 section 2.1.1). */
export const isWildcardName = (name: Uint8Array): boolean => name[0] === 1 && name[1] === 0x2a;

/** The name as a key of maps: lower case, one character a byte. */
export function nameKey(name: Uint8Array): string {
  const { length } = name;
  for (let at = 0; at < length; at++) folded[at] = LOWER[name[at]!]!;
  return folded.toString("latin1", 0, length);
}

/** For the name that is being made a key. */
const folded = Buffer.alloc(MAX_NAME_BYTES);

/** Canonical order of names (RFC 4034 section 6.1): by labels from the root, as lower-case byte strings. */
export function compareNames(a: Uint8Array, b: Uint8Array): number {
  const left = labelStarts(a);
  const right = labelStarts(b);
  for (let depth = 1; depth <= Math.min(left.length, right.length); depth++) {
    const order = compareLabels(a, left[left.length - depth]!, b, right[right.length - depth]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Offsets of the length bytes of a name's labels, the root's left out. */
export function labelStarts(name: Uint8Array): number[] {
  const starts: number[] = [];
  for (let at = 0; name[at]! !== 0; at += name[at]! + 1) starts.push(at);
  return starts;
}

function compareLabels(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number): number {
  const aLength = a[aStart]!;
  const bLength = b[bStart]!;
  for (let at = 1; at <= Math.min(aLength, bLength); at++) {
    const order = LOWER[a[aStart + at]!]! - LOWER[b[bStart + at]!]!;
    if (order !== 0) return order;
  }
  return aLength - bLength;
}

/**
 * Copies the name at `at` of the message in [start, end) to `out` from `outAt`, following compression pointers (RFC 1035
 * section 4.1.4). A pointer must point before the run of labels that it ends, so no chain can loop.
 * Returns the copied length, or -1 when the name is malformed; `skipName` tells where it ends in the message.
 */
export function readName(
  message: Uint8Array,
  start: number,
  end: number,
  at: number,
  out: Uint8Array,
  outAt: number,
): number {
  let from = at;
  let bound = at;
  let length = 0;
  while (from < end) {
    const byte = message[from]!;
    if (byte >= 0xc0) {
      if (from + 2 > end) return -1;
      const target = start + (((byte & 0x3f) << 8) | message[from + 1]!);
      if (target >= bound) return -1;
      from = target;
      bound = target;
      continue;
    }
    if (byte > MAX_LABEL_BYTES || from + 1 + byte > end || length + 1 + byte > MAX_NAME_BYTES) return -1;
    if (outAt + length + 1 + byte > out.length) return -1;
    for (let index = 0; index <= byte; index++) out[outAt + length + index] = message[from + index]!;
    length += byte + 1;
    if (byte === 0) return length;
    from += byte + 1;
  }
  return -1;
}

/** Where the possibly compressed name at `at` ends, or -1 when it does not end before `end`. Pointers are not followed. */
export function skipName(message: Uint8Array, at: number, end: number): number {
  let from = at;
  while (from < end) {
    const byte = message[from]!;
    if (byte >= 0xc0) return from + 2 <= end ? from + 2 : -1;
    if (byte > MAX_LABEL_BYTES) return -1;
    from += byte + 1;
    if (byte === 0) return from;
    if (from - at > MAX_NAME_BYTES) return -1;
  }
  return -1;
}
