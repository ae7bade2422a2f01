/** One client that a fetch answers, with how far it has got. */
import type { AbortReason, Exchange, ResponseSource } from "#src/http/exchange.ts";
import { Deadline, type DeadlineOwner } from "#src/reactor/timer-wheel.ts";
import type { CacheLoop } from "../cache-process.ts";
import type { Fetch } from "./fetch.ts";
import { NEVER_REUSED, type GatheredBody } from "./gathered-body.ts";

export class Recipient implements ResponseSource, DeadlineOwner {
  readonly exchange: Exchange;
  /** Whose request was sent; the others wait for the same. */
  readonly leads: boolean;
  /** Bytes of the gathered body that it was given. */
  position = 0;
  /** Its client does not take more at the moment. */
  blocked = false;
  gone = false;
  readonly #fetch: Fetch;
  readonly #loop: CacheLoop;
  #deadline: Deadline | undefined;

  constructor(fetch: Fetch, loop: CacheLoop, exchange: Exchange, leads: boolean) {
    this.#fetch = fetch;
    this.#loop = loop;
    this.exchange = exchange;
    this.leads = leads;
  }

  /** It waits for `timeoutMs` since its request came at the most; 0 for any time. */
  wait(timeoutMs: number): void {
    if (timeoutMs === 0) return;
    this.#deadline = new Deadline(this);
    // Another fetch may have taken its time.
    const leftMs = this.exchange.startedAt + timeoutMs - this.#loop.now;
    this.#loop.deadlines.arm(this.#deadline, 0, Math.max(1, leftMs));
  }

  /** It is the fetch's no more. */
  release(): void {
    this.gone = true;
    if (this.#deadline !== undefined) this.#loop.deadlines.remove(this.#deadline);
  }

  /** Writes what is there until the client is full. */
  take(body: GatheredBody): void {
    while (!this.blocked && !this.gone && this.position < body.length) {
      const slab = body.pieceAt(this.position);
      const start = body.offsetOf(this.position);
      const length = body.runAt(this.position);
      this.position += length;
      if (!this.exchange.write(slab, start, start + length, NEVER_REUSED)) this.blocked = true;
    }
  }

  onDrain(): void {
    this.blocked = false;
    this.#fetch.onRecipientDrain(this);
  }

  onDue(): void {
    this.#fetch.onRecipientDue(this);
  }

  onAbort(_exchange: Exchange, _reason: AbortReason): void {
    this.#fetch.leave(this);
  }
}
