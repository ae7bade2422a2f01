/** IMF-fixdate (RFC 9110 section 5.6.7) of the present second, rendered when the second changes and not per response. */

export const DATE_LENGTH = 29;

const encoder = new TextEncoder();

export class HttpDate {
  /** `Tue, 24 Nov 2026 00:00:00 GMT`: DATE_LENGTH bytes, right after `refresh`. */
  readonly bytes = new Uint8Array(DATE_LENGTH);
  readonly #wallClock: () => number;
  #validUntil = -Infinity;
  #seconds = 0;

  /** `wallClock` gives milliseconds since 1970. */
  constructor(wallClock: () => number = Date.now) {
    this.#wallClock = wallClock;
  }

  /** Seconds since 1970 of the rendered date. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Renders anew when the rendered second is over. `now` is the loop's clock in milliseconds. */
  refresh(now: number): void {
    if (now < this.#validUntil) return;
    const wall = this.#wallClock();
    this.#validUntil = now + 1000 - (wall % 1000);
    this.#seconds = Math.floor(wall / 1000);
    encoder.encodeInto(new Date(wall).toUTCString(), this.bytes);
  }
}
