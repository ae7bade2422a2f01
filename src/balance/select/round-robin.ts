/**
 * Smooth weighted round robin: every candidate gains its weight each turn, the richest is chosen and pays the sum. Exact
 * proportions over one cycle without bursts: weights 5, 1, 1 give a a b a c a a. With equal weights it is a plain turn.
 */
import { NONE, type Available, type Random, type Selector } from "./selector.ts";

export function compileRoundRobin(weights: readonly number[]): Selector {
  const equal = weights.every((weight) => weight > 0 && weight === weights[0]);
  return equal ? new EqualTurns(weights.length) : new SmoothTurns(weights);
}

class EqualTurns implements Selector {
  readonly #count: number;
  #next = -1;

  constructor(count: number) {
    this.#count = count;
  }

  pick(_key: number, available: Available, random: Random): number {
    const count = this.#count;
    // Each process begins at a place of its own, so that many processes do not all begin with the first candidate.
    let index = this.#next < 0 ? Math.floor(random() * count) : this.#next;
    for (let tried = 0; tried < count; tried++) {
      const chosen = index;
      index = index + 1 === count ? 0 : index + 1;
      if (available(chosen)) {
        this.#next = index;
        return chosen;
      }
    }
    return NONE;
  }
}

class SmoothTurns implements Selector {
  readonly #weights: Float64Array;
  readonly #credit: Float64Array;
  #started = false;

  constructor(weights: readonly number[]) {
    this.#weights = Float64Array.from(weights);
    this.#credit = new Float64Array(weights.length);
  }

  pick(_key: number, available: Available, random: Random): number {
    if (!this.#started) this.#start(random);
    const weights = this.#weights;
    const credit = this.#credit;
    let total = 0;
    let best = NONE;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] === 0 || !available(i)) continue;
      total += weights[i]!;
      credit[i] = credit[i]! + weights[i]!;
      if (best === NONE || credit[i]! > credit[best]!) best = i;
    }
    if (best !== NONE) credit[best] = credit[best]! - total;
    return best;
  }

  /** Begins somewhere within the first cycle, at a place of this process's own. */
  #start(random: Random): void {
    this.#started = true;
    const turns = Math.floor(random() * this.#weights.length);
    for (let i = 0; i < turns; i++) this.pick(0, always, random);
  }
}

const always = (): boolean => true;
