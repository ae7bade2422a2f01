/** What the writer has unpublished and may not reuse yet: a queue in the order of epochs, and behind it what is pinned. */

/** How much of an object a retired offset stands for: the chunk alone, or it and all that follow it. */
export const EXTENT = { chunk: 0, chain: 1 } as const;
export type Extent = (typeof EXTENT)[keyof typeof EXTENT];

const FIELDS = 3;

export class Retired {
  /** Offset, epoch, extent; a ring that doubles when it is full. */
  #entries = new Int32Array(1024 * FIELDS);
  #first = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(unit: number, epoch: number, extent: Extent): void {
    const capacity = this.#entries.length / FIELDS;
    if (this.#count === capacity) this.#grow(capacity);
    const at = ((this.#first + this.#count++) % (this.#entries.length / FIELDS)) * FIELDS;
    this.#entries[at] = unit;
    this.#entries[at + 1] = epoch;
    this.#entries[at + 2] = extent;
  }

  get firstUnit(): number {
    return this.#entries[this.#first * FIELDS]!;
  }

  get firstEpoch(): number {
    return this.#entries[this.#first * FIELDS + 1]!;
  }

  get firstExtent(): Extent {
    return this.#entries[this.#first * FIELDS + 2] === EXTENT.chain ? EXTENT.chain : EXTENT.chunk;
  }

  shift(): void {
    this.#first = (this.#first + 1) % (this.#entries.length / FIELDS);
    this.#count--;
  }

  #grow(capacity: number): void {
    const grown = new Int32Array(capacity * 2 * FIELDS);
    grown.set(this.#entries.subarray(this.#first * FIELDS));
    grown.set(this.#entries.subarray(0, this.#first * FIELDS), (capacity - this.#first) * FIELDS);
    this.#entries = grown;
    this.#first = 0;
  }
}
