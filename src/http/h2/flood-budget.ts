/**
 * How much unproductive work a connection may ask for. It fills with time and with productive work, so that a busy honest
 * client never empties it, and a flood of PING, SETTINGS, empty DATA, WINDOW_UPDATE or resets does within a moment.
 */
export class FloodBudget {
  readonly #capacity: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;

  constructor(capacity: number, perSecond: number, now: number) {
    this.#capacity = capacity;
    this.#perSecond = perSecond;
    this.#tokens = capacity;
    this.#filledAt = now;
  }

  /** Productive work was done. */
  earn(tokens: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + tokens);
  }

  /** One piece of unproductive work at `now` (milliseconds). False: that was one too many. */
  spend(now: number): boolean {
    if (this.#tokens < 1) {
      this.earn(((now - this.#filledAt) * this.#perSecond) / 1000);
      this.#filledAt = now;
      if (this.#tokens < 1) return false;
    }
    this.#tokens -= 1;
    return true;
  }
}
