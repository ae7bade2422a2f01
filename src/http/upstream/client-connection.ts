/**
 * An HTTP/1.1 connection to a backend: sends one request at a time and reads its response (RFC 9112). Whatever makes the
 * end of a response uncertain fails the call and closes the connection; only a connection on which both messages have
 * ended exactly where they said goes back to the pool.
 */
import type { Slab } from "#src/reactor/slab.ts";
import type { CloseReason, Stream, StreamHandler } from "#src/reactor/stream.ts";
import { LF } from "../h1/character.ts";
import { headReason } from "../h1/head-reason.ts";
import { parseResponse } from "../h1/parse.ts";
import { BODY, type Message } from "../message.ts";
import type { UpstreamErrorSource } from "../upstream.ts";
import type { Call } from "./call.ts";
import type { EndpointConnections } from "./endpoint-connections.ts";
import { LARGE_BODY, USER_TIMEOUT_MS, type UpstreamLimits } from "./options.ts";
import { ResponseBody } from "./response-body.ts";
import type { UpstreamServices } from "./services.ts";

/** Kinds of the stream's deadline. */
const DEADLINE = { none: 0, connect: 1, idle: 2, head: 3, silence: 4, send: 5 } as const;

/** A head shorter than this is parsed anew at each piece; a longer one when a line has been completed. */
const TRICKLE = 1024;

/** The pool, as its connections see it. */
export interface ConnectionOwner {
  readonly services: UpstreamServices;
  readonly limits: UpstreamLimits;
  onConnected(connection: ClientConnection): void;
  onReusable(connection: ClientConnection): void;
  onGone(connection: ClientConnection): void;
  /** The response is complete, or the connection has been handed over; the receiver is about to be told. */
  onCallDone(call: Call): void;
  /** It has been told: the call may be used again. */
  onCallOver(call: Call): void;
  /** The call's attempt has failed; `wasSent`: bytes of it may have reached the backend. */
  onCallFailed(
    connection: ClientConnection,
    call: Call,
    wasSent: boolean,
    source: UpstreamErrorSource,
    detail: string,
  ): void;
}

type Phase = "connecting" | "idle" | "head" | "body" | "closed";

export class ClientConnection implements StreamHandler {
  readonly group: EndpointConnections;
  readonly #owner: ConnectionOwner;
  readonly #body: ResponseBody;
  #stream: Stream | undefined = undefined;
  #phase: Phase = "connecting";
  #call: Call | undefined = undefined;
  #used = false;
  /** Index of the next byte to read, during onData. */
  #at = 0;
  /** Bytes of an incomplete head that have been looked at. */
  #seen = 0;
  #interim = 0;
  #keepAlive = false;
  #isPaused = false;
  #queuedWhenArmed = 0;
  /** The kernel's user timeout is raised. */
  #isPatient = false;

  constructor(owner: ConnectionOwner, group: EndpointConnections) {
    this.#owner = owner;
    this.group = group;
    this.#body = new ResponseBody(owner.limits);
  }

  /** Whether it has been idle: the backend may be closing it at this moment. */
  get wasUsed(): boolean {
    return this.#used;
  }

  get isUsable(): boolean {
    return this.#phase === "idle" && !this.#stream!.closed;
  }

  /** The stream that is being opened for it, and the call that waits for it. */
  attach(stream: Stream, call: Call): void {
    this.#stream = stream;
    this.#call = call;
    call.connection = this;
    const { services, limits } = this.#owner;
    const headMs = call.headAt === 0 ? Infinity : Math.max(1, call.headAt - services.loop.now);
    stream.deadline(DEADLINE.connect, Math.min(limits.connectMs, headMs));
  }

  // --- the request ---

