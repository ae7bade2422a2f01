/** Body octets of one stream that must wait: a response's for a window, a request's for its reader. */
import type { Held } from "#src/reactor/stream.ts";

interface Chunk {
  readonly bytes: Uint8Array;
  start: number;
  readonly end: number;
  readonly held: Held | undefined;
}

export class BodyQueue {
  readonly #chunks: Chunk[] = [];
  #length = 0;

  /** Octets waiting. */
  get length(): number {
    return this.#length;
  }

  /** Queues octets [start, end) of `bytes`: a copy, or the memory itself when `held` keeps it. */
  push(bytes: Uint8Array, start: number, end: number, held: Held | undefined): void {
    const length = end - start;
    if (length === 0) return held?.release();
    this.#length += length;
    if (held !== undefined) this.#chunks.push({ bytes, start, end, held });
    else this.#chunks.push({ bytes: bytes.slice(start, end), start: 0, end: length, held: undefined });
  }

  /** Moves `length` octets, which must be there, to `target` at `at`. */
  take(target: Uint8Array, at: number, length: number): void {
    this.#length -= length;
    while (length > 0) {
      const chunk = this.#chunks[0]!;
      const size = Math.min(length, chunk.end - chunk.start);
      target.set(chunk.bytes.subarray(chunk.start, chunk.start + size), at);
      at += size;
      length -= size;
      chunk.start += size;
      if (chunk.start < chunk.end) return;
      this.#chunks.shift();
      chunk.held?.release();
    }
  }

  /** Drops everything; what was held is released. */
  clear(): void {
    this.#length = 0;
    while (this.#chunks.length > 0) this.#chunks.pop()!.held?.release();
  }
}
