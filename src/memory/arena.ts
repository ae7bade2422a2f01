/**
 * The writer's allocator: spans of 512 KiB, each of one size class (four to a doubling, so at most a fifth is lost), and
 * given back whole when their last chunk is free. Its lists are private and rebuilt from what is published; the class of
 * each span alone lies in shared memory.
 *
 * A chunk begins with two words: `next`, the offset of the chain's next chunk, and the owner's mark, which only the writer reads.
 */
import { SPAN_BYTES, UNIT } from "./layout.ts";
import type { Segment } from "./segment.ts";

/** Words of every chunk. */
export const CHUNK = { next: 0, owner: 1 } as const;

const SMALLEST_LOG2 = 8;
const LARGEST_LOG2 = 16;
/** The largest chunk; more is a chain of chunks. */
export const MAX_CHUNK_BYTES = 1 << LARGEST_LOG2;
const SPAN_UNITS = SPAN_BYTES / UNIT;
const NONE = -1;

/** Bytes of each class: 256, 320, 384, 448, 512, 640, ... 65536. */
export const CLASS_BYTES: readonly number[] = Array.from({ length: (LARGEST_LOG2 - SMALLEST_LOG2) * 4 + 1 }, (_, c) => {
  const base = 2 ** (SMALLEST_LOG2 + Math.floor(c / 4));
  return base + (base / 4) * (c % 4);
});

/** The smallest class with room for `bytes`, which must not be above MAX_CHUNK_BYTES. */
export function classFor(bytes: number): number {
  if (bytes <= 1 << SMALLEST_LOG2) return 0;
  const last = bytes - 1;
  const log2 = 31 - Math.clz32(last);
  return (log2 - SMALLEST_LOG2) * 4 + ((last >> (log2 - 2)) & 3) + 1;
}

export class Arena {
  readonly spans: number;
  readonly #segment: Segment;
  readonly #firstUnit: number;
  /** Shared: class + 1 of each span, 0 when it has none. */
  readonly #table: Int32Array;
  readonly #class: Int8Array;
  /** Chunks handed out at least once, chunks in use, and the first free one among those handed out before. */
  readonly #carved: Int32Array;
  readonly #used: Int32Array;
  readonly #free: Int32Array;
  /** Spans with room, a doubly linked list per class. */
  readonly #partial = new Int32Array(CLASS_BYTES.length).fill(NONE);
  readonly #after: Int32Array;
  readonly #before: Int32Array;
  readonly #freeSpans: Int32Array;
  #freeSpanCount = 0;
  #usedBytes = 0;

  constructor(segment: Segment) {
    const { spans, spanTable, arena } = segment.layout;
    this.#segment = segment;
    this.spans = spans;
    this.#firstUnit = arena / UNIT;
    this.#table = new Int32Array(segment.control.buffer, spanTable, spans);
    this.#class = new Int8Array(spans).fill(NONE);
    this.#carved = new Int32Array(spans);
    this.#used = new Int32Array(spans);
    this.#free = new Int32Array(spans);
    this.#after = new Int32Array(spans).fill(NONE);
    this.#before = new Int32Array(spans).fill(NONE);
    this.#freeSpans = new Int32Array(spans);
    for (let span = spans - 1; span >= 0; span--) this.#adopt(span);
  }

