/** What a socket has not taken yet: copied bytes, held bytes and parts of files, in the order they were sent. */
import { EAGAIN, EFAULT, EINVAL, EIO, ENOSYS, EOPNOTSUPP } from "./errno.ts";
import type { PartList } from "./parts.ts";
import { isOutside, Slab } from "./slab.ts";
import type { Held } from "./stream.ts";
import { close, duplicate, pread, send, sendfile } from "./system.ts";

/** A copied rest gets at least this room, so that small sends behind it need no memory of their own. */
const CHUNK_BYTES = 16 * 1024;
/** At most this much is written per event, so that one fast reader does not keep the others waiting. */
const TURN_BYTES = 1024 * 1024;
const NO_FILE = -1;

/** [offset, end) of a slab, or of a file when `file` is a descriptor. */
class Piece {
  readonly slab: Slab;
  offset: number;
  end: number;
  /** True when the slab is the queue's own and there may be room behind `end`. */
  readonly isOwn: boolean;
  readonly held: Held | undefined;
  readonly file: number;
  next: Piece | undefined = undefined;

  constructor(slab: Slab, offset: number, end: number, isOwn: boolean, held: Held | undefined, file: number) {
    this.slab = slab;
    this.offset = offset;
    this.end = end;
    this.isOwn = isOwn;
    this.held = held;
    this.file = file;
  }
}

/** Position of sendfile, and memory for files that sendfile cannot send. */
const fileScratch = new Slab(8 + 64 * 1024);

/**
 * The sending side of a socket. Every method returns the bytes that wait afterwards, 0 when the kernel took everything,
 * or a negative error number; what is `held` is released exactly once in any case.
 */
export class SendQueue {
  /** Bytes that wait. */
  bytes = 0;
  /** Bytes that the kernel has taken. */
  sentBytes = 0;
  /** False while the socket is still connecting: everything waits. */
  isOpen: boolean;
  readonly #fd: number;
  #first: Piece | undefined;
  #last: Piece | undefined;

  constructor(fd: number, isOpen: boolean) {
    this.#fd = fd;
    this.isOpen = isOpen;
  }

  send(slab: Slab, offset: number, length: number, held: Held | undefined): number {
    let sent = 0;
    if (this.isOpen && this.bytes === 0) {
      sent = send(this.#fd, slab, offset, length);
      if (sent === length || (sent < 0 && sent !== -EAGAIN)) return this.#settle(sent, held);
      if (sent < 0) sent = 0;
      this.sentBytes += sent;
    } else if (isOutside(slab, offset, length)) return this.#settle(-EFAULT, held);
    this.#enqueue(slab, offset + sent, length - sent, held);
    return this.bytes;
  }

  sendParts(parts: PartList, held: Held | undefined): number {
    let sent = 0;
    if (this.isOpen && this.bytes === 0) {
      sent = parts.sendTo(this.#fd);
      if (sent === parts.length || (sent < 0 && sent !== -EAGAIN)) return this.#settle(sent, held);
      if (sent < 0) sent = 0;
      this.sentBytes += sent;
    }
    this.#enqueueParts(parts, sent, held);
    return this.bytes;
  }

  /** The caller keeps its descriptor; what waits has one of its own. */
  sendFile(file: number, position: number, length: number): number {
    let sent = 0;
    if (this.isOpen && this.bytes === 0 && length > 0) {
      sent = sendFromFile(this.#fd, file, position, length);
      if (sent === length || (sent < 0 && sent !== -EAGAIN)) return this.#settle(sent, undefined);
      if (sent < 0) sent = 0;
      this.sentBytes += sent;
    }
    if (length === sent) return this.bytes;
    const own = duplicate(file);
    if (own < 0) return own;
    this.#append(new Piece(fileScratch, position + sent, position + length, false, undefined, own), length - sent);
    return this.bytes;
  }

  /** Writes what the socket takes now. */
  flush(): number {
    let turn = TURN_BYTES;
    for (let piece = this.#first; piece !== undefined && turn > 0; piece = this.#first) {
      const length = piece.end - piece.offset;
      const sent =
        piece.file === NO_FILE
          ? send(this.#fd, piece.slab, piece.offset, length)
          : sendFromFile(this.#fd, piece.file, piece.offset, Math.min(length, turn));
      if (sent < 0) return sent === -EAGAIN ? this.bytes : sent;
      piece.offset += sent;
      this.sentBytes += sent;
      this.bytes -= sent;
      turn -= sent;
      if (sent < length) continue;
      this.#first = piece.next;
      if (this.#first === undefined) this.#last = undefined;
      drop(piece);
    }
    return this.bytes;
  }

  /** Forgets everything; what is held is released, files are closed. */
  clear(): void {
    let piece = this.#first;
    this.#first = undefined;
    this.#last = undefined;
    this.bytes = 0;
    for (; piece !== undefined; piece = piece.next) drop(piece);
  }

  #settle(result: number, held: Held | undefined): number {
    if (result > 0) this.sentBytes += result;
    held?.release();
    return result < 0 ? result : 0;
  }

  #enqueue(slab: Slab, offset: number, length: number, held: Held | undefined): void {
    const last = this.#last;
    if (held !== undefined) {
      this.#append(new Piece(slab, offset, offset + length, false, held, NO_FILE), length);
    } else if (last !== undefined && last.isOwn && last.slab.length - last.end >= length) {
      last.slab.bytes.set(slab.bytes.subarray(offset, offset + length), last.end);
      last.end += length;
      this.bytes += length;
    } else {
      const own = new Slab(Math.max(length, CHUNK_BYTES));
      own.bytes.set(slab.bytes.subarray(offset, offset + length), 0);
      this.#append(new Piece(own, 0, length, true, undefined, NO_FILE), length);
    }
  }

  /** What is left after `sent` bytes: earlier parts are copied, the last one is held if it may be. */
  #enqueueParts(parts: PartList, sent: number, held: Held | undefined): void {
    let skip = sent;
    for (let index = 0; index < parts.count; index++) {
      const size = parts.size(index);
      const isLast = index === parts.count - 1;
      if (skip < size) {
        this.#enqueue(parts.slab(index), parts.offset(index) + skip, size - skip, isLast ? held : undefined);
      } else if (isLast) {
        held?.release();
      }
      skip = skip < size ? 0 : skip - size;
    }
  }

  #append(piece: Piece, length: number): void {
    if (this.#last === undefined) this.#first = piece;
    else this.#last.next = piece;
    this.#last = piece;
    this.bytes += length;
  }
}

function drop(piece: Piece): void {
  if (piece.file !== NO_FILE) close(piece.file);
  piece.held?.release();
}

/** Sends up to `length` bytes at `position` of a file; -EIO when the file ends before that. Never returns 0. */
function sendFromFile(fd: number, file: number, position: number, length: number): number {
  fileScratch.view.setBigInt64(0, BigInt(position), true);
  const sent = sendfile(fd, file, fileScratch, 0, Math.min(length, TURN_BYTES));
  if (sent > 0 || (sent < 0 && sent !== -EINVAL && sent !== -ENOSYS && sent !== -EOPNOTSUPP)) return sent;
  if (sent === 0) return -EIO;
  const got = pread(file, fileScratch, 8, Math.min(length, fileScratch.length - 8), position);
  if (got <= 0) return got === 0 ? -EIO : got;
  return send(fd, fileScratch, 8, got);
}
