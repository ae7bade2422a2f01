/**
 * An HTTP/1.1 connection to a backend: sends one request at a time and reads its response (RFC 9112). Whatever makes the
 * end of a response uncertain fails the call and closes the connection; only a connection on which both messages have
 * ended exactly where they said goes back to the pool.
 */
import { Slab } from "#src/reactor/slab.ts";
import type { CloseReason, Held, Stream, StreamHandler } from "#src/reactor/stream.ts";
import { CHUNK_SIZE_BYTES, ChunkedDecoder, writeChunkSize } from "../h1/chunked.ts";
import { headReason } from "../h1/head-reason.ts";
import { parseFields, parseResponse } from "../h1/parse.ts";
import { BODY, Message, type BodyKind } from "../message.ts";
import type { UpstreamErrorSource } from "../upstream.ts";
import type { Call } from "./call.ts";
import type { EndpointConnections } from "./endpoint-connections.ts";
import type { UpstreamLimits, UpstreamServices } from "./options.ts";

const IDLE = 1;
const HEAD = 2;
const SILENCE = 3;

/** What all connections of a pool share: scratch space that is used and done with inside one call. */
export class ConnectionScratch {
  readonly head = new Message();
  readonly trailers = new Message();
  /** Chunk size line, and the CRLF behind a chunk. */
  readonly framing = new Slab(CHUNK_SIZE_BYTES);
  readonly crlf = new Slab(new TextEncoder().encode("\r\n"));
}

/** The pool, as its connections see it. */
export interface ConnectionOwner {
  readonly services: UpstreamServices;
  readonly limits: UpstreamLimits;
  readonly scratch: ConnectionScratch;
  onReusable(connection: ClientConnection): void;
  onGone(connection: ClientConnection): void;
  onCallDone(call: Call): void;
  /** The call's attempt has failed; `wasSent`: bytes of it may have reached the backend. */
  onCallFailed(
    connection: ClientConnection,
    call: Call,
    wasSent: boolean,
    source: UpstreamErrorSource,
    detail: string,
  ): void;
  onConnected(connection: ClientConnection): void;
}

type Phase = "connecting" | "idle" | "head" | "body" | "closed";

export class ClientConnection implements StreamHandler {
  readonly group: EndpointConnections;
  readonly #owner: ConnectionOwner;
  #stream!: Stream;
  #phase: Phase = "connecting";
  #call: Call | undefined = undefined;
  /** The call's head has not been sent yet: it waits for the first body bytes, at most until the batch's end. */
  #headWaits = false;
  #used = false;
  #body: BodyKind = BODY.none;
  #left = 0;
  #keepAlive = false;
  #inTrailers = false;
  #isPaused = false;
  #chunks: ChunkedDecoder | undefined = undefined;

  constructor(owner: ConnectionOwner, group: EndpointConnections) {
    this.#owner = owner;
    this.group = group;
  }

  /** Whether it carries bytes: connected and not closed. */
  get isOpen(): boolean {
    return this.#phase !== "connecting" && this.#phase !== "closed";
  }

  /** Whether the current call is not its first: the backend may be closing it at this moment. */
  get wasUsed(): boolean {
    return this.#used;
  }

  /** The stream that was opened for it, and the call that waits for it. */
  attach(stream: Stream, call: Call): void {
    this.#stream = stream;
    this.#call = call;
    call.connection = this;
  }

  // --- the request ---

  /** Sends the call's request on this open connection. */
  start(call: Call): void {
    this.#call = call;
    call.connection = this;
    this.#phase = "head";
    this.#isPaused = false;
    const { silenceMs } = this.#owner.limits;
    this.#stream.deadline(HEAD, call.headTimeoutMs === 0 ? silenceMs : call.headTimeoutMs);
    if (call.requestEnded && call.early.length === 0) this.#stream.send(call.head, 0, call.headLength);
    else this.#startWithBody(call);
  }

