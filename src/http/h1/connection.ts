/**
 * The server's side of one HTTP/1.1 connection: heads are read one after another, each becomes an exchange, and the next
 * is looked at when that has been answered (RFC 9112 section 9.3.2). Answers of one readable event are gathered and
 * leave by one send. While output waits for the kernel, or an exchange for its answer, nothing further is consumed.
 */
import type { Slab } from "#src/reactor/slab.ts";
import type { CloseReason, Stream } from "#src/reactor/stream.ts";
import type { HttpConnection, PortPlace } from "../engine/services.ts";
import type { AbortReason } from "../exchange.ts";
import { BODY, type BodyKind } from "../message.ts";
import { METHOD } from "../method.ts";
import { statusText } from "../status-text.ts";
import type { Stage } from "../stage.ts";
import { LF } from "./character.ts";
import { H1Exchange } from "./exchange.ts";
import { headReason, statusOfReason, type HeadReason } from "./head-reason.ts";
import { H1Output } from "./output.ts";
import { parseRequest } from "./parse.ts";
import { RequestBody } from "./request-body.ts";
import type { H1Shared } from "./shared.ts";
import type { ConnectionOption } from "./write.ts";

/** Kinds of the stream's deadline. */
const DEADLINE = { none: 0, head: 1, idle: 2, body: 3, write: 4 } as const;
type Deadline = (typeof DEADLINE)[keyof typeof DEADLINE];
/** A deadline that only moves is armed again after this time: they may come that much early. */
const REARM_MS = 1000;

/** A head shorter than this is parsed anew at each piece; a longer one when a line has been completed. */
const TRICKLE = 1024;

const NO_STAGES: readonly Stage[] = [];
const NOTHING = new Uint8Array(0);

const ABORTED_BY: Readonly<Partial<Record<CloseReason, AbortReason>>> = {
  peerClosed: "clientClosed",
  reset: "clientReset",
  timeout: "clientTimeout",
  badInput: "badRequest",
  shutdown: "shutdown",
  overloaded: "overloaded",
};

type State =
  | "head"
  | "exchange"
  /** Answered; the rest of the request's body is dropped. */
  | "discard"
  /** Closing, closed or handed over: nothing is read here any more. */
  | "gone";

export class H1Connection implements HttpConnection {
  readonly stream: Stream;
  readonly output: H1Output;
  /** Where the present request's head lies in the arena, during the call that began it. */
  headStart = 0;
  headEnd = 0;
  readonly #shared: H1Shared;
  readonly #port: PortPlace;
  #state: State = "head";
  #exchange: H1Exchange | undefined = undefined;
  #body: RequestBody | undefined = undefined;
  #requests = 0;
  /** Index of the next byte to read, during onData. */
  #at = 0;
  /** Bytes of an incomplete head that have been looked at. */
  #seen = 0;
  #discarded = 0;
  #isReading = false;
  #isPaused = false;
  #closesAfter = false;
  #inputEnded = false;
  #isHandedOver = false;
  #deadline: Deadline = DEADLINE.none;
  #armedAt = 0;
  #queuedWhenArmed = 0;

  constructor(stream: Stream, port: PortPlace, shared: H1Shared) {
    this.stream = stream;
    this.output = new H1Output(stream, shared.services);
    this.#port = port;
    this.#shared = shared;
    shared.services.observer.onConnection("h1", port.current.secure);
    this.#rearm();
  }

  // --- stream ---

  onOpen(): void {
    this.#rearm();
  }

