/** A set of records with one owner and type (RFC 2181 section 5), as the resolver keeps and passes it. */
export interface RrSet {
  /** Name key (name-key.ts). */
  readonly owner: string;
  readonly type: number;
  /** Seconds, as received and capped. */
  readonly ttl: number;
  /** Uncompressed rdata of each record. */
  readonly rdata: readonly Uint8Array[];
}

/** What a resolution came to. TTLs in the sets are those left at the time it ended. */
export interface Outcome {
  readonly rcode: number;
  readonly answer: readonly RrSet[];
  /** The SOA of a negative answer (RFC 2308), else empty. */
  readonly authority: readonly RrSet[];
  /** Seconds for which the whole may be kept, 0 for not at all. */
  readonly ttl: number;
  /** Why it failed, for the log; "" when it did not. */
  readonly reason: string;
}
