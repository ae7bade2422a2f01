/**
 * The sending side of one request. The head is rendered once, into memory of its own, and sent from there: with the first
 * bytes of the body when there is one, and once more when a pooled connection turns out to be closed. Body bytes that
 * come before there is a connection are kept, up to a limit.
 */
import { Slab } from "#src/reactor/slab.ts";
import type { Held, Stream } from "#src/reactor/stream.ts";
import { CR, LF } from "../h1/character.ts";
import { CHUNK_SIZE_BYTES, writeChunkSize } from "../h1/chunked.ts";
import { writeLastChunk, writeRequestHead } from "../h1/write.ts";
import { BODY, type BodyKind, type Message } from "../message.ts";
import type { UpstreamRequest } from "../upstream.ts";
import type { UpstreamLimits } from "./options.ts";
import type { UpstreamServices } from "./services.ts";

/** Most heads fit; what is longer takes memory for that one request. */
const HEAD_BYTES = 4096;
const GROWTH = 4;
/** Where the frame slab holds a CRLF, behind the chunk's size. */
const LINE_END = CHUNK_SIZE_BYTES;

/** What cannot be sent, in the log's words. */
export type SendFault =
  | "the request's head is too large"
  | "the request has no target"
  | "the request's body is longer than it said"
  | "the request's body is shorter than it said"
  | "too much body before there was a connection";

export class RequestSender {
  /** Nothing of the request is left to be given to us. */
  ended = false;
  /** Body bytes that were given to a connection. */
  bodySent = 0;
  /** The receiver is owed an onDrain. */
  blocked = false;
  readonly #services: UpstreamServices;
  #head = new Slab(HEAD_BYTES);
  #headLength = 0;
  #headSent = false;
  #body: BodyKind = BODY.none;
  /** Bytes that Content-Length still owes. */
  #left = 0;
  #stream: Stream | undefined = undefined;
  #early: Slab[] | undefined = undefined;
  /** Bytes that may still be kept. */
  #earlyBytes = 0;
  #lastChunk: Slab | undefined = undefined;

  constructor(services: UpstreamServices) {
    this.#services = services;
  }

  /** Renders the head of another request. */
  begin(request: UpstreamRequest, limits: UpstreamLimits): SendFault | undefined {
    const { head, edits, hasBody } = request;
    this.#earlyBytes = limits.earlyBodyBytes;
    this.ended = !hasBody;
    this.blocked = this.#headSent = false;
    this.bodySent = 0;
    this.#early = undefined;
    this.#lastChunk = undefined;
    this.#stream = undefined;
    const told = head.body;
    this.#body = framingOf(head, hasBody);
    this.#left = this.#body === BODY.length ? head.contentLength : 0;
    if (head.targetEnd === head.targetStart && edits?.target === undefined) return "the request has no target";
    head.body = this.#body;
    const length = this.#render(request, limits.requestHeadBytes);
    head.body = told;
    this.#headLength = length;
    return length < 0 ? "the request's head is too large" : undefined;
  }

  /** Memory that is worth keeping for the next request. */
  get isSmall(): boolean {
    return this.#head.length === HEAD_BYTES;
  }

  /** Something was given to the connection. */
  get wasSent(): boolean {
    return this.#headSent;
  }

  /**
   * There is a connection: what has been waiting is sent. A head whose body follows waits for its first bytes. True when
   * nothing waits any more.
   */
  attach(stream: Stream): boolean {
    this.#stream = stream;
    this.#headSent = false;
    const early = this.#early;
    this.#early = undefined;
    let isSent = true;
    if (early !== undefined) {
      for (const piece of early) isSent = this.#send(stream, piece, 0, piece.length, undefined);
    }
    if (!this.ended) return isSent;
    this.flushHead();
    return this.#lastChunk === undefined ? isSent : stream.send(this.#lastChunk, 0, this.#lastChunk.length);
  }

  /** The connection is gone. */
  detach(): void {
    this.#stream = undefined;
  }

