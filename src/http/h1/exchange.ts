/**
 * One request and its response on an HTTP/1.1 connection. The connection feeds it body bytes and events; the response is
 * framed here and leaves through the process's out buffer.
 */
import type { Address } from "#src/net/address.ts";
import type { Slab } from "#src/reactor/slab.ts";
import type { Held, TlsInfo } from "#src/reactor/stream.ts";
import { StageRun } from "../engine/stage-run.ts";
import type { FinishedExchange } from "../engine/services.ts";
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
import { BODY, type BodyKind, Message } from "../message.ts";
import { METHOD } from "../method.ts";
import type { Stage } from "../stage.ts";
import { statusText } from "../status-text.ts";
import { CHUNK_SIZE_BYTES, writeChunkSize } from "./chunked.ts";
import type { H1Connection } from "./connection.ts";
import type { H1Shared } from "./shared.ts";
import { writeInterimHead, writeLastChunk, writePreparedEnd, writeResponseHead } from "./write.ts";

/** Pieces of at most this many bytes are copied behind what is gathered; larger ones are sent from where they lie. */
const COPIED = 16 * 1024;
/** Age, Date, Connection and the empty line behind a prepared head. */
const PREPARED_END = 128;

/** A head that ends within so many bytes of the receive buffer, as most do, is kept in memory of the exchange. */
const KEPT_BYTES = 2048;

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

type Phase = "waiting" | "streaming" | "ended";

export class H1Exchange implements FinishedExchange {
  readonly notes: ExchangeNotes = emptyNotes();
  request: Message;
  startedAt = 0;
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  aborted: AbortReason | "" = "";
  source: ResponseSource | undefined = undefined;
  /** Set while the body is delivered; read by the connection. */
  sink: BodySink | undefined = undefined;
  bodyPaused = false;
  /** Whether somebody may still hold it once it has ended. */
  kept = false;
  readonly #shared: H1Shared;
  readonly #run = new StageRun();
  /** For requests that are answered later: the bytes, and the message that is given in exchange for the one kept. */
  #keptBytes: Uint8Array | undefined = undefined;
  #spareMessage: Message | undefined = undefined;
  #connection: H1Connection;
  #phase: Phase = "waiting";
  #framing: BodyKind = BODY.none;
  /** Bytes that Content-Length still owes. */
  #left = 0;
  #continued = false;

  constructor(shared: H1Shared, connection: H1Connection) {
    this.#shared = shared;
    this.#connection = connection;
    this.request = shared.request;
  }

  /** Makes it the exchange of the request that was just parsed. */
  begin(connection: H1Connection, stages: readonly Stage[], now: number): void {
    const { notes } = this;
    notes.gateway = notes.route = notes.backend = notes.endpoint = notes.cache = notes.reason = "";
    notes.upstreamMs = -1;
    notes.retries = 0;
    this.#connection = connection;
    this.request = this.#shared.request;
    this.startedAt = now;
    this.status = this.bytesIn = this.bytesOut = 0;
    this.aborted = "";
    this.source = this.sink = undefined;
    this.bodyPaused = this.kept = this.#continued = false;
    this.#phase = "waiting";
    this.#run.begin(stages);
  }

