/**
 * One stream of an HTTP/2 connection as an Exchange: the request's body comes in under our window, the response goes out
 * under the client's. What a window holds back waits in a queue, and whoever made it is asked to pause.
 */
import type { Address } from "#src/net/address.ts";
import type { Slab } from "#src/reactor/slab.ts";
import type { Held, TlsInfo } from "#src/reactor/stream.ts";
import type { FinishedExchange } from "../engine/services.ts";
import { StageRun } from "../engine/stage-run.ts";
import {
  type AbortReason,
  type BodySink,
  type ExchangeNotes,
  type PreparedResponse,
  type ResponseSource,
  type UpgradedStream,
  emptyNotes,
} from "../exchange.ts";
import type { FieldEdits } from "../field-edits.ts";
import { BODY, Message } from "../message.ts";
import { METHOD } from "../method.ts";
import type { Stage } from "../stage.ts";
import { statusText } from "../status-text.ts";
import type { H2Connection } from "./connection.ts";
import { createKey, grantEdits, handshakeFault, showAsUpgrade } from "./extended-connect.ts";
import { ERROR, type ErrorCode, MAX_FRAME_SIZE } from "./frame.ts";
import { RequestBody } from "./request-body.ts";
import { ResponseBody } from "./response-body.ts";
import {
  copyOfTrailers,
  headBound,
  OWN_FIELDS,
  preparedBound,
  writeHead,
  writePrepared,
  writeTrailers,
} from "./response-head.ts";
import { H2Tunnel } from "./tunnel.ts";

/** The largest prepared response that is copied as a whole; a larger body goes frame by frame. */
const MAX_DIRECT = 64 * 1024;

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

export class H2Exchange implements FinishedExchange {
  readonly version = 20;
  readonly notes: ExchangeNotes = emptyNotes();
  id = 0;
  startedAt = 0;
  ended = false;
  source: ResponseSource | undefined = undefined;
  status = 0;
  bytesOut = 0;
  aborted: AbortReason | "" = "";
  readonly body: RequestBody;
  readonly response: ResponseBody;

  readonly #connection: H2Connection;
  readonly #run = new StageRun();
  #request: Message;
  #requestKept = false;
  #headSent = false;
  /** The head carried END_STREAM. */
  #headEndedStream = false;
  /** The response is over, and reported. */
  #closed = false;
  /** So is the stream. */
  #gone = false;
  #trailers: Message | undefined = undefined;
  /** Octets of the announced body that are still to be written; -1 when no length was announced. */
  #left = -1;
  #wantsDrain = false;
  /** Of a WebSocket, what the backend's 101 must know; else empty. */
  #key = "";
  #tunnel: H2Tunnel | undefined = undefined;

  constructor(connection: H2Connection) {
    this.#connection = connection;
    this.body = new RequestBody(this, connection);
    this.response = new ResponseBody(connection);
    this.#request = connection.shared.section.message;
  }

  get request(): Message {
    return this.#request;
  }

  get bytesIn(): number {
    return this.body.bytes;
  }

  get client(): Address {
    return this.#connection.stream.peer;
  }

  get local(): Address {
    return this.#connection.stream.local;
  }

  get tls(): TlsInfo | undefined {
    return this.#connection.stream.tls;
  }

  // --- for the connection

