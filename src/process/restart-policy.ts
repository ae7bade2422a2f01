/** What to do when a supervised process has ended: pure, so that it reads as the rule. */
import { type BackoffPolicy, backoffMs } from "./backoff.ts";

export interface ProcessEnd {
  /** It had become ready. */
  readonly wasReady: boolean;
  readonly livedMs: number;
  /** Some process of the group has been ready once, so the options are good and giving up would stop those that serve. */
  readonly groupWasReady: boolean;
}

export type RestartDecision = { readonly action: "restart"; readonly afterMs: number } | { readonly action: "giveUp" };

export interface RestartState {
  /** Ends in a row that came too soon. */
  readonly failures: number;
}

export const NO_FAILURES: RestartState = { failures: 0 };

const BACKOFF: BackoffPolicy = { firstMs: 100, maxMs: 10_000 };
/** A process that served at least this long is replaced at once. */
const STEADY_MS = 1000;
/** So many starts in a row without ever becoming ready. */
const GIVE_UP_AFTER = 5;

export function decideRestart(
  state: RestartState,
  end: ProcessEnd,
  random: number,
): readonly [RestartState, RestartDecision] {
  if (end.wasReady && end.livedMs >= STEADY_MS) return [NO_FAILURES, { action: "restart", afterMs: 0 }];
  const failures = state.failures + 1;
  if (!end.groupWasReady && failures >= GIVE_UP_AFTER) return [{ failures }, { action: "giveUp" }];
  // One early death after having been ready is taken as chance: a kill, not a habit.
  const afterMs = end.wasReady && failures === 1 ? 0 : backoffMs(BACKOFF, failures - 1, random);
  return [{ failures }, { action: "restart", afterMs }];
}
