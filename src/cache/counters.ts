/** What the cache tells those who count. Implementations add to slots: no allocation, no I/O. */

/** What the client got; also `notes.cache`. */
export type CacheOutcome = "hit" | "miss" | "stale" | "revalidated" | "bypass" | "collapsed";

export interface CacheCounters {
  onOutcome(outcome: CacheOutcome): void;
  /** Body bytes from an origin for requests that the cache did not pass. */
  onOriginBytes(bytes: number): void;
}
