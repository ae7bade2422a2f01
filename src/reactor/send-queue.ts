/** What a socket has not taken yet: copied bytes, held bytes and parts of files, in the order they were sent. */
import { EAGAIN, EINVAL, EIO, ENOSYS, EOPNOTSUPP } from "./errno.ts";
import { Slab } from "./slab.ts";
import type { Held } from "./stream.ts";
import { close, pread, send, sendfile } from "./system.ts";

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

export class SendQueue {
  /** Bytes that wait. */
  bytes = 0;
  #first: Piece | undefined;
  #last: Piece | undefined;

  /** Appends a copy. */
  copy(slab: Slab, offset: number, length: number): void {
    const last = this.#last;
    if (last !== undefined && last.isOwn && last.slab.length - last.end >= length) {
      last.slab.bytes.set(slab.bytes.subarray(offset, offset + length), last.end);
      last.end += length;
      this.bytes += length;
      return;
    }
    const own = new Slab(Math.max(length, CHUNK_BYTES));
    own.bytes.set(slab.bytes.subarray(offset, offset + length), 0);
    this.#append(new Piece(own, 0, length, true, undefined, NO_FILE), length);
  }

  /** Appends the bytes themselves; `held` is released when they have left or are dropped. */
  hold(slab: Slab, offset: number, length: number, held: Held): void {
    this.#append(new Piece(slab, offset, offset + length, false, held, NO_FILE), length);
  }

  /** Appends a part of a file, and owns the descriptor. */
  addFile(file: number, position: number, length: number): void {
    this.#append(new Piece(fileScratch, position, position + length, false, undefined, file), length);
  }

  /** Writes what the socket takes: 0, or a negative error number other than -EAGAIN. `bytes` tells whether all is gone. */
  flush(fd: number): number {
    let turn = TURN_BYTES;
    for (let piece = this.#first; piece !== undefined && turn > 0; piece = this.#first) {
      const length = piece.end - piece.offset;
      const sent =
        piece.file === NO_FILE
          ? send(fd, piece.slab, piece.offset, length)
          : sendFromFile(fd, piece.file, piece.offset, Math.min(length, turn));
      if (sent < 0) return sent === -EAGAIN ? 0 : sent;
      piece.offset += sent;
      this.bytes -= sent;
      turn -= sent;
      if (sent < length) continue;
      this.#first = piece.next;
      if (this.#first === undefined) this.#last = undefined;
      drop(piece);
    }
    return 0;
  }

  /** Forgets everything; what is held is released, files are closed. */
  clear(): void {
    let piece = this.#first;
    this.#first = undefined;
    this.#last = undefined;
    this.bytes = 0;
    for (; piece !== undefined; piece = piece.next) drop(piece);
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
export function sendFromFile(fd: number, file: number, position: number, length: number): number {
  fileScratch.view.setBigInt64(0, BigInt(position), true);
  const sent = sendfile(fd, file, fileScratch, 0, Math.min(length, TURN_BYTES));
  if (sent > 0 || (sent < 0 && sent !== -EINVAL && sent !== -ENOSYS && sent !== -EOPNOTSUPP)) return sent;
  if (sent === 0) return -EIO;
  const got = pread(file, fileScratch, 8, Math.min(length, fileScratch.length - 8), position);
  if (got <= 0) return got === 0 ? -EIO : got;
  return send(fd, fileScratch, 8, got);
}
