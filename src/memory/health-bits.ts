/**
 * One word per health-checked target, written by the main and read by every process on each choice of a backend. A word
 * holds the target's fingerprint and one bit: down. Whoever needs a target first, the main or a data process, claims its
 * word; all find the same one, so no table of numbers travels between processes.
 */
import type { Segment } from "./segment.ts";

const DOWN = 1;
/** Places tried for one target. When all are taken by others the target is not judged, so counts as up. */
const WINDOW = 16;

export class HealthBits {
  readonly capacity: number;
  readonly #words: Int32Array;

  constructor(segment: Segment) {
    this.capacity = segment.layout.healthTargets;
    this.#words = new Int32Array(segment.control.buffer, segment.layout.health, this.capacity);
  }

  /** `word` is what `claim` returned; -1 (no word) is up. What was never probed is up: a start does not begin with refusals. */
  isHealthy(word: number): boolean {
    return word < 0 || (this.#words[word]! & DOWN) === 0;
  }

  /** The word of the target with this key, claimed now when it has none yet; -1 when there is no room. */
  claim(key: string): number {
    if (this.capacity === 0) return -1;
    const fingerprint = hash(key, 0x811c9dc5) & ~DOWN || 2;
    const home = (hash(key, 0x9e3779b1) >>> 0) % this.capacity;
    const window = Math.min(WINDOW, this.capacity);
    // A word that it has already, before a free one nearer home: that one was another's when the first claim was made.
    for (let step = 0; step < window; step++) {
      const word = (home + step) % this.capacity;
      if ((Atomics.load(this.#words, word) & ~DOWN) === fingerprint) return word;
    }
    for (let step = 0; step < window; step++) {
      const word = (home + step) % this.capacity;
      const found = Atomics.compareExchange(this.#words, word, 0, fingerprint);
      if (found === 0 || (found & ~DOWN) === fingerprint) return word;
    }
    return -1;
  }

  /** Main only. */
  mark(word: number, healthy: boolean): void {
    if (word < 0) return;
    if (healthy) Atomics.and(this.#words, word, ~DOWN);
    else Atomics.or(this.#words, word, DOWN);
  }

  /** Main only, for a target that no configuration names any more: its word may be claimed for another. */
  release(word: number): void {
    if (word >= 0) Atomics.store(this.#words, word, 0);
  }
}

function hash(key: string, seed: number): number {
  let value = seed | 0;
  for (let i = 0; i < key.length; i++) value = Math.imul(value ^ key.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 15), 0x85ebca6b);
  return value ^ (value >>> 13);
}