  onData(_stream: Stream, slab: Slab, start: number, end: number): number {
    this.#isReading = true;
    this.#at = start;
    while (this.#step(slab, end));
    this.output.release();
    this.#isReading = false;
    if (this.#state === "gone") return this.#isHandedOver ? this.#at - start : end - start;
    if (this.#isOver(end)) {
      this.#close("peerClosed");
      return end - start;
    }
    this.#pauseIfStuck(end);
    this.#rearm();
    return this.#at - start;
  }

  onEnd(): void {
    this.#inputEnded = true;
    if (this.#state === "head") {
      if (this.#seen > 0) this.#shared.services.observer.onRefused("truncatedHead");
      this.#close("peerClosed");
    } else if (this.#state === "discard") {
      this.#close("peerClosed");
    } else if (this.#body !== undefined) {
      this.#giveUp("clientClosed", "peerClosed");
    }
    // A client that has sent all it had may still want its answer.
  }

  onDrain(): void {
    this.output.blocked = false;
    const exchange = this.#exchange;
    if (exchange !== undefined) exchange.source?.onDrain(exchange);
    this.#goOn();
  }

  onDeadline(_stream: Stream, kind: number): void {
    this.#deadline = DEADLINE.none;
    switch (kind) {
      case DEADLINE.write:
        if (this.stream.queuedBytes >= this.#queuedWhenArmed) this.#giveUp("clientTimeout", "timeout");
        else this.#rearm();
        return;
      case DEADLINE.head:
        if (this.#state === "head" && this.#seen > 0) this.#refuse("headTimeout", 408);
        else this.#close("timeout");
        return;
      case DEADLINE.body:
        this.#bodyTimedOut();
        return;
      default:
        this.#close("timeout");
    }
  }

  onClose(_stream: Stream, reason: CloseReason): void {
    this.#state = "gone";
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (exchange !== undefined) {
      exchange.abort(ABORTED_BY[reason] ?? "error");
      this.#shared.services.observer.onFinish(exchange);
    }
    if (!this.#isHandedOver) this.#shared.services.observer.onConnectionEnd("h1", this.#port.current.secure);
  }

  // --- what the engine asks ---

  drain(): void {
    this.#closesAfter = true;
    if (this.#state === "head" && this.#seen === 0) this.#close("shutdown");
  }

  // --- what the exchange asks ---

  get hasBody(): boolean {
    return this.#body !== undefined;
  }

  /** Somebody wants the body now, or again. */
  wakeBody(): void {
    if (!this.#isReading) this.#goOn();
  }

  /** How the response's head speaks of the connection. What it says is kept. */
  optionFor(framing: BodyKind): ConnectionOption {
    const { limits } = this.#shared.services;
    const exchange = this.#exchange!;
    const { request } = exchange;
    const isUnread = this.#body !== undefined && exchange.sink === undefined;
    this.#closesAfter ||=
      !request.keepAlive ||
      framing === BODY.untilClose ||
      request.method === METHOD.CONNECT ||
      this.#requests + 1 === limits.requestsPerConnection ||
      (isUnread && (exchange.bodyUncertain || this.#isTooMuch(this.#body!.remaining)));
    if (this.#closesAfter) return "close";
    return request.version > 10 ? "implied" : "keepAlive";
  }

  /** The response is complete, as far as the exchange is concerned. */
  responseEnded(exchange: H1Exchange): void {
    this.#requests++;
    this.#finish(exchange);
    const body = this.#body;
    if (this.#closesAfter || (body !== undefined && body.remaining !== Infinity && this.#isTooMuch(body.remaining))) {
      this.#close("done");
      return;
    }
    this.#state = body === undefined ? "head" : "discard";
    this.#discarded = 0;
    if (!this.#isReading) this.#goOn();
  }

  /** The response cannot be completed. */
  cut(exchange: H1Exchange): void {
    this.#finish(exchange);
    this.output.release();
    this.#state = "gone";
    this.stream.abort("error");
  }

  /** The byte stream changes hands: the new holder sets the stream's handler and calls resumeReading. */
  handOver(exchange: H1Exchange): void {
    this.#finish(exchange);
    this.output.release();
    this.#isHandedOver = true;
    this.#state = "gone";
    this.stream.deadline(DEADLINE.none, 0);
    this.#shared.services.observer.onConnectionEnd("h1", this.#port.current.secure);
  }

  // --- reading ---

  /** One step of reading. False when nothing further can be done with the bytes up to `end`. */
  #step(slab: Slab, end: number): boolean {
    switch (this.#state) {
      case "head":
        return !this.output.blocked && this.#at < end && this.#readHead(slab, end);
      case "exchange":
        return this.#readBody(slab, end);
      case "discard":
        return this.#discard(slab, end);
      case "gone":
        break;
    }
    return false;
  }

  #readHead(slab: Slab, end: number): boolean {
    const { limits } = this.#shared.services;
    const start = this.#at;
    if (this.#isTrickle(slab.bytes, start, end)) return false;
    const result = parseRequest(slab.bytes, start, end, this.#shared.request, limits);
    if (result === 0) {
      this.#seen = end - start;
      return false;
    }
    this.#seen = 0;
    if (this.#deadline === DEADLINE.head) this.#deadline = DEADLINE.none;
    if (result < 0) {
      const reason = headReason(result);
      this.#refuse(reason, statusOfReason(reason));
      return false;
    }
    this.headStart = start;
    this.headEnd = this.#at = result;
    this.#beginExchange();
    return true;
  }

  /** A long head that comes byte by byte is parsed once a line, or the work would grow with its square. */
  #isTrickle(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.#seen < TRICKLE || length > this.#shared.services.limits.headBytes) return false;
    for (let i = start + this.#seen; i < end; i++) if (bytes[i] === LF) return false;
    this.#seen = Math.max(this.#seen, length);
    return true;
  }

  #beginExchange(): void {
    const { services, request } = this.#shared;
    const port = this.#port.current;
    request.secure = port.secure;
    const hasBody = request.body === BODY.chunked || request.contentLength > 0;
    this.#body = hasBody ? new RequestBody(request, services.limits.bodyBytes, services.limits) : undefined;
    const isTooLarge = services.limits.bodyBytes > 0 && request.contentLength > services.limits.bodyBytes;
    const exchange = this.#takeExchange(isTooLarge ? NO_STAGES : port.stages);
    if (isTooLarge) this.#answerTooLarge(exchange);
    else exchange.proceed();
  }

  #takeExchange(stages: readonly Stage[]): H1Exchange {
    const { services } = this.#shared;
    const now = services.loop.now;
    services.date.refresh(now);
    const exchange = this.#shared.take() ?? new H1Exchange(this.#shared, this);
    exchange.begin(this, stages, now);
    this.#exchange = exchange;
    this.#state = "exchange";
    services.observer.onRequest(exchange);
    return exchange;
  }

  #readBody(slab: Slab, end: number): boolean {
    const exchange = this.#exchange;
    const body = this.#body;
    if (exchange === undefined || body === undefined) return false;
    const { sink } = exchange;
    if (sink === undefined || exchange.bodyPaused) return false;
    const step = body.step(slab.bytes, this.#at, end);
    this.#at = body.at;
    switch (step) {
      case "more":
        return false;
      case "data":
        exchange.bytesIn = body.received;
        if (!sink.onBody(exchange, slab, body.dataStart, body.dataEnd)) exchange.bodyPaused = true;
        return true;
      case "end":
        this.#body = undefined;
        exchange.sink = undefined;
        sink.onBodyEnd(exchange, body.trailers);
        return true;
      case "bad":
        this.#breakBody(exchange, "badChunk", 400, "badRequest");
        return false;
      case "tooLarge":
        this.#breakBody(exchange, "bodyTooLarge", 413, "bodyTooLarge");
        return false;
    }
    return false;
  }

  /** The request's body cannot be read further: its exchange ends, and the connection with it. */
  #breakBody(exchange: H1Exchange, reason: string, status: number, aborted: AbortReason): void {
    this.#shared.services.observer.onRefused(reason);
    exchange.sink = undefined;
    this.#closesAfter = true;
    exchange.notes.reason ||= reason;
    const { source } = exchange;
    exchange.source = undefined;
    source?.onAbort(exchange, aborted);
    exchange.fail(status, aborted, reason);
  }

  #discard(slab: Slab, end: number): boolean {
    const body = this.#body;
    if (body === undefined) return false;
    const step = body.step(slab.bytes, this.#at, end);
    this.#discarded += body.at - this.#at;
    this.#at = body.at;
    if (step === "end") {
      this.#body = undefined;
      this.#state = "head";
      return true;
    }
    if (step === "data" && !this.#isTooMuch(this.#discarded)) return true;
    if (step !== "more" || this.#isTooMuch(this.#discarded)) this.#close("done");
    return false;
  }

  #isTooMuch(bytes: number): boolean {
    return bytes !== Infinity && bytes > this.#shared.services.limits.discardBytes;
  }

  /** What cannot be consumed now stays in the kernel: the stream is asked to stop. */
  #pauseIfStuck(end: number): void {
    const isWaitingForBytes = this.#state === "head" && !this.output.blocked;
    const isMidBody = this.#state === "exchange" && this.#body !== undefined && this.#wantsBody();
    if (this.#at < end && !isWaitingForBytes && !isMidBody) {
      this.#isPaused = true;
      this.stream.pauseReading();
    }
  }

  #wantsBody(): boolean {
    const exchange = this.#exchange;
    return exchange !== undefined && exchange.sink !== undefined && !exchange.bodyPaused;
  }

  /** Something has changed outside of onData: output is sent, reading begins again if there is a use for bytes. */
  #goOn(): void {
    if (this.#isReading || this.#state === "gone") return;
    this.output.release();
    const canRead = this.#state === "discard" || (this.#state === "head" && !this.output.blocked) || this.#wantsBody();
    if (this.#isPaused && canRead) {
      this.#isPaused = false;
      this.stream.resumeReading();
    } else if (this.#isOver(0)) {
      this.#close("peerClosed");
    }
    if (!this.stream.closed) this.#rearm();
  }

  /** The client has ended its side, and all that it had asked before is answered. `end` is where its bytes end. */
  #isOver(end: number): boolean {
    const isIdle = this.#state === "head" || this.#state === "discard";
    return this.#inputEnded && isIdle && (end === 0 || this.#at === end || this.#seen > 0);
  }

  // --- ending ---

  /** Answers a request that is none; nothing further is read. */
  #refuse(reason: HeadReason | "headTimeout", status: number): void {
    const { services, request } = this.#shared;
    services.observer.onRefused(reason);
    if (reason === "headTimeout") request.reset(NOTHING);
    request.expectContinue = false;
    this.headStart = this.headEnd = this.#at;
    this.#closesAfter = true;
    this.#body = undefined;
    const exchange = this.#takeExchange(NO_STAGES);
    exchange.notes.reason = reason;
    exchange.respondText(status, `${statusText(status)}\n`, undefined);
  }

  #answerTooLarge(exchange: H1Exchange): void {
    this.#shared.services.observer.onRefused("bodyTooLarge");
    this.#closesAfter = true;
    exchange.notes.reason = "bodyTooLarge";
    exchange.respondText(413, `${statusText(413)}\n`, undefined);
  }

  #bodyTimedOut(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) this.#close("timeout");
    else this.#breakBody(exchange, "bodyTimeout", 408, "clientTimeout");
  }

  /** The client is gone or unusable: whoever answers is told, nothing more is sent. */
  #giveUp(aborted: AbortReason, reason: CloseReason): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      exchange.abort(aborted);
      this.#finish(exchange);
    }
    this.output.release();
    this.#state = "gone";
    this.stream.abort(reason);
  }

  #close(reason: CloseReason): void {
    this.output.release();
    this.#state = "gone";
    this.stream.close(reason);
  }

  #finish(exchange: H1Exchange): void {
    this.#exchange = undefined;
    this.#shared.services.observer.onFinish(exchange);
    if (!exchange.kept) this.#shared.giveBack(exchange);
  }

  // --- deadlines ---

  #rearm(): void {
    const { loop, limits } = this.#shared.services;
    const kind = this.#deadlineKind();
    if (kind === this.#deadline) {
      if (kind === DEADLINE.none || kind === DEADLINE.head || loop.now - this.#armedAt < REARM_MS) return;
    }
    this.#deadline = kind;
    this.#armedAt = loop.now;
    this.#queuedWhenArmed = kind === DEADLINE.write ? this.stream.queuedBytes : 0;
    this.stream.deadline(kind, deadlineMs(kind, limits));
  }

  #deadlineKind(): Deadline {
    if (this.output.blocked) return DEADLINE.write;
    if (this.#state === "head") return this.#seen > 0 || this.#requests === 0 ? DEADLINE.head : DEADLINE.idle;
    if (this.#state === "discard") return DEADLINE.body;
    return this.#body !== undefined && this.#wantsBody() ? DEADLINE.body : DEADLINE.none;
  }
}

function deadlineMs(kind: Deadline, limits: H1Shared["services"]["limits"]): number {
  if (kind === DEADLINE.idle) return limits.idleMs;
  if (kind === DEADLINE.head) return limits.headMs;
  if (kind === DEADLINE.body) return limits.bodyMs;
  return kind === DEADLINE.write ? limits.writeMs : 0;
}
