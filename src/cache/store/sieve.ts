/**
 * SIEVE (Zhang and others, NSDI 2024): a queue in the order of insertion and a hand that goes from old to new; what was
 * visited since the hand came by stays where it is, what was not is evicted. A hit writes one word and moves nothing.
 */
const NONE = -1;

export class Sieve {
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  readonly #present: Uint8Array;
  #newest = NONE;
  #oldest = NONE;
  #hand = NONE;
  #count = 0;

  constructor(slots: number) {
    this.#newer = new Int32Array(slots);
    this.#older = new Int32Array(slots);
    this.#present = new Uint8Array(slots);
  }

  get count(): number {
    return this.#count;
  }

  insert(slot: number): void {
    if (this.#present[slot] === 1) return;
    this.#present[slot] = 1;
    this.#count++;
    this.#older[slot] = this.#newest;
    this.#newer[slot] = NONE;
    if (this.#newest !== NONE) this.#newer[this.#newest] = slot;
    else this.#oldest = slot;
    this.#newest = slot;
  }

  remove(slot: number): void {
    if (this.#present[slot] === 0) return;
    this.#present[slot] = 0;
    this.#count--;
    const [newer, older] = [this.#newer[slot]!, this.#older[slot]!];
    if (this.#hand === slot) this.#hand = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
  }

  /** The slot to evict, -1 when there is none. `takeVisited` tells whether a slot was visited, and forgets it. */
  victim(takeVisited: (slot: number) => boolean): number {
    if (this.#count === 0) return NONE;
    for (let slot = this.#hand === NONE ? this.#oldest : this.#hand, passed = 0; ; passed++) {
      const newer = this.#newer[slot]!;
      if (!takeVisited(slot) || passed > this.#count) {
        this.#hand = slot;
        return slot;
      }
      slot = newer === NONE ? this.#oldest : newer;
    }
  }
}
