/**
 * The body of one request: DATA frames on their way to the sink, under the window that we give the client. What the sink
 * does not want yet waits here, uncredited, so that no more than the window can.
 */
import { Slab } from "#src/reactor/slab.ts";
import type { BodySink } from "../exchange.ts";
import type { Message } from "../message.ts";
import type { H2Connection } from "./connection.ts";
import type { H2Exchange } from "./exchange.ts";
import { ERROR, type ErrorCode, FRAME_HEADER, writeWindowUpdate } from "./frame.ts";
import { copyOfTrailers } from "./response-head.ts";

/** What we let a client send ahead on one stream, in octets. */
export const STREAM_WINDOW = 256 * 1024;

export class RequestBody {
  /** The client has sent END_STREAM. */
  ended = false;
  /** The sink has had everything, or there was nothing. */
  done = false;
  /** Octets received. */
  bytes = 0;
  /** Content-Length, -1 when there was none. */
  announced = -1;
  /** Octets that may come, 0 for no limit. */
  #most = 0;

  readonly #connection: H2Connection;
  readonly #exchange: H2Exchange;
  readonly #waiting: Slab[] = [];
  #sink: BodySink | undefined = undefined;
  #trailers: Message | undefined = undefined;
  #paused = false;
  #delivering = false;
  #window = STREAM_WINDOW;
  #consumed = 0;
  #discarded = 0;
  #receivedAt = 0;

  constructor(exchange: H2Exchange, connection: H2Connection) {
    this.#exchange = exchange;
    this.#connection = connection;
  }

  begin(announced: number, endStream: boolean, most: number): void {
    this.#most = most;
    this.ended = this.done = endStream;
    this.bytes = 0;
    this.announced = announced;
    this.#sink = undefined;
    this.#paused = this.#delivering = false;
    this.#window = STREAM_WINDOW;
    this.#consumed = this.#discarded = 0;
    this.#receivedAt = this.#connection.shared.services.loop.now;
  }

  /** Octets [start, end) of `slab` from a DATA frame of `counted` octets, padding included. */
  onData(slab: Slab, start: number, end: number, counted: number, endStream: boolean): ErrorCode {
    const connection = this.#connection;
    const length = end - start;
    this.#window -= counted;
    if (this.#window < 0) return connection.streamError(this.#exchange, ERROR.flowControlError, "flowControl");
    this.bytes += length;
    this.#receivedAt = connection.shared.services.loop.now;
    // RFC 9113 section 8.1.1: the length announced is the sum of all DATA.
    if (this.announced >= 0 && (endStream ? this.bytes !== this.announced : this.bytes > this.announced)) {
      connection.credit(length);
      return connection.streamError(this.#exchange, ERROR.protocolError, "contentLength");
    }
    this.ended = endStream;
    this.#consumed += counted - length;
    if (this.#most > 0 && this.bytes > this.#most) this.#exchange.refuse(413, "bodyTooLarge", "bodyTooLarge");
    if (this.#exchange.ended) {
      connection.credit(length);
      this.#discarded += counted;
      this.#onDiscard();
      return ERROR.noError;
    }
    if (this.#sink === undefined || this.#paused || this.#delivering || this.#waiting.length > 0) {
      if (length > 0) this.#waiting.push(new Slab(slab.bytes.slice(start, end)));
    } else if (length > 0) this.#deliver(this.#sink, slab, start, end);
    if (endStream) this.#deliverWaiting();
    return ERROR.noError;
  }

  /** END_STREAM by trailers, which are valid during the call. */
  onTrailers(trailers: Message): ErrorCode {
    if (this.announced >= 0 && this.bytes !== this.announced) {
      return this.#connection.streamError(this.#exchange, ERROR.protocolError, "contentLength");
    }
    this.ended = true;
    if (this.#exchange.ended) {
      this.#onDiscard();
      return ERROR.noError;
    }
    this.#trailers = trailers;
    this.#deliverWaiting();
    if (this.#trailers !== undefined) this.#trailers = copyOfTrailers(trailers);
    return ERROR.noError;
  }

  readTo(sink: BodySink): void {
    this.#sink = sink;
    this.resume();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#receivedAt = this.#connection.shared.services.loop.now;
    this.#deliverWaiting();
  }

  /** Whether what is known to follow is more than we read only to drop it. */
  exceedsDiscard(): boolean {
    const { discardBytes } = this.#connection.shared.services.limits;
    return this.#discarded > discardBytes || this.announced - this.bytes > discardBytes;
  }

  /** Whether the sink has been waiting for the client for so long. */
  isLate(now: number, bodyMs: number): boolean {
    const isAwaited = this.#exchange.ended || (this.#sink !== undefined && !this.#paused);
    return isAwaited && !this.ended && now - this.#receivedAt >= bodyMs;
  }

  /** Octets came after the response's end; nobody wants them. */
  #onDiscard(): void {
    if (this.ended) this.#exchange.onDiscarded();
    else if (this.exceedsDiscard()) this.#exchange.stopReading();
  }

  /** Drops what nobody will read. */
  clear(): void {
    while (this.#waiting.length > 0) this.#connection.credit(this.#waiting.pop()!.length);
    this.#trailers = undefined;
    this.#sink = undefined;
  }

  /** Hands over one piece, and lets the client send as much again. */
  #deliver(sink: BodySink, slab: Slab, start: number, end: number): void {
    const connection = this.#connection;
    this.#delivering = true;
    if (!sink.onBody(this.#exchange, slab, start, end)) this.#paused = true;
    this.#delivering = false;
    connection.credit(end - start);
    this.#consumed += end - start;
    if (this.#consumed < STREAM_WINDOW / 2 || this.ended || this.#exchange.ended) return;
    const at = connection.reserve(FRAME_HEADER + 4);
    connection.finish(writeWindowUpdate(connection.outBytes, at, this.#exchange.id, this.#consumed));
    this.#window += this.#consumed;
    this.#consumed = 0;
  }

  #deliverWaiting(): void {
    if (this.#delivering) return;
    while (this.#isWanted() && this.#waiting.length > 0) {
      const slab = this.#waiting.shift()!;
      this.#deliver(this.#sink!, slab, 0, slab.length);
    }
    if (!this.#isWanted() || this.done || !this.ended) return;
    const trailers = this.#trailers;
    this.#trailers = undefined;
    this.done = true;
    this.#sink!.onBodyEnd(this.#exchange, trailers);
  }

  #isWanted(): boolean {
    return this.#sink !== undefined && !this.#paused && !this.#exchange.ended;
  }
}
