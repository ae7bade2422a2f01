/** One client that a fetch answers, with how far it has got. */
import type { AbortReason, Exchange, ResponseSource } from "#src/http/exchange.ts";
import type { Fetch } from "./fetch.ts";
import { NEVER_REUSED, type GatheredBody } from "./gathered-body.ts";

export class Recipient implements ResponseSource {
  readonly exchange: Exchange;
  /** Whose request was sent; the others wait for the same. */
  readonly leads: boolean;
  /** Bytes of the gathered body that it was given. */
  position = 0;
  /** Its client does not take more at the moment. */
  blocked = false;
  gone = false;
  readonly #fetch: Fetch;

  constructor(fetch: Fetch, exchange: Exchange, leads: boolean) {
    this.#fetch = fetch;
    this.exchange = exchange;
    this.leads = leads;
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

  onAbort(_exchange: Exchange, _reason: AbortReason): void {
    this.#fetch.leave(this);
  }
}
