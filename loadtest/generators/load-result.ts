/** What a load generator has done and seen. */
export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  /** Payload and heads that were received, where the generator counts them. */
  readonly bytes: number;
  readonly faults: readonly string[];
  readonly note?: string;
}
