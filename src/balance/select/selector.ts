/**
 * Choosing one of several weighted endpoints. One file per algorithm; state (turns, tables) lives in the Selector, and
 * health, limits and drain are only the `available` predicate, so that no algorithm knows about them.
 */

/** What `pick` returns when nothing may be chosen. */
export const NONE = -1;

/** Whether the candidate at this index may be chosen now. */
export type Available = (index: number) => boolean;

/** Uniform in [0, 1), as Math.random. */
export type Random = () => number;

/** Current load of a candidate, such as its requests in flight. */
export type Load = (index: number) => number;

export interface Selector {
  /**
   * Index of the chosen candidate, or NONE. `key` is an unsigned 32-bit hash for algorithms with affinity and ignored by
   * the others. A candidate of weight 0 is never chosen.
   */
  pick(key: number, available: Available, random: Random): number;
}

export type Algorithm = "roundRobin" | "random" | "leastConnections" | "maglev";