  /** Bytes of chunks that are in use: published, leased or waiting for readers. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get freeSpans(): number {
    return this.#freeSpanCount;
  }

  /** Offset of a chunk with room for `bytes`, 0 when there is none. Its two words are 0. */
  allocate(bytes: number): number {
    const wanted = classFor(bytes);
    let span = this.#partial[wanted]!;
    if (span === NONE) {
      if (this.#freeSpanCount === 0) return 0;
      span = this.#freeSpans[--this.#freeSpanCount]!;
      this.#class[span] = wanted;
      this.#table[span] = wanted + 1;
      this.#link(span, wanted);
    }
    const size = CLASS_BYTES[wanted]!;
    let unit = this.#free[span]!;
    if (unit === 0) unit = this.#firstUnit + span * SPAN_UNITS + (this.#carved[span]!++ * size) / UNIT;
    else this.#free[span] = this.#segment.wordsOf(unit)[this.#segment.wordOf(unit)]!;
    if (++this.#used[span]! === Math.floor(SPAN_BYTES / size)) this.#unlink(span, wanted);
    this.#usedBytes += size;
    this.#setHead(unit, 0, 0);
    return unit;
  }

  /** Takes one chunk back. Nobody may read it any more. */
  free(unit: number): void {
    const span = this.#spanOf(unit);
    const own = this.#class[span]!;
    const size = CLASS_BYTES[own]!;
    if (this.#used[span] === Math.floor(SPAN_BYTES / size)) this.#link(span, own);
    this.#setHead(unit, this.#free[span]!, 0);
    this.#free[span] = unit;
    this.#usedBytes -= size;
    if (--this.#used[span]! > 0) return;
    this.#unlink(span, own);
    this.#class[span] = NONE;
    this.#table[span] = 0;
    this.#carved[span] = 0;
    this.#free[span] = 0;
    this.#freeSpans[this.#freeSpanCount++] = span;
  }

  /** Bytes of the chunk at `unit`. */
  sizeOf(unit: number): number {
    return CLASS_BYTES[this.#class[this.#spanOf(unit)]!]!;
  }

  /** Whether `allocate` would succeed. */
  hasRoom(bytes: number): boolean {
    return this.#freeSpanCount > 0 || this.#partial[classFor(bytes)] !== NONE;
  }

  /** The span with a class whose eviction frees a whole span at the least loss, -1 when there is none. */
  emptiestSpan(): number {
    let best = NONE;
    let least = Infinity;
    for (let span = 0; span < this.spans; span++) {
      const own = this.#class[span]!;
      if (own === NONE) continue;
      const bytes = this.#used[span]! * CLASS_BYTES[own]!;
      if (bytes < least) [best, least] = [span, bytes];
    }
    return best;
  }

  /** Offsets of all chunks of a span that were ever handed out, for eviction and `rebuild`. */
  chunksOf(span: number): number[] {
    const own = this.#class[span]!;
    if (own === NONE) return [];
    const units = CLASS_BYTES[own]! / UNIT;
    return Array.from({ length: this.#carved[span]! }, (_, i) => this.#firstUnit + span * SPAN_UNITS + i * units);
  }

  #spanOf(unit: number): number {
    return Math.floor((unit - this.#firstUnit) / SPAN_UNITS);
  }

  /** Takes over a span as the shared table tells it: all chunks count as used until the writer has looked. */
  #adopt(span: number): void {
    const own = this.#table[span]! - 1;
    if (own < 0) {
      this.#freeSpans[this.#freeSpanCount++] = span;
      return;
    }
    const count = Math.floor(SPAN_BYTES / CLASS_BYTES[own]!);
    this.#class[span] = own;
    this.#carved[span] = count;
    this.#used[span] = count;
    this.#usedBytes += count * CLASS_BYTES[own]!;
  }

  #setHead(unit: number, next: number, owner: number): void {
    const words = this.#segment.wordsOf(unit);
    const at = this.#segment.wordOf(unit);
    words[at + CHUNK.next] = next;
    words[at + CHUNK.owner] = owner;
  }

  #link(span: number, own: number): void {
    const first = this.#partial[own]!;
    this.#after[span] = first;
    this.#before[span] = NONE;
    if (first !== NONE) this.#before[first] = span;
    this.#partial[own] = span;
  }

  #unlink(span: number, own: number): void {
    const [before, after] = [this.#before[span]!, this.#after[span]!];
    if (before === NONE) this.#partial[own] = after;
    else this.#after[before] = after;
    if (after !== NONE) this.#before[after] = before;
  }
}
