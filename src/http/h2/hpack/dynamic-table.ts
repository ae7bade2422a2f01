/** A decoder's dynamic table (RFC 7541 section 2.3.2): newest entry first, oldest evicted when the size limit is passed. */

export interface DynamicEntry {
  /** The name's code (name-code.ts). */
  readonly code: number;
  readonly name: Uint8Array;
  readonly value: Uint8Array;
  /** Octets of name and value, and 32 (RFC 7541 section 4.1). */
  readonly size: number;
}

/** What an entry costs beyond its octets (RFC 7541 section 4.1). */
export const ENTRY_OVERHEAD = 32;

export class DynamicTable {
  #entries: (DynamicEntry | undefined)[] = [];
  /** Entries before this index are evicted; their places are dropped in bulk. */
  #oldest = 0;
  #size = 0;
  #maxSize: number;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get count(): number {
    return this.#entries.length - this.#oldest;
  }

  /** Sum of the entries' sizes. */
  get size(): number {
    return this.#size;
  }

  /** The entry added `age` additions before the newest, which is 0. */
  get(age: number): DynamicEntry | undefined {
    return age < this.count ? this.#entries[this.#entries.length - 1 - age] : undefined;
  }

  /** Adds an entry with octets of its own. One larger than the whole table empties it and is no error (section 4.4). */
  add(code: number, name: Uint8Array, value: Uint8Array): void {
    const size = name.length + value.length + ENTRY_OVERHEAD;
    this.#evictDownTo(this.#maxSize - size);
    if (size > this.#maxSize) return;
    this.#entries.push({ code, name, value, size });
    this.#size += size;
  }

  /** The peer's dynamic table size update (section 4.3). */
  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evictDownTo(maxSize);
  }

  #evictDownTo(size: number): void {
    while (this.#size > size && this.#oldest < this.#entries.length) {
      this.#size -= this.#entries[this.#oldest]!.size;
      this.#entries[this.#oldest++] = undefined;
    }
    if (this.#oldest === this.#entries.length || this.#oldest > 128) {
      this.#entries = this.#entries.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}
