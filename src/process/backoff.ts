/** How long to wait before the next try: doubling, with jitter, up to a limit. Pure: time and chance come from outside. */

export interface BackoffPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Wait before try `attempt` (0 is the first repetition): between half and the whole of first x 2^attempt, so that many
 * who failed together do not come back together. `random` is in [0, 1).
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: number): number {
  const whole = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt, 40));
  return whole / 2 + (whole / 2) * random;
}
