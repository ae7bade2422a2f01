/** What a bench is: contenders that do the same work in turn, and the bars that ours must hold. */
import type { TestBed } from "./test-bed.ts";

/** One measurement of one contender. */
export interface Sample {
  /** In the bench's unit; less is better. */
  readonly cost: number;
  /** The parts of a cost that is CPU time, in the same unit. */
  readonly user?: number;
  readonly system?: number;
  readonly operations?: number;
  /** Operations per second. */
  readonly rate?: number;
  /** What was not as it must be: wrong status, bytes, rcode, a miss where a hit was due, errors of the generator. */
  readonly faults: readonly string[];
  /** What else the reader should know: bytes of headers a response. */
  readonly note?: string;
}

export interface Contender {
  /** "fairway" is ours. */
  readonly name: string;
  /** Each measurement starts a process of its own, so there is nothing to warm up. */
  readonly isFresh?: boolean;
  /** Works for about so many seconds. */
  readonly measure: (seconds: number) => Promise<Sample>;
}

/** The most that a contender of ours may cost. */
export type Bar = {
  /** The contender in question. Default "fairway". */
  readonly subject?: string;
  readonly atMost: number;
} & (
  | { readonly kind: "ratio"; readonly peer: string }
  /** In the bench's unit, above the peer. */
  | { readonly kind: "difference"; readonly peer: string }
  /** In the bench's unit. */
  | { readonly kind: "value" }
);

export interface Bench {
  readonly name: string;
  /** What is measured, in one line. */
  readonly help: string;
  readonly unit: string;
  /** The first is the one whose ratio is the bench's. */
  readonly bars: readonly [Bar, ...Bar[]];
  /** What must be installed. */
  readonly programs: readonly string[];
  /** Peers' programs that `prepare` can do without, when the bed says that they are left out. */
  readonly optional?: readonly string[];
  /** Starts the contenders, ours first; what they need lives as long as the bed. */
  readonly prepare: (bed: TestBed) => Promise<readonly Contender[]>;
}