  /** Sends a head that has been waiting for its body. */
  flushHead(): void {
    if (this.#headSent || this.#stream === undefined) return;
    this.#headSent = true;
    this.#stream.send(this.#head, 0, this.#headLength);
  }

  /** False: wait for onDrain. A fault ends the call. */
  write(slab: Slab, start: number, end: number, held: Held | undefined): boolean | SendFault {
    const length = end - start;
    if (this.ended || length <= 0) {
      held?.release();
      return !this.blocked;
    }
    if (this.#body === BODY.length) {
      if (length > this.#left) {
        held?.release();
        return "the request's body is longer than it said";
      }
      this.#left -= length;
    }
    if (this.#stream !== undefined) {
      if (!this.#send(this.#stream, slab, start, length, held)) this.blocked = true;
      return !this.blocked;
    }
    const isKept = this.#keep(slab, start, end);
    held?.release();
    return isKept ? false : "too much body before there was a connection";
  }

  end(trailers: Message | undefined): SendFault | undefined {
    if (this.ended) return undefined;
    if (this.#body === BODY.length && this.#left > 0) return "the request's body is shorter than it said";
    this.ended = true;
    const last = this.#body === BODY.chunked ? this.#renderLastChunk(trailers) : undefined;
    const stream = this.#stream;
    if (stream === undefined) {
      this.#lastChunk = last;
      return undefined;
    }
    if (last === undefined) {
      this.flushHead();
      return undefined;
    }
    const { parts } = this.#services;
    parts.clear();
    if (!this.#headSent) parts.add(this.#head, 0, this.#headLength);
    this.#headSent = true;
    parts.add(last, 0, last.length);
    stream.sendParts(parts);
    // Kept: a body of no bytes may have to be sent again.
    this.#lastChunk = last;
    return undefined;
  }

  /** Length of the rendered head, -1 when it is longer than allowed. */
  #render(request: UpstreamRequest, most: number): number {
    const { head, edits } = request;
    const connection = head.upgrade ? "upgrade" : "implied";
    let length = writeRequestHead(this.#head.bytes, 0, head, edits, connection);
    for (let size = this.#head.length; length < 0 && size < most;) {
      size = Math.min(size * GROWTH, most);
      this.#head = new Slab(size);
      length = writeRequestHead(this.#head.bytes, 0, head, edits, connection);
    }
    return length;
  }

  #send(stream: Stream, slab: Slab, start: number, length: number, held: Held | undefined): boolean {
    const { parts, frame } = this.#services;
    this.bodySent += length;
    parts.clear();
    if (!this.#headSent) parts.add(this.#head, 0, this.#headLength);
    this.#headSent = true;
    if (this.#body !== BODY.chunked) {
      if (parts.count === 0) return stream.send(slab, start, length, held);
      parts.add(slab, start, length);
      return stream.sendParts(parts, held);
    }
    const sizeEnd = writeChunkSize(frame.bytes, 0, length);
    frame.bytes[LINE_END] = CR;
    frame.bytes[LINE_END + 1] = LF;
    parts.add(frame, 0, sizeEnd);
    parts.add(slab, start, length);
    parts.add(frame, LINE_END, 2);
    const isSent = stream.sendParts(parts);
    held?.release();
    return isSent;
  }

  #keep(slab: Slab, start: number, end: number): boolean {
    this.#earlyBytes -= end - start;
    if (this.#earlyBytes < 0) return false;
    (this.#early ??= []).push(new Slab(slab.bytes.slice(start, end)));
    this.blocked = true;
    return true;
  }

  /** Trailers that do not fit are left out: they never decide anything (RFC 9110 section 6.5). */
  #renderLastChunk(trailers: Message | undefined): Slab {
    const room = new Uint8Array(trailers === undefined ? 8 : HEAD_BYTES);
    const length = writeLastChunk(room, 0, trailers);
    return new Slab(room.slice(0, length < 0 ? writeLastChunk(room, 0, undefined) : length));
  }
}

/** A body whose length nobody told is sent in chunks (RFC 9112 section 6.1). */
function framingOf(head: Message, hasBody: boolean): BodyKind {
  if (hasBody) return head.body === BODY.length ? BODY.length : BODY.chunked;
  return head.body === BODY.length && head.contentLength === 0 ? BODY.length : BODY.none;
}