  /** Sends the call's request on this open connection. */
  start(call: Call): void {
    this.#call = call;
    call.connection = this;
    this.#phase = "head";
    this.#seen = this.#interim = 0;
    const isTaken = call.sender.attach(this.#stream!);
    if (call.sender.ended) this.requestEnded();
    else {
      this.#stream!.deadline(DEADLINE.none, 0);
      this.#owner.services.loop.late(call);
    }
    if (call.sender.bodySent > LARGE_BODY) this.bePatient();
    if (isTaken) call.drained();
    else this.requestBlocked();
  }

  /** The request is complete: the head's time runs. */
  requestEnded(): void {
    if (this.#phase !== "head") return;
    const { headAt } = this.#call!;
    const ms = headAt === 0 ? 0 : Math.max(1, headAt - this.#owner.services.loop.now);
    this.#stream!.deadline(DEADLINE.head, ms);
  }

  /** Body may wait for a backend that does not read. That is not one that is gone: the kernel must not end it before us. */
  bePatient(): void {
    if (this.#isPatient || !this.#isOpen()) return;
    this.#isPatient = true;
    this.#stream!.userTimeout(this.#owner.limits.silenceMs);
  }

  /** Body waits for the kernel: it must go on. Once a response has begun that must go on instead. */
  requestBlocked(): void {
    this.bePatient();
    if (this.#phase !== "head" || this.#call!.sender.ended) return;
    this.#queuedWhenArmed = this.#stream!.queuedBytes;
    this.#stream!.deadline(DEADLINE.send, this.#owner.limits.silenceMs);
  }

  pause(): void {
    if (this.#isPaused || !this.#isOpen()) return;
    this.#isPaused = true;
    // A client that does not read is no fault of the backend.
    if (this.#phase === "body") this.#stream!.deadline(DEADLINE.none, 0);
    this.#stream!.pauseReading();
  }

  resume(): void {
    if (!this.#isPaused || !this.#isOpen()) return;
    this.#isPaused = false;
    if (this.#phase === "body") this.#stream!.deadline(DEADLINE.silence, this.#owner.limits.silenceMs);
    this.#stream!.resumeReading();
  }

  // --- the stream ---

  onOpen(): void {
    const call = this.#call;
    this.#owner.onConnected(this);
    if (call === undefined) this.#release();
    else this.start(call);
  }

  onData(_stream: Stream, slab: Slab, start: number, end: number): number {
    const call = this.#call;
    if (call === undefined) {
      // Nothing is due on an idle connection: the backend says that it closes, or lies.
      this.close("done");
      return end - start;
    }
    this.#at = start;
    call.answered = true;
    while (this.#call === call && !this.#isPaused && this.#step(call, slab, end));
    return this.#phase === "closed" ? end - start : this.#at - start;
  }

  onEnd(): void {
    const call = this.#call;
    if (call === undefined) this.close("done");
    else if (this.#phase === "body" && this.#body.kind === BODY.untilClose) this.#complete(call, undefined);
    else this.#break(call, "closed");
  }

  onDrain(): void {
    const call = this.#call;
    if (call === undefined) return;
    if (this.#phase === "head" && !call.sender.ended) this.#stream!.deadline(DEADLINE.none, 0);
    call.drained();
  }

  onDeadline(_stream: Stream, kind: number): void {
    const call = this.#call;
    if (kind === DEADLINE.connect) this.#connectTimedOut(call);
    else if (call === undefined) this.close("done");
    else if (kind === DEADLINE.head) this.#fail(call, "timeout", "no response in time");
    else if (kind === DEADLINE.silence) this.#fail(call, "timeout", "the response stopped");
    else if (kind === DEADLINE.send && this.#stream!.queuedBytes < this.#queuedWhenArmed) this.requestBlocked();
    else if (kind === DEADLINE.send) this.#fail(call, "timeout", "the request's body is not taken");
  }

  onClose(_stream: Stream, reason: CloseReason): void {
    if (this.#phase === "closed") return;
    const call = this.#call;
    if (this.#phase === "connecting") this.#connectFailed(call, reason);
    else if (call === undefined) this.#retire();
    else this.#break(call, reason === "reset" ? "reset" : "closed");
  }

  /** Ends it in order: nobody has a use for it. */
  close(reason: CloseReason): void {
    if (this.#phase === "closed") return;
    this.#retire();
    // What the backend did not want to read any more must not go on arriving there.
    if (this.#stream!.queuedBytes > 0) this.#stream!.abort(reason);
    else this.#stream!.close(reason);
  }

  /** Ends it at once, and its call with it. */
  shutDown(): void {
    const call = this.#call;
    if (call === undefined) this.close("shutdown");
    else this.#fail(call, this.#phase === "body" ? "body" : "head", "shut down");
  }

  /** The requester has gone. A connection that is being opened will serve another one. */
  cancel(): void {
    this.#call = undefined;
    if (this.#phase === "closed" || this.#phase === "connecting") return;
    this.#retire();
    this.#stream!.abort("done");
  }

  // --- connecting ---

  #connectTimedOut(call: Call | undefined): void {
    const isTooLate = call !== undefined && call.headAt !== 0 && call.headAt <= this.#owner.services.loop.now;
    if (isTooLate) this.#fail(call, "timeout", "no connection in time");
    else this.#connectFailed(call, "timeout");
  }

  #connectFailed(call: Call | undefined, reason: CloseReason): void {
    if (call !== undefined) {
      this.#fail(call, reason === "tlsFailed" ? "tls" : "connect", CONNECT_FAULTS[reason] ?? reason);
      return;
    }
    this.#retire();
    this.#stream!.abort(reason);
  }

  // --- the response ---

  /** One step of reading. False when nothing further can be done with the bytes up to `end`. */
  #step(call: Call, slab: Slab, end: number): boolean {
    return this.#phase === "head" ? this.#takeHead(call, slab, end) : this.#takeBody(call, slab, end);
  }

  #takeHead(call: Call, slab: Slab, end: number): boolean {
    const { services, limits } = this.#owner;
    const { head } = services;
    const start = this.#at;
    if (this.#isTrickle(slab.bytes, start, end)) return false;
    const after = parseResponse(slab.bytes, start, end, head, call.method, limits);
    if (after === 0) this.#seen = end - start;
    if (after <= 0) return after < 0 && this.#fail(call, "head", `malformed: ${headReason(after)}`);
    this.#seen = 0;
    this.#at = after;
    if (head.status === 101) return this.#takeUpgrade(call, head, slab, end);
    if (head.status < 200) {
      if (++this.#interim > limits.interim) return this.#fail(call, "head", "too many interim responses");
      call.receiver.onInform(call, head);
      return true;
    }
    this.#beginBody(call, head, end);
    return true;
  }

  /** A long head that comes byte by byte is parsed once a line, or the work would grow with its square. */
  #isTrickle(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.#seen < TRICKLE || length > this.#owner.limits.headBytes) return false;
    for (let i = start + this.#seen; i < end; i++) if (bytes[i] === LF) return false;
    this.#seen = length;
    return true;
  }

  #beginBody(call: Call, head: Message, end: number): void {
    const body = this.#body;
    this.#phase = "body";
    this.#keepAlive = head.keepAlive;
    body.begin(head);
    // What is all here needs no time.
    if (!body.isComplete && !body.isWithin(end - this.#at)) this.#armSilence();
    call.receiver.onResponse(call, head);
    if (body.isComplete && this.#call === call) this.#complete(call, undefined, end);
  }

  #takeUpgrade(call: Call, head: Message, slab: Slab, end: number): boolean {
    if (!call.upgrade) return this.#fail(call, "head", "an upgrade that was not asked for");
    const stream = this.#stream!;
    this.#call = undefined;
    this.#retire();
    stream.deadline(DEADLINE.none, 0);
    // As a relayed TCP connection: keepalive finds a peer that is gone, and one that does not read for long is not cut.
    stream.userTimeout(0);
    this.#owner.onCallDone(call);
    call.receiver.onUpgrade(call, head, stream, slab.bytes.slice(this.#at, end));
    return false;
  }

  /** Takes one piece of the body. */
  #takeBody(call: Call, slab: Slab, end: number): boolean {
    const body = this.#body;
    const step = body.step(slab.bytes, this.#at, end);
    this.#at = body.at;
    switch (step) {
      case "more":
        return false;
      case "bad":
        return this.#fail(call, "body", "malformed chunked coding");
      case "end":
        this.#complete(call, body.trailers, end);
        return false;
      case "data":
        break;
    }
    const isWanted = call.receiver.onBody(call, slab, body.dataStart, body.dataEnd);
    if (this.#call !== call) return false;
    if (body.isComplete) this.#complete(call, undefined, end);
    else if (!isWanted) this.pause();
    else if (!body.isWithin(end - this.#at)) this.#armSilence();
    return true;
  }

  #armSilence(): void {
    if (!this.#isPaused) this.#stream!.deadline(DEADLINE.silence, this.#owner.limits.silenceMs);
  }

  /** The response is complete. Bytes up to `end` behind it make the connection useless, as its end does (no `end`). */
  #complete(call: Call, trailers: Message | undefined, end = -1): void {
    const { sender } = call;
    const stream = this.#stream!;
    const isClean = this.#at === end && sender.ended && stream.queuedBytes === 0 && !stream.closed;
    this.#call = undefined;
    this.#owner.onCallDone(call);
    if (this.#keepAlive && isClean) this.#release();
    else this.close("done");
    call.receiver.onBodyEnd(call, trailers);
    this.#owner.onCallOver(call);
  }

  #release(): void {
    this.#phase = "idle";
    this.#used = true;
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#stream!.resumeReading();
    }
    if (this.#isPatient) {
      this.#isPatient = false;
      this.#stream!.userTimeout(USER_TIMEOUT_MS);
    }
    this.#stream!.deadline(DEADLINE.idle, this.#owner.limits.idleMs);
    this.#owner.onReusable(this);
  }

  // --- failing ---

  #isOpen(): boolean {
    return this.#phase === "head" || this.#phase === "body";
  }

  /** The backend has ended the connection within a call. */
  #break(call: Call, how: "closed" | "reset"): void {
    if (this.#phase === "body") this.#fail(call, "body", `${how} before the response's end`);
    else if (call.sender.ended) this.#fail(call, "head", `${how} before a response`);
    else this.#fail(call, "send", `${how} before the request's end`);
  }

  /** Closes the connection and reports the call's failure. False, for steps of reading: all input is dropped. */
  #fail(call: Call, source: UpstreamErrorSource, detail: string): false {
    const wasSent = this.#phase !== "connecting" && call.sender.wasSent;
    this.#call = undefined;
    this.#retire();
    this.#stream!.abort("error");
    this.#owner.onCallFailed(this, call, wasSent, source, detail);
    return false;
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