  /** Becomes the exchange of a new stream, whose request lies in the shared section. */
  begin(id: number, endStream: boolean): void {
    const { shared } = this.#connection;
    this.id = id;
    this.startedAt = shared.services.loop.now;
    this.ended = this.#closed = this.#gone = this.#headSent = this.#requestKept = false;
    this.source = undefined;
    this.status = this.bytesOut = 0;
    this.aborted = "";
    this.response.begin(id);
    this.#request = shared.section.message;
    if (this.#connection.port.current.secure) this.#request.secure = true;
    this.#key = shared.section.webSocket ? createKey() : "";
    if (this.isWebSocket) showAsUpgrade(shared.section, this.#key);
    this.body.begin(this.#request.contentLength, endStream, this.isWebSocket ? 0 : shared.services.limits.bodyBytes);
    this.#wantsDrain = false;
    this.#tunnel = undefined;
    const notes = this.notes;
    notes.gateway = notes.route = notes.backend = notes.endpoint = notes.cache = notes.reason = "";
    notes.upstreamMs = -1;
    notes.retries = 0;
  }

  /** Runs the stages. True: the exchange is over already and nobody holds it. */
  dispatch(): boolean {
    const { shared, port } = this.#connection;
    const { observer, limits } = shared.services;
    observer.onRequest(this);
    let outcome = "done";
    if (limits.bodyBytes > 0 && this.body.announced > limits.bodyBytes) {
      this.refuse(413, "bodyTooLarge", "bodyTooLarge");
    } else {
      this.#run.begin(port.current.stages);
      outcome = this.#advance();
    }
    if (!this.#closed) this.keepRequest();
    return this.#gone && outcome === "done";
  }

  /** Sends one frame of what waits, if it may. True when it did. */
  pump(): boolean {
    if (!this.response.sendWaiting()) return false;
    if (this.response.waiting > 0) return true;
    if (this.ended) this.#finish(this.#trailers);
    else this.onUnblocked();
    return true;
  }

  /** The kernel has taken everything of the connection's. */
  onUnblocked(): void {
    if (!this.#wantsDrain || this.ended || this.response.waiting > 0 || this.#connection.isBlocked) return;
    this.#wantsDrain = false;
    this.source?.onDrain(this);
  }

  /** The stream is over before its time: reset, or its connection gone. */
  cut(reason: AbortReason): void {
    if (this.#closed) return this.#leave();
    const wasEnded = this.ended;
    this.aborted = reason;
    this.#close();
    if (!wasEnded) this.source?.onAbort(this, reason);
  }

  /** Ends an exchange whose client stands still. */
  checkProgress(now: number): void {
    const { limits } = this.#connection.shared.services;
    // How long a tunnel may be silent is for those who hold it to say.
    if (this.#tunnel !== undefined && !this.#tunnel.closed) return;
    if (this.#closed) {
      if (this.body.isLate(now, limits.bodyMs)) this.stopReading();
    } else if (this.response.isStuck(now, limits.writeMs)) {
      this.#connection.resetStream(this.id, ERROR.cancel);
      this.cut("clientTimeout");
    } else if (this.body.isLate(now, limits.bodyMs)) {
      this.refuse(408, "clientTimeout", "bodyTimeout");
    }
  }

  // --- Exchange: the way through the stages

  follow(stages: readonly Stage[]): void {
    this.#run.follow(stages);
  }

  proceed(): void {
    if (!this.ended) this.#advance();
  }

  keepRequest(): void {
    if (this.#requestKept) return;
    this.#requestKept = true;
    const { section } = this.#connection.shared;
    this.#request = Message.copyOf(section.message, 0, section.end);
  }

  /** Its stream may outlive it, for the request's body or the end of what was sent: it is never used again. */
  letGo(): void {}

  #advance(): "done" | "wait" {
    const outcome = this.#run.run(this);
    if (outcome !== "unanswered") return outcome;
    this.notes.reason = "unanswered";
    this.respondText(404, "Not Found\n", undefined);
    return "done";
  }

  // --- Exchange: the request's body

  get hasBody(): boolean {
    return !this.isWebSocket && !this.body.done;
  }

  readBody(sink: BodySink): void {
    const { body } = this;
    if (this.ended) return;
    if (body.done) return sink.onBodyEnd(this, undefined);
    if (this.#request.expectContinue && !this.#headSent && body.bytes === 0 && !body.ended) this.inform(100, undefined);
    body.readTo(sink);
  }

  pauseBody(): void {
    this.body.pause();
  }

  resumeBody(): void {
    this.body.resume();
  }

  // --- Exchange: the response

  inform(status: number, head: Message | undefined): void {
    if (this.#headSent || this.ended) return;
    const interim = head ?? this.#connection.shared.interimHead();
    const before = interim.status;
    interim.status = status;
    const bound = headBound(interim, undefined);
    if (bound > this.#connection.shared.services.out.slab.length) return;
    const at = this.#connection.reserve(bound);
    this.#connection.finish(writeHead(this.#connection.outBytes, at, this.id, interim, undefined, undefined, false));
    interim.status = before;
  }

  respond(head: Message, edits: FieldEdits | undefined): void {
    if (this.#headSent || this.ended) return;
    const changes = this.#shown(head, edits);
    if (headBound(head, changes) > this.#connection.shared.services.out.slab.length) {
      return this.fail(502, "upstreamFailed", "the response's head is too large");
    }
    if (this.#writeHead(head, changes)) this.#finish(undefined);
  }

  respondPrepared(prepared: PreparedResponse): void {
    if (this.#headSent || this.ended) return prepared.held?.release();
    const bodyLength = this.#request.method === METHOD.HEAD ? 0 : prepared.bodyEnd - prepared.bodyStart;
    const isShort = prepared.h2End - prepared.h2Start + OWN_FIELDS <= MAX_FRAME_SIZE;
    const fits = bodyLength <= Math.min(MAX_DIRECT, this.response.window, this.#connection.sendWindow);
    const hasRoom = preparedBound(prepared, bodyLength) <= this.#connection.shared.services.out.slab.length;
    if (!fits || !isShort || !hasRoom || this.#run.watched) this.#respondInParts(prepared);
    else {
      this.#writePrepared(prepared, bodyLength);
      prepared.held?.release();
      this.#close();
    }
  }

  respondText(status: number, text: string, edits: FieldEdits | undefined): void {
    if (this.#headSent || this.ended) return;
    const { shared } = this.#connection;
    const body = encoder.encode(text);
    const head = shared.textHead(status, body.length);
    if (this.#writeHead(head, this.#shown(head, edits))) return this.#finish(undefined);
    this.#send(body, 0, body.length, undefined);
    this.end();
  }

  write(slab: Slab, start: number, end: number, held?: Held): boolean {
    if (this.ended || !this.#headSent) {
      held?.release();
      return true;
    }
    if (this.#left >= 0 && end - start > this.#left) {
      held?.release();
      this.notes.reason ||= "bodyLongerThanTold";
      this.#break("error");
      return true;
    }
    this.#send(slab.bytes, start, end, held);
    if (this.response.waiting === 0 && !this.#connection.isBlocked) return true;
    this.#wantsDrain = true;
    return false;
  }

  end(trailers?: Message): void {
    if (this.ended || !this.#headSent) return;
    if (this.#left > 0) {
      this.notes.reason ||= "bodyShorterThanTold";
      return this.#break("error");
    }
    this.ended = true;
    if (this.response.waiting === 0) this.#finish(trailers);
    else this.#trailers = trailers === undefined ? undefined : copyOfTrailers(trailers);
  }

  fail(status: number, reason: AbortReason, detail: string): void {
    if (this.ended) return;
    this.notes.reason ||= detail || reason;
    if (this.#headSent) this.#break(reason);
    else this.respondText(status, `${statusText(status)}\n`, undefined);
  }

  /** As `fail`, on behalf of the connection: whoever was to answer is told. */
  refuse(status: number, reason: AbortReason, detail: string): void {
    const { source } = this;
    this.source = undefined;
    this.fail(status, reason, detail);
    source?.onAbort(this, reason);
  }

  /** Whoever answers cannot complete the response: a reset, so that no client takes it as whole (RFC 9113 section 8.1). */
  #break(reason: AbortReason): void {
    this.source = undefined;
    this.#connection.resetStream(this.id, ERROR.internalError);
    this.cut(reason);
  }

  /** HTTP/2 has no upgrade but the extended CONNECT, granted by a 200 for the backend's 101 (RFC 8441 section 5). */
  upgrade(head: Message, edits: FieldEdits | undefined): UpgradedStream | undefined {
    if (!this.isWebSocket || this.#headSent || this.ended) return undefined;
    const { shared } = this.#connection;
    const { observer, out } = shared.services;
    const changes = grantEdits(this.#shown(head, edits), shared.services.edits);
    const fault = handshakeFault(head, this.#key);
    if (fault !== undefined || headBound(head, changes) > out.slab.length) {
      this.notes.reason ||= fault ?? "the response's head is too large";
      return undefined;
    }
    this.#tunnel = new H2Tunnel(this);
    this.#writeHead(head, changes);
    this.source = this.#tunnel;
    observer.onFinish(this);
    return { stream: this.#tunnel, rest: NOTHING };
  }

  // --- for the tunnel

  /** The request is a WebSocket's extended CONNECT. */
  get isWebSocket(): boolean {
    return this.#key !== "";
  }

  /** END_STREAM; the client may go on. */
  endTunnelData(): void {
    this.#connection.endData(this.id);
  }

  /** The tunnel is over: after END_STREAM (`noError`), or by a reset. */
  leaveTunnel(code: ErrorCode): void {
    if (this.#closed) return;
    if (code !== ERROR.noError) {
      this.#connection.resetStream(this.id, code);
      this.aborted = "error";
    }
    this.#close();
  }

  /** The changes that stages ask for when they see the head, on top of `edits`. */
  #shown(head: Message, edits: FieldEdits | undefined): FieldEdits | undefined {
    if (!this.#run.watched) return edits;
    const shared = this.#connection.shared.services.edits;
    if (edits !== shared) {
      shared.clear();
      if (edits !== undefined) {
        shared.merge(edits);
        shared.status = edits.status;
      }
    }
    this.#run.showResponse(this, head, shared);
    return shared;
  }

  /** Writes the response's head. True: there is no body, END_STREAM is said. */
  #writeHead(head: Message, edits: FieldEdits | undefined): boolean {
    const connection = this.#connection;
    const { date, loop } = connection.shared.services;
    const status = edits !== undefined && edits.status !== 0 ? edits.status : head.status;
    const isEmpty =
      this.#request.method === METHOD.HEAD ||
      status === 204 ||
      status === 304 ||
      head.body === BODY.none ||
      head.contentLength === 0;
    const hasNoBody = isEmpty && this.#tunnel === undefined;
    date.refresh(loop.now);
    this.status = status;
    this.#headSent = true;
    const at = connection.reserve(headBound(head, edits));
    connection.finish(writeHead(connection.outBytes, at, this.id, head, edits, date.bytes, hasNoBody));
    this.#headEndedStream = hasNoBody;
    this.#left = head.body === BODY.length ? head.contentLength : -1;
    return hasNoBody;
  }

  /** The hit path: prepared block, Date, Age and body in one go. */
  #writePrepared(prepared: PreparedResponse, bodyLength: number): void {
    const connection = this.#connection;
    const { date, loop } = connection.shared.services;
    date.refresh(loop.now);
    const at = connection.reserve(preparedBound(prepared, bodyLength));
    connection.finish(writePrepared(connection.outBytes, at, this.id, prepared, bodyLength, date.bytes));
    connection.sendWindow -= bodyLength;
    this.response.window -= bodyLength;
    this.status = prepared.status;
    this.bytesOut = bodyLength;
  }

  /** A prepared response whose body must wait for windows, or whose head some stage wants to see. */
  #respondInParts(prepared: PreparedResponse): void {
    const head = this.#connection.shared.preparedHead(prepared);
    if (head === undefined) {
      prepared.held?.release();
      this.fail(500, "error", "the stored response cannot be read");
      return;
    }
    if (this.#writeHead(head, this.#shown(head, undefined))) {
      prepared.held?.release();
      return this.#finish(undefined);
    }
    this.#send(prepared.slab.bytes, prepared.bodyStart, prepared.bodyEnd, prepared.held);
    this.end();
  }

  #send(bytes: Uint8Array, start: number, end: number, held: Held | undefined): void {
    this.bytesOut += end - start;
    if (this.#left > 0) this.#left -= end - start;
    this.response.send(bytes, start, end, held);
  }

  /** Everything before the end has been written: END_STREAM, unless the head said it. */
  #finish(trailers: Message | undefined): void {
    if (this.#closed) return;
    const connection = this.#connection;
    if (trailers !== undefined && trailers.fieldCount > 0) {
      const at = connection.reserve(headBound(trailers, undefined));
      connection.finish(writeTrailers(connection.outBytes, at, this.id, trailers));
    } else if (!this.#headEndedStream) connection.endData(this.id);
    this.#close();
  }

  /** The client's body is no longer wanted (RFC 9113 section 8.1). */
  stopReading(): void {
    if (this.#gone) return;
    this.#connection.resetStream(this.id, ERROR.noError);
    this.#leave();
  }

  /** The body that nobody read has come to its end. */
  onDiscarded(): void {
    this.#leave();
  }

  /** The response is over. A request that is not is read to its end, within limits, so that its client reads the response. */
  #close(): void {
    const connection = this.#connection;
    this.ended = this.#closed = true;
    this.#headEndedStream = false;
    this.body.clear();
    this.#trailers = undefined;
    this.response.clear();
    if (this.#tunnel === undefined) connection.shared.services.observer.onFinish(this);
    if (this.body.ended || this.aborted !== "") this.#leave();
    else if (this.isWebSocket || this.body.exceedsDiscard()) this.stopReading();
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#connection.onStreamEnd(this);
  }
}
