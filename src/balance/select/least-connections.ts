/**
 * Power of two choices: of two candidates drawn at random by weight, the one with less load per weight. Nearly as even as
 * looking at all of them, and it does not herd when several processes each see only their own load.
 */
import { NONE, type Available, type Load, type Random, type Selector } from "./selector.ts";
import { compileWeightedRandom } from "./weighted-random.ts";

export function compileLeastConnections(weights: readonly number[], load: Load): Selector {
  return new LeastConnections(weights, load);
}

class LeastConnections implements Selector {
  readonly #weights: Float64Array;
  readonly #load: Load;
  readonly #draw: Selector;
  readonly #isSecondChoice: Available;
  #first = NONE;
  #available: Available = never;

  constructor(weights: readonly number[], load: Load) {
    this.#weights = Float64Array.from(weights);
    this.#load = load;
    this.#draw = compileWeightedRandom(weights);
    this.#isSecondChoice = (index) => index !== this.#first && this.#available(index);
  }

  pick(key: number, available: Available, random: Random): number {
    const first = this.#draw.pick(key, available, random);
    if (first === NONE) return NONE;
    this.#first = first;
    this.#available = available;
    const second = this.#draw.pick(key, this.#isSecondChoice, random);
    if (second === NONE) return first;
    return this.#cost(second) < this.#cost(first) ? second : first;
  }

  /** Load per weight, as if the request were already there: of two idle candidates the heavier is preferred. */
  #cost(index: number): number {
    return (this.#load(index) + 1) / this.#weights[index]!;
  }
}

const never = (): boolean => false;
