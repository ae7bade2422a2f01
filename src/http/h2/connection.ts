/**
 * The server's side of one HTTP/2 connection (RFC 9113): its streams, both flow-control windows, what a client may not
 * do too often, and the way out. Octets leave through the process's out buffer, all of one event by one send.
 * While output waits for the kernel nothing is read, so that no flood makes the connection grow.
 */
import type { Slab } from "#src/reactor/slab.ts";
import type { CloseReason, Stream, StreamHandler } from "#src/reactor/stream.ts";
import type { OutOwner } from "../engine/out-buffer.ts";
import type { PortPlace } from "../engine/services.ts";
import type { AbortReason } from "../exchange.ts";
import { H2Exchange } from "./exchange.ts";
import { FloodBudget } from "./flood-budget.ts";
import {
  ERROR,
  type ErrorCode,
  FLAG,
  FRAME,
  FRAME_HEADER,
  INITIAL_WINDOW,
  MAX_WINDOW,
  SETTING,
  writeFrameHeader,
  writeGoaway,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { STREAM_WINDOW } from "./request-body.ts";
import { completeRequest } from "./request-head.ts";
import { writeBareHead } from "./response-head.ts";
import type { H2Shared } from "./shared.ts";

/** What we let a client send ahead on all streams of a connection, in octets. */
const CONNECTION_WINDOW = 1024 * 1024;
/** From the first GOAWAY of a drain to the second, if the client does not answer the PING between them. */
const DRAIN_MS = 1000;
/** Streams that we reset lately, on which the client's octets may still be under way. */
const REMEMBERED_RESETS = 64;
/** Octets of a small frame, at most 64 settings aside. */
const SMALL_FRAME = 64;

/** Kinds of the stream's deadline. */
const DEADLINE = { none: 0, head: 1, idle: 2, active: 3, drain: 4 } as const;

const CLOSED_BY: Readonly<Partial<Record<CloseReason, AbortReason>>> = {
  peerClosed: "clientClosed",
  reset: "clientReset",
  timeout: "clientTimeout",
  badInput: "badRequest",
  shutdown: "shutdown",
  overloaded: "overloaded",
};

export class H2Connection implements StreamHandler, OutOwner {
  readonly stream: Stream;
  readonly port: PortPlace;
  readonly shared: H2Shared;
  /** Octets of DATA that the client still takes on the whole connection. */
  sendWindow = INITIAL_WINDOW;
  /** What the client's settings give each new stream. */
  initialSendWindow = INITIAL_WINDOW;

  readonly #streams = new Map<number, H2Exchange>();
  /** An exchange to use again: one that was answered within its event, so that nobody holds it. */
  #spare: H2Exchange | undefined = undefined;
  readonly #reader: FrameReader;
  readonly #decoder = new HpackDecoder();
  readonly #controlBudget: FloodBudget;
  readonly #resetBudget: FloodBudget;
  readonly #resets = new Int32Array(REMEMBERED_RESETS);
  #resetCount = 0;
  #lastId = 0;
  #requests = 0;
  #receiveWindow = CONNECTION_WINDOW;
  #consumed = 0;
  /** The kernel has not taken all yet: nothing is read, no DATA is made. */
  #blocked = false;
  #blockedSince = 0;
  #failed = false;
  #closed = false;
  #drain: "no" | "announced" | "last" = "no";
  #deadline: number = DEADLINE.none;
  #deadlineAt = 0;
  /** Where the header of the newest DATA frame lies in the out buffer, so that END_STREAM may still be set; -1 when it has left. */
  #dataFrameAt = -1;
  #dataFrameId = 0;

  constructor(stream: Stream, port: PortPlace, shared: H2Shared) {
    this.stream = stream;
    this.port = port;
    this.shared = shared;
    this.#reader = new FrameReader(this, shared.maxBlock);
    const now = shared.services.loop.now;
    this.#controlBudget = new FloodBudget(2000, 200, now);
    this.#resetBudget = new FloodBudget(200, 20, now);
    shared.services.observer.onConnection("h2", port.current.secure);
    const limits = shared.services.limits;
    this.finish(
      writeSettings(this.outBytes, this.reserve(SMALL_FRAME), [
        [SETTING.maxConcurrentStreams, limits.concurrentStreams],
        [SETTING.initialWindowSize, STREAM_WINDOW],
        [SETTING.maxHeaderListSize, limits.headBytes],
        [SETTING.enableConnectProtocol, 1],
      ]),
    );
    this.finish(writeWindowUpdate(this.outBytes, this.reserve(SMALL_FRAME), 0, CONNECTION_WINDOW - INITIAL_WINDOW));
    this.#arm();
  }

  // --- output

  get outBytes(): Uint8Array {
    return this.shared.services.out.slab.bytes;
  }

  /** A place for `octets` more in the out buffer, which is this connection's then; what it held before may be sent. */
  reserve(octets: number): number {
    const { out } = this.shared.services;
    out.claim(this);
    if (out.room < octets) this.flushOut();
    return out.used;
  }

  /** Octets up to `end` of the out buffer are complete. */
  finish(end: number): void {
    this.shared.services.out.used = end;
  }

  flushOut(): void {
    const { out, loop } = this.shared.services;
    const length = out.used;
    out.used = 0;
    this.#dataFrameAt = -1;
    if (this.stream.closed || length === 0 || this.stream.send(out.slab, 0, length)) return;
    if (this.#blocked || this.stream.closed) return;
    this.#blocked = true;
    this.#blockedSince = loop.now;
    this.stream.pauseReading();
    this.#arm();
  }

  /** Whether DATA may be made now. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** Whether more frames may be read now. */
  get isReading(): boolean {
    return !this.#blocked && !this.#failed && !this.stream.closed;
  }

  /** A DATA frame of `length` octets at `at` of the out buffer, whose windows the caller has counted. */
  dataFrame(at: number, length: number, id: number, endStream: boolean): void {
    writeFrameHeader(this.outBytes, at, length, FRAME.data, endStream ? FLAG.endStream : 0, id);
    this.finish(at + FRAME_HEADER + length);
    this.#dataFrameAt = at;
    this.#dataFrameId = id;
    this.#controlBudget.earn(4);
  }

  /** Ends a stream: on its last DATA frame when that has not left yet, else with an empty one. */
  endData(id: number): void {
    const at = this.reserve(FRAME_HEADER);
    if (this.#dataFrameAt >= 0 && this.#dataFrameId === id) this.outBytes[this.#dataFrameAt + 4]! |= FLAG.endStream;
    else this.dataFrame(at, 0, id, true);
  }

  /** A stream error (RFC 9113 section 5.4.2), or the end of a request that we do not read to its end. */
  resetStream(id: number, code: ErrorCode): void {
    this.finish(writeRstStream(this.outBytes, this.reserve(SMALL_FRAME), id, code));
    this.#resets[this.#resetCount++ % REMEMBERED_RESETS] = id;
  }

  // --- streams

  get lastStreamId(): number {
    return this.#lastId;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** The exchange has ended and its stream is closed on both sides. */
  onStreamEnd(exchange: H2Exchange): void {
    this.#streams.delete(exchange.id);
    if (exchange.aborted === "") this.#resetBudget.earn(1);
    if (this.#streams.size > 0 || this.#closed) return;
    if (this.#drain === "last") this.#close("shutdown");
    else this.#arm();
  }

  onHeaderBlock(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): ErrorCode {
    const { section } = this.shared;
    const open = id <= this.#lastId ? this.#streams.get(id) : undefined;
    const isNew = id > this.#lastId;
    section.begin(isNew ? "request" : "trailers");
    if (this.#decoder.decode(bytes, start, end, section) !== undefined) return ERROR.compressionError;
    if (open !== undefined) return this.#trailers(open, endStream);
    if (!isNew) return this.#wasReset(id) ? this.spend() : ERROR.streamClosed;
    this.#lastId = id;
    if (this.#drain === "last" || this.#streams.size >= this.shared.services.limits.concurrentStreams) {
      return this.#refuse(id, ERROR.refusedStream, "streamRefused");
    }
    if (section.tooLarge) {
      this.#refuseTooLarge(id, endStream);
      return ERROR.noError;
    }
    const fault = completeRequest(section, endStream);
    if (fault !== undefined) return this.#refuse(id, ERROR.protocolError, fault);
    this.#open(id, endStream);
    return ERROR.noError;
  }

  #open(id: number, endStream: boolean): void {
    this.#controlBudget.earn(2);
    const exchange = this.#spare ?? new H2Exchange(this);
    this.#spare = undefined;
    exchange.begin(id, endStream);
    this.#streams.set(id, exchange);
    if (exchange.dispatch()) this.#spare = exchange;
    if (++this.#requests === this.shared.services.limits.requestsPerConnection) this.drain();
  }

  /** RFC 9113 section 8.1: the second block of a request is its trailers and must end it. */
  #trailers(exchange: H2Exchange, endStream: boolean): ErrorCode {
    const { section } = this.shared;
    if (exchange.body.ended) return ERROR.streamClosed;
    // RFC 9113 section 8.5: a tunnel has DATA and nothing else.
    if (exchange.isWebSocket || !endStream || section.malformed !== undefined || section.tooLarge) {
      return this.streamError(exchange, ERROR.protocolError, section.malformed ?? "trailers");
    }
    return exchange.body.onTrailers(section.message);
  }

  /** A stream that never became an exchange. */
  #refuse(id: number, code: ErrorCode, reason: string): ErrorCode {
    this.shared.services.observer.onRefused(reason);
    this.resetStream(id, code);
    return this.#spendReset();
  }

  /** RFC 6585 section 5, without a body: there is no Message to make an exchange of. */
  #refuseTooLarge(id: number, endStream: boolean): void {
    this.shared.services.observer.onRefused("headTooLarge");
    const { date, loop } = this.shared.services;
    date.refresh(loop.now);
    this.finish(writeBareHead(this.outBytes, this.reserve(SMALL_FRAME), id, 431, date.bytes));
    if (!endStream) this.resetStream(id, ERROR.noError);
  }

  /** The client broke a rule on an open stream: it is reset, the connection goes on (RFC 9113 section 5.4.2). */
  streamError(exchange: H2Exchange, code: ErrorCode, reason: string): ErrorCode {
    this.shared.services.observer.onRefused(reason);
    this.resetStream(exchange.id, code);
    exchange.cut("badRequest");
    return this.#spendReset();
  }

  #wasReset(id: number): boolean {
    return this.#resets.includes(id);
  }

  // --- frames

  onDataFrame(id: number, slab: Slab, start: number, end: number, counted: number, endStream: boolean): ErrorCode {
    if (id > this.#lastId) return ERROR.protocolError;
    this.#receiveWindow -= counted;
    if (this.#receiveWindow < 0) return ERROR.flowControlError;
    if (start === end && !endStream) {
      const code = this.spend();
      if (code !== ERROR.noError) return code;
    }
    const exchange = this.#streams.get(id);
    if (exchange === undefined || exchange.body.ended) {
      this.credit(counted);
      if (exchange === undefined && this.#wasReset(id)) return ERROR.noError;
      if (exchange !== undefined) return this.streamError(exchange, ERROR.streamClosed, "streamClosed");
      return this.#refuse(id, ERROR.streamClosed, "streamClosed");
    }
    if (end > start) this.#controlBudget.earn(4);
    // Padding is consumed at once (RFC 9113 section 6.9.1).
    this.credit(counted - (end - start));
    return exchange.body.onData(slab, start, end, counted, endStream);
  }

  /** So many octets of the client's DATA have been dealt with: it may send as many again. */
  credit(octets: number): void {
    this.#consumed += octets;
    if (this.#consumed < CONNECTION_WINDOW / 2 || this.#failed || this.#closed) return;
    this.finish(writeWindowUpdate(this.outBytes, this.reserve(SMALL_FRAME), 0, this.#consumed));
    this.#receiveWindow += this.#consumed;
    this.#consumed = 0;
  }

  onReset(id: number): ErrorCode {
    if (id > this.#lastId) return ERROR.protocolError;
    this.#streams.get(id)?.cut("clientReset");
    return this.#spendReset();
  }

  onPing(ack: boolean, bytes: Uint8Array, start: number): ErrorCode {
    if (ack) {
      if (this.#drain === "announced") this.#lastGoaway();
      return this.spend();
    }
    const payload = writeFrameHeader(this.outBytes, this.reserve(SMALL_FRAME), 8, FRAME.ping, FLAG.ack, 0);
    for (let i = 0; i < 8; i++) this.outBytes[payload + i] = bytes[start + i]!;
    this.finish(payload + 8);
    return this.spend();
  }

  /** The client opens no more streams; those that are open go on (RFC 9113 section 6.8). */
  onGoaway(): ErrorCode {
    if (this.#drain !== "last") this.#lastGoaway();
    return this.spend();
  }

  /** RFC 9113 section 6.9.2: a change moves the window of every open stream. */
  onInitialWindow(value: number): ErrorCode {
    const change = value - this.initialSendWindow;
    this.initialSendWindow = value;
    for (const exchange of this.#streams.values()) {
      exchange.response.window += change;
      if (exchange.response.window > MAX_WINDOW) return ERROR.flowControlError;
    }
    return ERROR.noError;
  }

  onSettingsEnd(): ErrorCode {
    this.finish(writeSettingsAck(this.outBytes, this.reserve(SMALL_FRAME)));
    this.#pump();
    return this.spend();
  }

  onWindowUpdate(id: number, increment: number): ErrorCode {
    if (id > this.#lastId) return ERROR.protocolError;
    const exchange = id === 0 ? undefined : this.#streams.get(id);
    if (id === 0) {
      if (increment === 0) return ERROR.protocolError;
      this.sendWindow += increment;
      if (this.sendWindow > MAX_WINDOW) return ERROR.flowControlError;
    } else if (exchange !== undefined) {
      if (increment === 0) return this.streamError(exchange, ERROR.protocolError, "windowUpdate");
      exchange.response.window += increment;
      if (exchange.response.window > MAX_WINDOW)
        return this.streamError(exchange, ERROR.flowControlError, "windowUpdate");
    }
    this.#pump();
    return this.spend();
  }

  /** Counts a frame that asks for work and gives none. */
  spend(): ErrorCode {
    return this.#controlBudget.spend(this.shared.services.loop.now) ? ERROR.noError : ERROR.enhanceYourCalm;
  }

  #spendReset(): ErrorCode {
    return this.#resetBudget.spend(this.shared.services.loop.now) ? ERROR.noError : ERROR.enhanceYourCalm;
  }

  /** Sends waiting bodies, one DATA frame a stream and turn, as far as windows and the kernel allow. */
  #pump(): void {
    for (let moved = true; moved && this.sendWindow > 0 && !this.#blocked && !this.#closed;) {
      moved = false;
      for (const exchange of this.#streams.values()) if (exchange.pump()) moved = true;
    }
  }

  // --- the connection's life

  /** Never called on the server's side: a connection is opened by its handler being made. */
  onOpen(): void {}

  onData(_stream: Stream, slab: Slab, start: number, end: number): number {
    if (this.#failed) return end - start;
    const consumed = this.#reader.read(slab, start, end) - start;
    if (!this.#closed) this.#arm();
    return consumed;
  }

  /** Without the client's frames no window opens any more, so that it cannot want answers still: it has gone. */
  onEnd(): void {
    for (const exchange of this.#streams.values()) exchange.cut("clientClosed");
    this.#close("peerClosed");
  }

  onDrain(): void {
    this.#blocked = false;
    this.#pump();
    for (const exchange of this.#streams.values()) if (!this.#blocked) exchange.onUnblocked();
    if (!this.#blocked && !this.#failed && !this.#closed) this.stream.resumeReading();
    if (!this.#closed) this.#arm();
  }

  onDeadline(_stream: Stream, kind: number): void {
    this.#deadline = DEADLINE.none;
    if (kind === DEADLINE.drain) this.#lastGoaway();
    else if (kind === DEADLINE.head) this.fail(ERROR.noError, "timeout");
    else if (kind === DEADLINE.idle) {
      if (this.#streams.size === 0) this.#leave("timeout");
    } else if (!this.#checkProgress()) return;
    if (!this.#closed) this.#arm();
  }

  onClose(_stream: Stream, reason: CloseReason): void {
    this.#closed = true;
    this.#deadline = DEADLINE.none;
    const { services } = this.shared;
    for (const exchange of this.#streams.values()) exchange.cut(CLOSED_BY[reason] ?? "clientClosed");
    this.#streams.clear();
    services.observer.onConnectionEnd("h2", this.port.current.secure);
  }

  /** Opens no more streams, lets those that are open end, and closes: GOAWAY twice, a round trip apart (RFC 9113 section 6.8). */
  drain(): void {
    if (this.#drain !== "no" || this.#failed || this.#closed) return;
    this.#drain = "announced";
    const at = writeGoaway(this.outBytes, this.reserve(SMALL_FRAME), MAX_WINDOW, ERROR.noError);
    const payload = writeFrameHeader(this.outBytes, at, 8, FRAME.ping, 0, 0);
    this.outBytes.fill(0, payload, payload + 8);
    this.finish(payload + 8);
    this.#arm();
  }

  #lastGoaway(): void {
    this.#drain = "last";
    this.finish(writeGoaway(this.outBytes, this.reserve(SMALL_FRAME), this.#lastId, ERROR.noError));
    if (this.#streams.size === 0) this.#close("shutdown");
  }

  /** A connection error (RFC 9113 section 5.4.1): nothing of the client's is read any more. */
  fail(code: ErrorCode, reason: CloseReason = "badInput"): void {
    if (this.#failed || this.#closed) return;
    this.#failed = true;
    if (code !== ERROR.noError) {
      this.shared.services.observer.onRefused(code === ERROR.enhanceYourCalm ? "flood" : "frame");
    }
    this.finish(writeGoaway(this.outBytes, this.reserve(SMALL_FRAME), this.#lastId, code));
    for (const exchange of this.#streams.values()) exchange.cut(CLOSED_BY[reason] ?? "error");
    this.#close(reason);
  }

  #leave(reason: CloseReason): void {
    this.finish(writeGoaway(this.outBytes, this.reserve(SMALL_FRAME), this.#lastId, ERROR.noError));
    this.#close(reason);
  }

  #close(reason: CloseReason): void {
    if (this.#closed) return;
    this.#failed = true;
    this.flushOwn();
    if (!this.#closed) this.stream.close(reason);
  }

  /** Sends what this connection has in the out buffer. */
  flushOwn(): void {
    const { out } = this.shared.services;
    out.claim(this);
    out.flush();
  }

  /** Streams whose client neither takes nor sends anything end; false when the whole connection did. */
  #checkProgress(): boolean {
    const { limits, loop } = this.shared.services;
    if (this.#blocked && loop.now - this.#blockedSince >= limits.writeMs) {
      this.stream.abort("timeout");
      return false;
    }
    for (const exchange of this.#streams.values()) exchange.checkProgress(loop.now);
    return true;
  }

  /** Arms the deadline of the state the connection is in. A second's inaccuracy saves arming it anew for each event. */
  #arm(): void {
    const { limits, loop } = this.shared.services;
    let kind: number = DEADLINE.idle;
    let ms = limits.idleMs;
    if (this.#failed) return;
    if (this.#reader.owesHead) {
      kind = DEADLINE.head;
      ms = limits.headMs;
    } else if (this.#streams.size > 0 || this.#blocked) {
      kind = DEADLINE.active;
      ms = Math.min(limits.bodyMs, limits.writeMs);
    }
    if (this.#drain === "announced") {
      kind = DEADLINE.drain;
      ms = DRAIN_MS;
    }
    if (kind === this.#deadline && (kind !== DEADLINE.idle || loop.now - this.#deadlineAt < 1000)) return;
    this.#deadline = kind;
    this.#deadlineAt = loop.now;
    this.stream.deadline(kind, ms);
  }
}
