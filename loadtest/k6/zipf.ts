/**
 * Keys as a cache sees them: the one of rank r is asked for in proportion to 1 / r^exponent. With exponent 1 and a
 * thousand keys the first ten take two fifths of all requests.
 */
export class Zipf {
  /** Share of all requests that goes to ranks 0 to i. */
  readonly #cumulative: Float64Array;

  constructor(keys: number, exponent: number) {
    this.#cumulative = new Float64Array(keys);
    let sum = 0;
    for (let rank = 0; rank < keys; rank++) {
      sum += (rank + 1) ** -exponent;
      this.#cumulative[rank] = sum;
    }
    for (let rank = 0; rank < keys; rank++) this.#cumulative[rank]! /= sum;
  }

  /** The rank, from 0, that a random number in [0, 1) falls to. */
  rankOf(random: number): number {
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cumulative[middle]! <= random) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
