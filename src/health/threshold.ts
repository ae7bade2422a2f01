/**
 * When a row of probe results becomes a verdict: `rise` successes in a row bring a target up, `fall` failures in a row
 * take it down. Returns the transition, or nothing. Pure: no clock, no socket.
 */
export interface ThresholdPolicy {
  /** Consecutive successes, at least 1. */
  readonly rise: number;
  /** Consecutive failures, at least 1. */
  readonly fall: number;
}

export class Threshold {
  readonly #policy: ThresholdPolicy;
  #up: boolean;
  #row = 0;

  /** A target begins up: traffic is not held back until a first probe has passed, it is taken away when probes fail. */
  constructor(policy: ThresholdPolicy, up = true) {
    this.#policy = policy;
    this.#up = up;
  }

  get up(): boolean {
    return this.#up;
  }

  record(ok: boolean): "up" | "down" | undefined {
    if (ok === this.#up) {
      this.#row = 0;
      return undefined;
    }
    this.#row++;
    if (this.#row < (ok ? this.#policy.rise : this.#policy.fall)) return undefined;
    this.#up = ok;
    this.#row = 0;
    return ok ? "up" : "down";
  }
}
