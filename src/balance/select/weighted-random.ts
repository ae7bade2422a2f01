/** Weighted random choice: stateless, and even over any number of processes. */
import { NONE, type Available, type Random, type Selector } from "./selector.ts";

export function compileWeightedRandom(weights: readonly number[]): Selector {
  return new WeightedRandom(weights);
}

class WeightedRandom implements Selector {
  readonly #weights: Float64Array;
  /** Running sums of the weights. */
  readonly #upTo: Float64Array;

  constructor(weights: readonly number[]) {
    this.#weights = Float64Array.from(weights);
    this.#upTo = new Float64Array(weights.length);
    let sum = 0;
    for (let i = 0; i < weights.length; i++) this.#upTo[i] = sum += weights[i]!;
  }

  pick(_key: number, available: Available, random: Random): number {
    const upTo = this.#upTo;
    const total = upTo.length === 0 ? 0 : upTo[upTo.length - 1]!;
    if (total === 0) return NONE;
    const chosen = firstAbove(upTo, random() * total);
    return available(chosen) ? chosen : this.#pickAmongAvailable(available, random);
  }

  /** The first draw was not available: draws once more, in proportion among those that are. */
  #pickAmongAvailable(available: Available, random: Random): number {
    const weights = this.#weights;
    let total = 0;
    for (let i = 0; i < weights.length; i++) if (weights[i]! > 0 && available(i)) total += weights[i]!;
    let left = random() * total;
    let last = NONE;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] === 0 || !available(i)) continue;
      last = i;
      left -= weights[i]!;
      if (left < 0) return i;
    }
    return last;
  }
}

/** Index of the first running sum greater than `point`. */
function firstAbove(upTo: Float64Array, point: number): number {
  let low = 0;
  let high = upTo.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (upTo[middle]! > point) high = middle;
    else low = middle + 1;
  }
  return low;
}