  get version(): number {
    return this.request.version;
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

  get ended(): boolean {
    return this.#phase === "ended";
  }

  /** Whether the response's head has been given. */
  get responded(): boolean {
    return this.#phase !== "waiting";
  }

  // --- stages ---

  follow(stages: readonly Stage[]): void {
    this.#run.follow(stages);
  }

  proceed(): void {
    if (this.#phase !== "waiting") return;
    const outcome = this.#run.run(this);
    if (outcome === "unanswered") {
      this.notes.reason = "unanswered";
      this.respondText(404, "Not Found\n", undefined);
    } else if (outcome === "wait" && !this.ended) {
      this.keepRequest();
      this.kept = true;
    }
  }

  keepRequest(): void {
    const shared = this.#shared;
    const { request } = this;
    if (request !== shared.request) return;
    const { headStart, headEnd } = this.#connection;
    if (headEnd > KEPT_BYTES) {
      this.request = Message.copyOf(request, headStart, headEnd);
      return;
    }
    // The message itself is kept, and its bytes copied to the same place: no range changes.
    this.#keptBytes ??= new Uint8Array(KEPT_BYTES);
    this.#keptBytes.set(request.bytes.subarray(headStart, headEnd), headStart);
    request.bytes = this.#keptBytes;
    shared.request = this.#spareMessage ?? new Message();
    this.#spareMessage = request;
  }

  letGo(): void {
    this.kept = false;
  }

  // --- request body ---

  get hasBody(): boolean {
    return this.#connection.hasBody;
  }

  readBody(sink: BodySink): void {
    if (this.ended) return;
    if (!this.hasBody) {
      sink.onBodyEnd(this, undefined);
      return;
    }
    this.sink = sink;
    this.kept = true;
    this.keepRequest();
    if (this.request.expectContinue && !this.#continued && this.bytesIn === 0 && this.#phase === "waiting") {
      this.#continued = true;
      this.inform(100, undefined);
    }
    this.#connection.wakeBody();
  }

  pauseBody(): void {
    this.bodyPaused = true;
  }

  resumeBody(): void {
    if (!this.bodyPaused) return;
    this.bodyPaused = false;
    if (!this.ended) this.#connection.wakeBody();
  }

  /** The client waits for a 100 that was never sent, so that nobody knows whether its body follows. */
  get bodyUncertain(): boolean {
    return this.request.expectContinue && !this.#continued && this.bytesIn === 0;
  }

  // --- response ---

  inform(status: number, head: Message | undefined): void {
    if (this.#phase !== "waiting" || this.version < 11 || status === 101) return;
    const connection = this.#connection;
    const { out } = this.#shared.services;
    out.claim(connection.output);
    const after = writeInterimHead(out.slab.bytes, out.used, status, head);
    if (after < 0) return;
    out.used = after;
    connection.output.flushOut();
  }

  respond(head: Message, edits: FieldEdits | undefined): void {
    if (this.#phase !== "waiting") return;
    const all = this.#editsOf(head, edits);
    const status = all !== undefined && all.status !== 0 ? all.status : head.status;
    this.#decideFraming(head, status);
    if (this.#gatherHead(head, all)) return;
    this.notes.reason ||= "responseHeadTooLarge";
    this.#break("error");
  }

  respondPrepared(prepared: PreparedResponse): void {
    if (this.#phase !== "waiting" || this.#run.watched) {
      this.#respondAgain(prepared);
      return;
    }
    const connection = this.#connection;
    const { out, date } = this.#shared.services;
    const headLength = prepared.h1End - prepared.h1Start;
    const bodyLength = this.request.method === METHOD.HEAD ? 0 : prepared.bodyEnd - prepared.bodyStart;
    const copied = bodyLength <= COPIED ? bodyLength : 0;
    out.claim(connection.output);
    if (out.room < headLength + PREPARED_END + copied) connection.output.flushOut();
    if (out.room < headLength + PREPARED_END + copied) {
      this.#respondAgain(prepared);
      return;
    }
    const bytes = out.slab.bytes;
    bytes.set(prepared.slab.bytes.subarray(prepared.h1Start, prepared.h1End), out.used);
    out.used = writePreparedEnd(
      bytes,
      out.used + headLength,
      prepared.age,
      date.bytes,
      connection.optionFor(BODY.length),
    );
    this.status = prepared.status;
    this.bytesOut = bodyLength;
    this.#framing = BODY.none;
    this.#phase = "streaming";
    if (copied > 0) {
      bytes.set(prepared.slab.bytes.subarray(prepared.bodyStart, prepared.bodyEnd), out.used);
      out.used += copied;
    }
    if (copied === bodyLength) prepared.held?.release();
    else connection.output.sendBehindOut(prepared.slab, prepared.bodyStart, bodyLength, prepared.held);
    this.end();
  }

  respondText(status: number, text: string, edits: FieldEdits | undefined): void {
    if (this.#phase !== "waiting") return;
    const body = encoder.encode(text);
    this.respond(this.#shared.textHead(status, body.length), edits);
    if (!this.ended && this.#framing === BODY.length) {
      this.#connection.output.gather(body);
      this.bytesOut = body.length;
      this.#left = 0;
    }
    this.end();
  }

  write(slab: Slab, start: number, end: number, held?: Held): boolean {
    const length = end - start;
    if (this.#phase !== "streaming" || this.#framing === BODY.none || length <= 0) {
      held?.release();
      return !this.#connection.output.blocked;
    }
    if (this.#framing === BODY.length) {
      if (length > this.#left) {
        held?.release();
        this.notes.reason ||= "bodyLongerThanTold";
        this.#break("error");
        return true;
      }
      this.#left -= length;
    }
    this.bytesOut += length;
    return this.#framing === BODY.chunked
      ? this.#writeChunk(slab, start, length, held)
      : this.#writePlain(slab, start, length, held);
  }

  end(trailers?: Message): void {
    if (this.#phase !== "streaming") return;
    if (this.#framing === BODY.length && this.#left > 0) {
      this.notes.reason ||= "bodyShorterThanTold";
      this.#break("error");
      return;
    }
    if (this.#framing === BODY.chunked) {
      const { out } = this.#shared.services;
      out.claim(this.#connection.output);
      let after = writeLastChunk(out.slab.bytes, out.used, trailers);
      if (after < 0) {
        this.#connection.output.flushOut();
        after = writeLastChunk(out.slab.bytes, 0, trailers);
      }
      // Trailers too large for the slab are left out: they never decide anything (RFC 9110 section 6.5).
      out.used = after < 0 ? writeLastChunk(out.slab.bytes, 0, undefined) : after;
    }
    this.#finish();
  }

  fail(status: number, reason: AbortReason, detail: string): void {
    if (this.ended) return;
    this.notes.reason ||= detail || reason;
    if (this.#phase === "waiting") this.respondText(status, `${statusText(status)}\n`, undefined);
    else this.#break(reason);
  }

  upgrade(head: Message, edits: FieldEdits | undefined): UpgradedStream | undefined {
    if (this.#phase !== "waiting" || this.version !== 11) return undefined;
    const connection = this.#connection;
    const all = this.#editsOf(head, edits);
    this.#framing = BODY.none;
    const { framing } = this.#shared;
    framing.body = BODY.none;
    framing.length = -1;
    framing.connection = head.status === 101 ? "upgrade" : "implied";
    if (!this.#gatherHead(head, all)) return undefined;
    this.status = head.status;
    this.#phase = "ended";
    connection.handOver(this);
    return { stream: connection.stream, rest: NOTHING };
  }

  /** The connection is gone, or cut: whoever answers is told, once. */
  abort(reason: AbortReason): void {
    if (this.ended) return;
    this.#phase = "ended";
    this.aborted = reason;
    this.sink = undefined;
    const source = this.source;
    this.source = undefined;
    source?.onAbort(this, reason);
  }

  #editsOf(head: Message, edits: FieldEdits | undefined): FieldEdits | undefined {
    if (!this.#run.watched) return edits;
    const all = this.#shared.services.edits;
    all.clear();
    if (edits !== undefined) all.merge(edits);
    this.#run.showResponse(this, head, all);
    return all;
  }

  #decideFraming(head: Message, status: number): void {
    const { framing } = this.#shared;
    const isBare = status < 200 || status === 204;
    const isEmpty = isBare || status === 304 || this.request.method === METHOD.HEAD;
    const isUnknown = head.body === BODY.chunked || head.body === BODY.untilClose;
    if (isEmpty) this.#framing = BODY.none;
    else if (isUnknown) this.#framing = this.version > 10 ? BODY.chunked : BODY.untilClose;
    else this.#framing = BODY.length;
    this.#left = Math.max(0, head.contentLength);
    this.status = status;
    framing.body = this.#framing;
    framing.length = isBare || isUnknown ? -1 : head.contentLength;
    // A response that may have content tells even that it has none (RFC 9110 section 8.6).
    if (this.#framing === BODY.length && framing.length < 0) framing.length = 0;
    framing.connection = this.#connection.optionFor(this.#framing);
    this.#phase = "streaming";
  }

  /** Renders the head behind what is gathered, or, after a flush, alone. False when it fits not even then. */
  #gatherHead(head: Message, edits: FieldEdits | undefined): boolean {
    const { services, framing } = this.#shared;
    const { out } = services;
    out.claim(this.#connection.output);
    let after = writeResponseHead(out.slab.bytes, out.used, head, edits, framing);
    if (after < 0 && out.used > 0) {
      this.#connection.output.flushOut();
      after = writeResponseHead(out.slab.bytes, 0, head, edits, framing);
    }
    if (after < 0) return false;
    out.used = after;
    return true;
  }

  /** The long way for a prepared response: its head as a Message, so that stages can change it. */
  #respondAgain(prepared: PreparedResponse): void {
    const head = this.#phase === "waiting" ? this.#shared.preparedHead(prepared) : undefined;
    if (head === undefined) {
      prepared.held?.release();
      this.fail(500, "error", "prepared response unusable");
      return;
    }
    this.respond(head, undefined);
    if (prepared.bodyEnd > prepared.bodyStart) {
      this.write(prepared.slab, prepared.bodyStart, prepared.bodyEnd, prepared.held);
    } else {
      prepared.held?.release();
    }
    this.end();
  }

  #writePlain(slab: Slab, start: number, length: number, held: Held | undefined): boolean {
    const connection = this.#connection;
    const { out } = this.#shared.services;
    out.claim(connection.output);
    if (length > COPIED || length > out.room) return connection.output.sendBehindOut(slab, start, length, held);
    out.slab.bytes.set(slab.bytes.subarray(start, start + length), out.used);
    out.used += length;
    held?.release();
    return !connection.output.blocked;
  }

  #writeChunk(slab: Slab, start: number, length: number, held: Held | undefined): boolean {
    const connection = this.#connection;
    const { out } = this.#shared.services;
    out.claim(connection.output);
    const isCopied = length <= COPIED;
    if (out.room < CHUNK_SIZE_BYTES + 2 + (isCopied ? length : 0)) connection.output.flushOut();
    const bytes = out.slab.bytes;
    out.used = writeChunkSize(bytes, out.used, length);
    if (isCopied && out.room >= length + 2) {
      bytes.set(slab.bytes.subarray(start, start + length), out.used);
      out.used += length;
      bytes[out.used++] = 0x0d;
      bytes[out.used++] = 0x0a;
      held?.release();
      return !connection.output.blocked;
    }
    return connection.output.sendChunkBehindOut(slab, start, length, held);
  }

  #finish(): void {
    this.#phase = "ended";
    this.source = undefined;
    this.sink = undefined;
    this.#connection.responseEnded(this);
  }

  /** The response cannot be made whole any more: cut, so that no client takes it as whole. */
  #break(reason: AbortReason): void {
    this.#phase = "ended";
    this.aborted = reason;
    this.source = undefined;
    this.sink = undefined;
    this.#connection.cut(this);
  }
}
