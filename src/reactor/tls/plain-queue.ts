/** Plaintext that waits to be encrypted: until the handshake is done, and while the TCP stream has more than enough. */
import { closeSync } from "node:fs";
import { duplicate, pread } from "../system.ts";
import { Slab } from "../slab.ts";
import type { Held } from "../stream.ts";

interface Piece {
  /** Memory, or undefined for a file. */
  readonly slab: Slab | undefined;
  readonly fd: number;
  offset: number;
  length: number;
  readonly held: Held | undefined;
}

export class PlainQueue {
  readonly #pieces: Piece[] = [];
  bytes = 0;

  /** Octets [offset, offset + length) of `slab`: a copy, or the memory itself when `held` keeps it. */
  add(slab: Slab, offset: number, length: number, held: Held | undefined): void {
    if (length === 0) return held?.release();
    this.bytes += length;
    const own = held === undefined ? new Slab(slab.bytes.slice(offset, offset + length)) : slab;
    this.#pieces.push({ slab: own, fd: -1, offset: held === undefined ? 0 : offset, length, held });
  }

  /** A range of a file, whose descriptor is duplicated. False when that fails. */
  addFile(fd: number, offset: number, length: number): boolean {
    const own = duplicate(fd);
    if (own < 0) return false;
    this.bytes += length;
    this.#pieces.push({ slab: undefined, fd: own, offset, length, held: undefined });
    return true;
  }

  /** Hands the next octets, at most `buffer`'s length, to `use` in one range. False when a file ends too early. */
  take(buffer: Slab, use: (slab: Slab, offset: number, length: number) => boolean): boolean {
    const piece = this.#pieces[0]!;
    let size = Math.min(piece.length, buffer.length);
    if (piece.slab === undefined) {
      size = pread(piece.fd, buffer, 0, size, piece.offset);
      if (size <= 0 || !use(buffer, 0, size)) return false;
    } else if (!use(piece.slab, piece.offset, size)) return false;
    piece.offset += size;
    piece.length -= size;
    this.bytes -= size;
    if (piece.length === 0) this.#drop();
    return true;
  }

  clear(): void {
    this.bytes = 0;
    while (this.#pieces.length > 0) this.#drop();
  }

  #drop(): void {
    const piece = this.#pieces.shift()!;
    piece.held?.release();
    if (piece.fd >= 0) closeSync(piece.fd);
  }
}
