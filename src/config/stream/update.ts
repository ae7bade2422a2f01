/** What a reader of the config stream is given: one atomic step from one configuration to the next. */
import type { Entry } from "#src/config/model.ts";

export interface ConfigUpdate {
  readonly upsert: readonly Entry[];
  /** Keys. */
  readonly remove: readonly string[];
  /** Everything after this step. Not changed later: every step has a map of its own. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** Names the whole: equal digests mean equal entries. */
  readonly digest: string;
}

/** An entry that its reader could not use; the version that it used before goes on. */
export interface Rejection {
  readonly key: string;
  readonly version: string;
  readonly reason: string;
}

/** What really became of an entry: a listener `bound`, a summary of a backend's health. */
export interface Observation {
  readonly key: string;
  readonly version: string;
  readonly state: string;
}

/** Something to do once, beside the configuration: `purge`, `drain`, `tail`. */
export interface Command {
  readonly name: string;
  readonly argument: unknown;
}