  #startWithBody(call: Call): void {
    this.#headWaits = true;
    if (call.early.length === 0 && !call.requestEnded) {
      this.#owner.services.loop.late(this);
      return;
    }
    let taken = true;
    for (const piece of call.early) taken = this.sendBody(call, piece, 0, piece.length);
    call.early.length = 0;
    if (call.requestEnded) this.sendEnd(call, call.earlyEnd);
    if (taken) call.drained();
  }

  /** False when bytes are queued: `drained` follows. */
  sendBody(call: Call, slab: Slab, start: number, end: number, held?: Held): boolean {
    call.bodySent = true;
    if (!this.#headWaits && !call.isChunked) return this.#stream.send(slab, start, end - start, held);
    const { parts } = this.#owner.services;
    const { framing, crlf } = this.#owner.scratch;
    parts.clear();
    if (this.#headWaits) parts.add(call.head, 0, call.headLength);
    this.#headWaits = false;
    if (call.isChunked) parts.add(framing, 0, writeChunkSize(framing.bytes, 0, end - start));
    parts.add(slab, start, end - start);
    if (call.isChunked) parts.add(crlf, 0, 2);
    const taken = this.#stream.sendParts(parts);
    held?.release();
    return taken;
  }

  /** The request is complete; `last` ends a chunked body. */
  sendEnd(call: Call, last: Slab | undefined): void {
    this.runLate();
    if (last !== undefined) {
      call.bodySent = true;
      this.#stream.send(last, 0, last.length);
    }
  }

  /** End of the batch: no body came with the head. */
  runLate(): void {
    if (!this.#headWaits || this.#phase === "closed" || this.#call === undefined) return;
    this.#headWaits = false;
    this.#stream.send(this.#call.head, 0, this.#call.headLength);
  }

  pause(): void {
    if (this.#isPaused || !this.isOpen) return;
    this.#isPaused = true;
    // A client that does not read is no fault of the backend.
    this.#stream.deadline(SILENCE, 0);
    this.#stream.pauseReading();
  }

  resume(): void {
    if (!this.#isPaused || !this.isOpen) return;
    this.#isPaused = false;
    this.#stream.deadline(SILENCE, this.#owner.limits.silenceMs);
    this.#stream.resumeReading();
  }

  // --- the stream ---

  onOpen(): void {
    const call = this.#call;
    this.#phase = "idle";
    this.#owner.onConnected(this);
    if (call === undefined) this.#reuse();
    else this.start(call);
  }

  onData(_stream: Stream, slab: Slab, start: number, end: number): number {
    const call = this.#call;
    // Nothing is due on an idle connection: the backend says that it closes, or lies.
    if (call === undefined) {
      this.close("done");
      return end - start;
    }
    call.answered = true;
    let at = start;
    while (at < end && this.#call === call && !this.#isPaused) {
      const before = at;
      at = this.#phase === "head" ? this.#takeHead(call, slab, at, end) : this.#takeBody(call, slab, at, end);
      if (at === before) break;
    }
    return this.#phase === "closed" ? end - start : at - start;
  }

  onEnd(): void {
    const call = this.#call;
    if (call === undefined) this.close("done");
    else if (this.#phase === "body" && this.#body === BODY.untilClose) this.#complete(call, undefined, true);
    else this.#break(call, "closed");
  }

  onDrain(): void {
    this.#call?.drained();
  }

  onDeadline(_stream: Stream, kind: number): void {
    const call = this.#call;
    if (kind === IDLE || call === undefined) this.close("done");
    else this.#fail(call, "timeout", kind === HEAD ? "no response in time" : "the response stopped");
  }

  onClose(_stream: Stream, reason: CloseReason): void {
    if (this.#phase === "closed") return;
    const call = this.#call;
    if (call === undefined) this.#retire();
    else if (this.#phase === "connecting") {
      this.#fail(call, reason === "tlsFailed" ? "tls" : "connect", CONNECT_FAULTS[reason] ?? reason);
    } else this.#break(call, reason === "reset" ? "reset" : "closed");
  }

  /** Ends it in order: the pool has no more use for it. */
  close(reason: CloseReason): void {
    if (this.#phase === "closed") return;
    this.#retire();
    this.#stream.close(reason);
  }

  /** The requester has gone. */
  cancel(): void {
    this.#call = undefined;
    if (this.#phase === "closed") return;
    this.#retire();
    this.#stream.abort("done");
  }

  // --- the response ---

  #takeHead(call: Call, slab: Slab, start: number, end: number): number {
    const { scratch, limits } = this.#owner;
    const { head } = scratch;
    const after = parseResponse(slab.bytes, start, end, head, call.method, limits);
    if (after === 0) return start;
    if (after < 0) return this.#fail(call, "head", headReason(after));
    if (head.status === 101) return this.#takeUpgrade(call, head, slab, after, end);
    if (head.status < 200) {
      call.receiver.onInform(call, head);
      return after;
    }
    this.#phase = "body";
    this.#body = head.body;
    this.#left = head.body === BODY.length ? head.contentLength : 0;
    this.#keepAlive = head.keepAlive;
    this.#inTrailers = false;
    if (head.body === BODY.chunked) (this.#chunks ??= new ChunkedDecoder()).reset();
    const isWhole = head.body === BODY.none || (head.body === BODY.length && head.contentLength === 0);
    const isAll = isWhole || (head.body === BODY.length && end - after >= this.#left);
    if (!isAll) this.#stream.deadline(SILENCE, limits.silenceMs);
    call.receiver.onResponse(call, head);
    if (isWhole && this.#call === call) this.#complete(call, undefined, after < end);
    return after;
  }

  #takeUpgrade(call: Call, head: Message, slab: Slab, after: number, end: number): number {
    if (!call.upgrade) return this.#fail(call, "head", "an upgrade that was not asked for");
    const stream = this.#stream;
    this.#call = undefined;
    this.#retire();
    stream.deadline(SILENCE, 0);
    call.receiver.onUpgrade(call, head, stream, slab.bytes.slice(after, end));
    this.#owner.onCallDone(call);
    return end;
  }

  /** Takes one piece of the body. Index behind it; `start` again when more bytes are needed. */
  #takeBody(call: Call, slab: Slab, start: number, end: number): number {
    this.#stream.deadline(SILENCE, this.#owner.limits.silenceMs);
    if (this.#body === BODY.chunked) return this.#takeChunked(call, slab, start, end);
    if (this.#body === BODY.untilClose) {
      this.#deliver(call, slab, start, end);
      return end;
    }
    const length = Math.min(this.#left, end - start);
    this.#left -= length;
    this.#deliver(call, slab, start, start + length);
    if (this.#left === 0 && this.#call === call) this.#complete(call, undefined, start + length < end);
    return start + length;
  }

  #takeChunked(call: Call, slab: Slab, start: number, end: number): number {
    const chunks = this.#chunks!;
    if (this.#inTrailers) return this.#takeTrailers(call, slab, start, end);
    const step = chunks.step(slab.bytes, start, end);
    switch (step) {
      case "data":
        this.#deliver(call, slab, chunks.dataStart, chunks.dataEnd);
        break;
      case "trailers":
        this.#inTrailers = true;
        break;
      case "bad":
        return this.#fail(call, "body", "malformed chunked coding");
      case "more":
        break;
    }
    return chunks.at;
  }

  #takeTrailers(call: Call, slab: Slab, start: number, end: number): number {
    const { trailers } = this.#owner.scratch;
    const after = parseFields(slab.bytes, start, end, trailers, this.#owner.limits);
    if (after === 0) return start;
    if (after < 0) return this.#fail(call, "body", headReason(after));
    this.#complete(call, trailers.fieldCount > 0 ? trailers : undefined, after < end);
    return after;
  }

  #deliver(call: Call, slab: Slab, start: number, end: number): void {
    if (!call.receiver.onBody(call, slab, start, end) && this.#call === call) this.pause();
  }

  /** The response is complete. `isSpent`: bytes or an end behind it make the connection useless. */
  #complete(call: Call, trailers: Message | undefined, isSpent: boolean): void {
    this.#call = undefined;
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#stream.resumeReading();
    }
    if (this.#keepAlive && call.requestEnded && !isSpent && !this.#headWaits && this.#phase !== "closed") this.#reuse();
    else this.close("done");
    call.receiver.onBodyEnd(call, trailers);
    this.#owner.onCallDone(call);
  }

  #reuse(): void {
    this.#phase = "idle";
    this.#used = true;
    this.#stream.deadline(IDLE, this.#owner.limits.idleMs);
    this.#owner.onReusable(this);
  }

  /** The backend has ended the connection within a call. */
  #break(call: Call, how: "closed" | "reset"): void {
    if (this.#phase === "body") this.#fail(call, "body", `${how} before the response's end`);
    else this.#fail(call, "head", `${how} before a response`);
  }

  /** Closes the connection and reports the call's failure. Returns 0 for callers that return an index: all input is dropped. */
  #fail(call: Call, source: UpstreamErrorSource, detail: string): number {
    const wasSent = this.#phase !== "connecting" && !this.#headWaits;
    this.#call = undefined;
    this.#retire();
    this.#stream.abort("error");
    this.#owner.onCallFailed(this, call, wasSent, source, detail);
    return 0;
  }

  #retire(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#owner.onGone(this);
  }
}

const CONNECT_FAULTS: Partial<Record<CloseReason, string>> = {
  refused: "connection refused",
  timeout: "no connection in time",
  unreachable: "no route to the endpoint",
  overloaded: "no descriptor for a connection",
  tlsFailed: "TLS handshake failed",
  reset: "connection reset",
  peerClosed: "closed while connecting",
};
