/** A response body in private memory while it arrives: sent to clients from there, and stored when it is whole. Bytes that were appended never change. */
import type { Held } from "#src/reactor/stream.ts";
import { Slab } from "#src/reactor/slab.ts";

const PIECE_BYTES = 64 * 1024;
const FIRST_BYTES = 16 * 1024;

/** Pieces are not used again, so that queues need not copy what waits in them. */
export const NEVER_REUSED: Held = { release: () => {} };

export class GatheredBody {
  length = 0;
  readonly #pieces: Slab[] = [];
  readonly #expected: number;

  /** `expected` bytes, -1 when nobody knows. */
  constructor(expected: number) {
    this.#expected = expected;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end;) {
      const slab = this.#pieceFor(this.length);
      const at = this.length % PIECE_BYTES;
      const count = Math.min(end - from, slab.length - at);
      slab.bytes.set(bytes.subarray(from, from + count), at);
      this.length += count;
      from += count;
    }
  }

  /** The piece that holds the byte at `position`; where in it: `offsetOf`. */
  pieceAt(position: number): Slab {
    return this.#pieces[Math.floor(position / PIECE_BYTES)]!;
  }

  offsetOf(position: number): number {
    return position % PIECE_BYTES;
  }

  /** How many bytes from `position` on lie in its piece. */
  runAt(position: number): number {
    return Math.min(this.length - position, PIECE_BYTES - (position % PIECE_BYTES));
  }

  copyTo(target: Uint8Array, at: number, from: number, to: number): void {
    let out = at;
    for (let position = from; position < to;) {
      const count = Math.min(to - position, this.runAt(position));
      const offset = this.offsetOf(position);
      target.set(this.pieceAt(position).bytes.subarray(offset, offset + count), out);
      out += count;
      position += count;
    }
  }

  /** A piece with room at `length`. The first is small for a small body, and grows when that was wrong. */
  #pieceFor(length: number): Slab {
    const index = Math.floor(length / PIECE_BYTES);
    const piece = this.#pieces[index];
    if (piece !== undefined && length % PIECE_BYTES < piece.length) return piece;
    const wanted = this.#expected > 0 ? this.#expected : FIRST_BYTES;
    const slab = new Slab(length === 0 ? Math.min(wanted, PIECE_BYTES) : PIECE_BYTES);
    if (piece !== undefined) slab.bytes.set(piece.bytes);
    this.#pieces[index] = slab;
    return slab;
  }
}
