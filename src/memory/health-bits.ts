/** One word per health-checked target, written by the main and read by every process on each choice of a backend. */
import type { Segment } from "./segment.ts";

/** Values of a word. What was never probed is taken as up, so that a start does not begin with refusals. */
const UP = 0;
const DOWN = 1;

export class HealthBits {
  readonly capacity: number;
  readonly #words: Int32Array;

  constructor(segment: Segment) {
    this.capacity = segment.layout.healthTargets;
    this.#words = new Int32Array(segment.control.buffer, segment.layout.health, this.capacity);
  }

  isHealthy(target: number): boolean {
    return this.#words[target] !== DOWN;
  }

  /** Main only. */
  mark(target: number, healthy: boolean): void {
    if (target >= this.capacity)
      throw new Error(`Cannot mark target ${target}: the segment has ${this.capacity} health words`);
    Atomics.store(this.#words, target, healthy ? UP : DOWN);
  }
}
