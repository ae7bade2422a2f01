/** Bytes that a handler has not consumed, kept until they are shown to it again in front of newer ones. */
import type { Slab } from "./slab.ts";

export class Rest {
  #bytes: Uint8Array = new Uint8Array(0);
  length = 0;

  /** Puts the kept bytes at the beginning of `slab`, and returns how many they are. */
  show(slab: Slab): number {
    slab.bytes.set(this.#bytes.subarray(0, this.length), 0);
    return this.length;
  }

  /** Keeps [start, end) of `slab` in place of what was kept before. */
  keep(slab: Slab, start: number, end: number): void {
    const length = end - start;
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(Math.max(length, 1024));
    this.#bytes.set(slab.bytes.subarray(start, end), 0);
    this.length = length;
  }
}
