import { compileLeastConnections } from "./least-connections.ts";
import { compileMaglev } from "./maglev.ts";
import { compileRoundRobin } from "./round-robin.ts";
import type { Algorithm, Load, Selector } from "./selector.ts";
import { compileWeightedRandom } from "./weighted-random.ts";

export interface SelectorOptions {
  readonly algorithm: Algorithm;
  /** Names that tell candidates apart, the same in every process: maglev places them by name. */
  readonly names: readonly string[];
  /** One non-negative integer per name; 0 is never chosen. */
  readonly weights: readonly number[];
  /** Read by leastConnections. */
  readonly load: Load;
}

/** The Selector for an algorithm over these candidates. */
export function compileSelector(options: SelectorOptions): Selector {
  return COMPILERS[options.algorithm](options);
}

const COMPILERS: Readonly<Record<Algorithm, (options: SelectorOptions) => Selector>> = {
  roundRobin: ({ weights }) => compileRoundRobin(weights),
  random: ({ weights }) => compileWeightedRandom(weights),
  leastConnections: ({ weights, load }) => compileLeastConnections(weights, load),
  maglev: ({ names, weights }) => compileMaglev(names, weights),
};
