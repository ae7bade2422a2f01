/** Byte strings to values, looked up by ranges of an arena: no text is made per request. Built once, never changed. */

const BASIS = 0x811c9dc5;
const PRIME = 0x01000193;
const EMPTY = -1;

/** FNV-1a, one byte further. */
export const hashByte = (hash: number, byte: number): number => Math.imul(hash ^ byte, PRIME);

export const HASH_BASIS: number = BASIS | 0;

export function hashRange(bytes: Uint8Array, start: number, end: number): number {
  let hash = HASH_BASIS;
  for (let i = start; i < end; i++) hash = hashByte(hash, bytes[i]!);
  return hash;
}

/** As hashRange over the ASCII-lower-case form. */
export function hashLowerRange(bytes: Uint8Array, start: number, end: number): number {
  let hash = HASH_BASIS;
  for (let i = start; i < end; i++) hash = hashByte(hash, lower(bytes[i]!));
  return hash;
}

export const lower = (byte: number): number => (byte >= 65 && byte <= 90 ? byte | 32 : byte);

export class ByteMap<Value> {
  readonly #keys: Uint8Array[] = [];
  readonly #values: Value[] = [];
  readonly #hashes: Int32Array;
  /** Open addressing: index of an entry, or EMPTY. */
  readonly #slots: Int32Array;
  readonly #mask: number;
  /** Length of the longest key. */
  readonly longest: number;

  constructor(entries: Iterable<readonly [string, Value]>) {
    for (const [key, value] of entries) {
      this.#keys.push(Buffer.from(key, "latin1"));
      this.#values.push(value);
    }
    this.#hashes = Int32Array.from(this.#keys, (key) => hashRange(key, 0, key.length));
    this.longest = this.#keys.reduce((most, key) => Math.max(most, key.length), 0);
    let size = 4;
    while (size < this.#keys.length * 2) size *= 2;
    this.#mask = size - 1;
    this.#slots = new Int32Array(size).fill(EMPTY);
    for (let i = 0; i < this.#keys.length; i++) {
      let slot = this.#hashes[i]! & this.#mask;
      while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = i;
    }
  }

  get size(): number {
    return this.#keys.length;
  }

  /** The value whose key is exactly bytes [start, end), whose hash the caller has. */
  get(hash: number, bytes: Uint8Array, start: number, end: number): Value | undefined {
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const i = this.#slots[slot]!;
      if (i === EMPTY) return undefined;
      if (this.#hashes[i] === hash && sameBytes(this.#keys[i]!, bytes, start, end)) return this.#values[i];
    }
  }

  /** As `get` for keys in lower case, whatever the case of the bytes. `hash` is of the lower-case form. */
  getLower(hash: number, bytes: Uint8Array, start: number, end: number): Value | undefined {
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const i = this.#slots[slot]!;
      if (i === EMPTY) return undefined;
      if (this.#hashes[i] === hash && sameLowerBytes(this.#keys[i]!, bytes, start, end)) return this.#values[i];
    }
  }
}

export function sameBytes(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0; i < key.length; i++) if (key[i] !== bytes[start + i]) return false;
  return true;
}

function sameLowerBytes(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0; i < key.length; i++) if (key[i] !== lower(bytes[start + i]!)) return false;
  return true;
}
