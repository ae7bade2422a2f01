/** What a watch does after its stream has ended: pure, so that it reads as the rule. */
import { type BackoffPolicy, backoffMs } from "#src/process/backoff.ts";

export interface StreamEnd {
  readonly reason:
    /** At the time that we had asked for. */
    | "planned"
    /** By the server, before that. */
    | "closed"
    /** The connection broke. */
    | "cut"
    /** Nothing came for too long, not even a bookmark. */
    | "silent"
    /** The server does not remember that far back (410). */
    | "expired"
    /** A line that cannot be read, or was too long: an event was missed. */
    | "unreadable"
    /** The kind is not known any more (404). */
    | "absent"
    /** The request is not accepted (403, and the like). */
    | "refused"
    /** Nobody answers, or the server has no time (429, 5xx). */
    | "unavailable";
  readonly detail: string;
  /** At least one event or bookmark came. */
  readonly progressed: boolean;
  readonly livedMs: number;
  readonly retryAfterMs?: number | undefined;
}

export interface StepState {
  /** Ends in a row that came too soon. */
  readonly failures: number;
  /** Streams in a row that were opened and brought nothing. */
  readonly barren: number;
  /** Lists in a row from whose end the server could not go on. */
  readonly expiries: number;
}

export interface Step {
  readonly next: "resume" | "list";
  readonly afterMs: number;
}

export const FIRST_STEP: StepState = { failures: 0, barren: 0, expiries: 0 };

/** A stream that lived this long, or brought something, is not taken for a failure. */
export const STEADY_MS = 5000;
/** From the same version nothing comes, again and again: it may be one that this server never had. */
const MAX_BARREN = 2;

export function decideStep(
  state: StepState,
  end: StreamEnd,
  backoff: BackoffPolicy,
  random: number,
): readonly [StepState, Step] {
  const { reason, progressed, livedMs, retryAfterMs = 0 } = end;
  if (reason === "planned") return [FIRST_STEP, { next: "resume", afterMs: 0 }];
  const isSteady = progressed || livedMs >= STEADY_MS;
  const failures = isSteady ? 0 : state.failures + 1;
  const expiries = isSteady ? 0 : state.expiries;
  const afterMs = Math.max(retryAfterMs, backoffMs(backoff, Math.max(0, failures - 1), random));
  switch (reason) {
    case "closed":
    case "cut":
    case "silent": {
      const barren = progressed ? 0 : state.barren + 1;
      if (barren < MAX_BARREN)
        return [
          { failures, barren, expiries },
          { next: "resume", afterMs },
        ];
      return [
        { failures, barren: 0, expiries },
        { next: "list", afterMs },
      ];
    }
    case "refused":
    case "unavailable":
      return [
        { failures, barren: state.barren, expiries },
        { next: "resume", afterMs },
      ];
    case "expired": {
      // The server is well, and has said what to do: nothing is waited for, unless it says so after each list.
      const soonMs = expiries === 0 ? 0 : backoffMs(backoff, expiries - 1, random);
      return [
        { failures: 0, barren: 0, expiries: expiries + 1 },
        { next: "list", afterMs: soonMs },
      ];
    }
    case "unreadable":
    case "absent":
      return [
        { failures, barren: 0, expiries },
        { next: "list", afterMs },
      ];
    default:
      return reason satisfies never;
  }
}
