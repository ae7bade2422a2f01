/**
 * One request on its way to a backend and its response back. It keeps the rendered head, so that the request can be sent
 * again on another connection, and body bytes that came before there was a connection. Used again when it is over.
 */
import type { Endpoint } from "#src/balance/endpoint.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { Held } from "#src/reactor/stream.ts";
import { Deadline, type DeadlineOwner } from "#src/reactor/timer-wheel.ts";
import { writeLastChunk, writeRequestHead } from "../h1/write.ts";
import { BODY, type Message } from "../message.ts";
import { METHOD } from "../method.ts";
import type { UpstreamCall, UpstreamErrorSource, UpstreamReceiver, UpstreamRequest } from "../upstream.ts";
import type { ClientConnection } from "./client-connection.ts";

/** Room for most heads; larger ones get a slab of their own for once. */
const HEAD_BYTES = 4096;
const LARGE_HEAD_BYTES = 128 * 1024;
const LAST_CHUNK_BYTES = 32 * 1024;

/** What a call needs of its pool. */
export interface CallOwner {
  onCancel(call: Call): void;
  onPendingTooLong(call: Call): void;
}

/** RFC 9110 section 9.2.2: sending it twice is the same as once. */
const IDEMPOTENT: readonly number[] = [
  METHOD.GET,
  METHOD.HEAD,
  METHOD.PUT,
  METHOD.DELETE,
  METHOD.OPTIONS,
  METHOD.TRACE,
];

export class Call implements UpstreamCall, DeadlineOwner {
  readonly #owner: CallOwner;
  readonly #slab = new Slab(HEAD_BYTES);
  receiver!: UpstreamReceiver;
  connection: ClientConnection | undefined = undefined;
  chosen: Endpoint | undefined = undefined;
  /** Endpoints that have failed this request. */
  readonly tried: Endpoint[] = [];
  /** The rendered head: bytes [0, headLength). */
  head: Slab = this.#slab;
  headLength = 0;
  method = 0;
  key = 0;
  headTimeoutMs = 0;
  isChunked = false;
  upgrade = false;
  /** The request is complete: nothing more of it will come. */
  requestEnded = false;
  /** Body bytes have been handed to a connection: the request cannot be sent again. */
  bodySent = false;
  /** A byte of a response was seen. */
  answered = false;
  /** Set when a used connection turned out to be closed: the next attempt opens one. */
  wantsFresh = false;
  attempts = 0;
  isOver = true;
  /** Body that came before there was a connection, and the end of it. */
  readonly early: Slab[] = [];
  earlyEnd: Slab | undefined = undefined;
  /** `write` has returned false and `onDrain` has not followed yet. */
  owesDrain = false;
  readonly deadline: Deadline = new Deadline(this);

  constructor(owner: CallOwner) {
    this.#owner = owner;
  }

  /** False when the head is too large to be sent. */
  begin(request: UpstreamRequest, receiver: UpstreamReceiver): boolean {
    const { head } = request;
    this.receiver = receiver;
    this.connection = this.chosen = this.earlyEnd = undefined;
    this.tried.length = this.early.length = 0;
    this.method = head.method;
    this.key = request.key;
    this.headTimeoutMs = request.headTimeoutMs;
    this.isChunked = head.body === BODY.chunked;
    this.upgrade = head.upgrade;
    this.requestEnded = !request.hasBody;
    this.bodySent = this.answered = this.wantsFresh = this.owesDrain = this.isOver = false;
    this.attempts = 0;
    return this.#render(request);
  }

  get endpoint(): string {
    return this.chosen === undefined ? "" : this.chosen.text;
  }

  get retries(): number {
    return Math.max(0, this.attempts - 1);
  }

  /** Whether the request may be sent once more: nothing of a response was seen, and it is complete in our hands. */
  isRepeatable(wasSent: boolean): boolean {
    if (this.answered || this.bodySent) return false;
    return !wasSent || (IDEMPOTENT.includes(this.method) && this.requestEnded);
  }

  write(slab: Slab, start: number, end: number, held?: Held): boolean {
    if (this.isOver || start === end) {
      held?.release();
      return true;
    }
    let taken = false;
    if (this.connection?.isOpen === true) taken = this.connection.sendBody(this, slab, start, end, held);
    else {
      this.early.push(new Slab(slab.bytes.slice(start, end)));
      held?.release();
    }
    if (!taken) this.owesDrain = true;
    return taken;
  }

  end(trailers?: Message): void {
    if (this.isOver || this.requestEnded) return;
    this.requestEnded = true;
    const last = this.isChunked ? renderLastChunk(trailers) : undefined;
    if (this.connection?.isOpen === true) this.connection.sendEnd(this, last);
    else this.earlyEnd = last;
  }

  pause(): void {
    this.connection?.pause();
  }

  resume(): void {
    this.connection?.resume();
  }

  cancel(): void {
    if (!this.isOver) this.#owner.onCancel(this);
  }

  onDue(): void {
    this.#owner.onPendingTooLong(this);
  }

  drained(): void {
    if (!this.owesDrain || this.isOver) return;
    this.owesDrain = false;
    this.receiver.onDrain(this);
  }

  fail(source: UpstreamErrorSource, retryable: boolean, detail: string): void {
    this.receiver.onFail(this, { source, retryable, detail, endpoint: this.endpoint });
  }

  #render(request: UpstreamRequest): boolean {
    const option = this.upgrade ? "upgrade" : "implied";
    this.head = this.#slab;
    this.headLength = writeRequestHead(this.head.bytes, 0, request.head, request.edits, option);
    if (this.headLength >= 0) return true;
    this.head = new Slab(LARGE_HEAD_BYTES);
    this.headLength = writeRequestHead(this.head.bytes, 0, request.head, request.edits, option);
    return this.headLength >= 0;
  }
}

function renderLastChunk(trailers: Message | undefined): Slab {
  const bytes = new Uint8Array(trailers === undefined ? 5 : LAST_CHUNK_BYTES);
  const length = writeLastChunk(bytes, 0, trailers);
  return new Slab(length < 0 ? LAST_CHUNK : bytes.subarray(0, length));
}

const LAST_CHUNK = new TextEncoder().encode("0\r\n\r\n");
