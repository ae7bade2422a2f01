/**
 * One HTTP/2 stream as a byte stream, after an extended CONNECT was granted (RFC 8441 section 5): DATA both ways, each
 * under its window; END_STREAM is what a FIN is for TCP, RST_STREAM with CANCEL what a reset is.
 */
import type { Slab } from "#src/reactor/slab.ts";
import type { CloseReason, Held, StreamHandler } from "#src/reactor/stream.ts";
import type { BodySink, ResponseSource, TunnelStream } from "../exchange.ts";
import type { H2Exchange } from "./exchange.ts";
import { ERROR } from "./frame.ts";

/** Until the one to whom the tunnel was handed sets its own; nothing is read before that. */
const NOBODY: StreamHandler<TunnelStream> = {
  onOpen: () => undefined,
  onData: (_stream, _slab, start, end) => end - start,
  onEnd: () => undefined,
  onDrain: () => undefined,
  onDeadline: () => undefined,
  onClose: () => undefined,
};

export class H2Tunnel implements TunnelStream, BodySink, ResponseSource {
  handler: StreamHandler<TunnelStream> = NOBODY;
  /** The holder has closed it, or the stream is gone; what is queued may still be on its way. */
  closed = false;
  readonly #exchange: H2Exchange;
  #isReading = false;
  /** END_STREAM: not wanted yet, wanted behind what is queued, said. */
  #ending: "no" | "due" | "said" = "no";

  constructor(exchange: H2Exchange) {
    this.#exchange = exchange;
  }

  // --- the holder's side

  send(slab: Slab, offset: number, length: number, held?: Held): boolean {
    if (!this.closed && this.#ending === "no") return this.#exchange.write(slab, offset, offset + length, held);
    held?.release();
    return false;
  }

  pauseReading(): void {
    this.#exchange.pauseBody();
  }

  resumeReading(): void {
    if (this.#isReading) return this.#exchange.resumeBody();
    this.#isReading = true;
    this.#exchange.readBody(this);
  }

  endWriting(): void {
    if (!this.closed) this.#endBehindQueue();
  }

  close(reason: CloseReason): void {
    if (this.closed) return;
    this.closed = true;
    this.#exchange.pauseBody();
    if (this.#ending === "said") this.#exchange.leaveTunnel(ERROR.noError);
    else this.#endBehindQueue();
    this.handler.onClose(this, reason);
  }

  abort(reason: CloseReason): void {
    if (this.closed) return;
    this.closed = true;
    this.#exchange.leaveTunnel(ERROR.cancel);
    this.handler.onClose(this, reason);
  }

  // --- the stream's side

  onBody(_exchange: unknown, slab: Slab, start: number, end: number): boolean {
    this.handler.onData(this, slab, start, end);
    return true;
  }

  onBodyEnd(): void {
    this.handler.onEnd(this);
  }

  onDrain(): void {
    if (this.#ending === "due") this.#end();
    else if (!this.closed) this.handler.onDrain(this);
  }

  /** The client has reset the stream, or gone without ending it: nobody may take what came so far as whole. */
  onAbort(): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClose(this, "reset");
  }

  #endBehindQueue(): void {
    if (this.#ending !== "no") return;
    this.#ending = "due";
    if (this.#exchange.response.waiting === 0) this.#end();
  }

  #end(): void {
    this.#ending = "said";
    this.#exchange.endTunnelData();
    if (this.closed) this.#exchange.leaveTunnel(ERROR.noError);
  }
}
