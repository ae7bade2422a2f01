/** Time as a parameter: product code asks a clock, tests hold one that stands still. */

export interface Clock {
  /** Milliseconds that never go back, for durations and deadlines. */
  now(): number;
  /** Milliseconds since 1970, for logs, Date fields and expiry. */
  wall(): number;
}

export const systemClock: Clock = { now: () => performance.now(), wall: () => Date.now() };
