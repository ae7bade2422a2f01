/**
 * A stored response in shared memory. Its first chunk holds these words, the key, the rendered heads and, when all fits
 * into one chunk, the body; a larger body is a chain of chunks. Published once, never changed.
 *
 * The rendered heads are the two forms of the response and the two of the 304 that stands for it, so that a hit writes no field.
 */
import { MAX_CHUNK_BYTES } from "#src/memory/arena.ts";
import type { Segment } from "#src/memory/segment.ts";
import type { Slab } from "#src/reactor/slab.ts";

/** Word offsets. `next` and the owner's mark come first, as in every chunk. */
const OBJECT = {
  next: 0,
  hash: 2,
  kind: 3,
  flags: 4,
  keyLength: 5,
  h1: 6,
  h2: 7,
  h1NotModified: 8,
  h2NotModified: 9,
  status: 10,
  bodyLength: 11,
  etagAt: 12,
  etagLength: 13,
  initialAge: 14,
  lifetime: 15,
  staleWhileRevalidate: 16,
  staleIfError: 17,
  /** Two Float64: milliseconds since 1970. */
  receivedAt: 18,
  lastModified: 20,
} as const;
const OBJECT_BYTES = 96;

/** Bytes of a chain's chunk before its part of the body: the two words of every chunk. */
export const CHAIN_HEADER_BYTES = 8;
/** Body bytes in each chunk of a chain but its last. */
export const CHAIN_PART_BYTES = MAX_CHUNK_BYTES - CHAIN_HEADER_BYTES;

export const KIND = { response: 1, variants: 2 } as const;
const FLAG = { noCache: 1, neverStale: 2 } as const;

/** A view of one stored object, pointed at one after the other; holds no memory of its own. */
export class StoredObject {
  unit = 0;
  slot = -1;
  kind = 0;
  status = 0;
  bodyLength = 0;
  initialAge = 0;
  lifetime = 0;
  noCache = false;
  neverStale = false;
  staleWhileRevalidate = -1;
  staleIfError = -1;
  receivedAt = 0;
  lastModified = NaN;
  /** First chunk of the body's chain, 0 when the body lies behind the heads. */
  chain = 0;
  /** Byte indexes in `segment.slabOf(unit)`, one behind the other. */
  keyStart = 0;
  keyEnd = 0;
  h1End = 0;
  h2End = 0;
  h1NotModifiedEnd = 0;
  h2NotModifiedEnd = 0;
  etagStart = 0;
  etagEnd = 0;
  readonly #segment: Segment;

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  /** Looks at the object at `unit`. */
  point(unit: number, slot: number): void {
    const words = this.#segment.wordsOf(unit);
    const at = this.#segment.wordOf(unit);
    const start = this.#segment.byteOf(unit);
    this.unit = unit;
    this.slot = slot;
    this.chain = words[at + OBJECT.next]!;
    this.kind = words[at + OBJECT.kind]!;
    this.keyStart = start + OBJECT_BYTES;
    this.keyEnd = this.keyStart + words[at + OBJECT.keyLength]!;
    this.h1End = this.keyEnd + words[at + OBJECT.h1]!;
    this.h2End = this.h1End + words[at + OBJECT.h2]!;
    this.h1NotModifiedEnd = this.h2End + words[at + OBJECT.h1NotModified]!;
    this.h2NotModifiedEnd = this.h1NotModifiedEnd + words[at + OBJECT.h2NotModified]!;
    this.status = words[at + OBJECT.status]!;
    this.bodyLength = words[at + OBJECT.bodyLength]!;
    this.initialAge = words[at + OBJECT.initialAge]!;
    this.lifetime = words[at + OBJECT.lifetime]!;
    this.staleWhileRevalidate = words[at + OBJECT.staleWhileRevalidate]!;
    this.staleIfError = words[at + OBJECT.staleIfError]!;
    this.noCache = (words[at + OBJECT.flags]! & FLAG.noCache) !== 0;
    this.neverStale = (words[at + OBJECT.flags]! & FLAG.neverStale) !== 0;
    this.etagStart = start + words[at + OBJECT.etagAt]!;
    this.etagEnd = this.etagStart + words[at + OBJECT.etagLength]!;
    const { view } = this.#segment.slabOf(unit);
    this.receivedAt = view.getFloat64(start + OBJECT.receivedAt * 4, true);
    this.lastModified = view.getFloat64(start + OBJECT.lastModified * 4, true);
  }

  /** Shows the body's ranges, one after the other. */
  eachPart(visit: (slab: Slab, start: number, end: number) => void): void {
    const segment = this.#segment;
    if (this.chain === 0) {
      visit(segment.slabOf(this.unit), this.h2NotModifiedEnd, this.h2NotModifiedEnd + this.bodyLength);
      return;
    }
    for (let unit = this.chain, left = this.bodyLength; left > 0; left -= CHAIN_PART_BYTES) {
      const start = segment.byteOf(unit) + CHAIN_HEADER_BYTES;
      visit(segment.slabOf(unit), start, start + Math.min(left, CHAIN_PART_BYTES));
      unit = segment.wordsOf(unit)[segment.wordOf(unit) + OBJECT.next]!;
    }
  }
}

/** What `writeObject` writes. */
export interface ObjectDraft {
  readonly hash: number;
  readonly kind: number;
  readonly key: Uint8Array;
  /** The variant names of a KIND.variants object lie in `h1`; its other heads are empty. */
  readonly h1: Uint8Array;
  readonly h2: Uint8Array;
  readonly h1NotModified: Uint8Array;
  readonly h2NotModified: Uint8Array;
  readonly status: number;
  readonly bodyLength: number;
  /** Where in `h1` the entity tag lies; both 0 for none. */
  readonly etagStart: number;
  readonly etagEnd: number;
  readonly initialAge: number;
  readonly lifetime: number;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  readonly noCache: boolean;
  readonly neverStale: boolean;
  readonly receivedAt: number;
  readonly lastModified: number;
}

/** Bytes of an object's first chunk without its body. */
export function draftBytes(draft: ObjectDraft): number {
  return (
    OBJECT_BYTES +
    draft.key.length +
    draft.h1.length +
    draft.h2.length +
    draft.h1NotModified.length +
    draft.h2NotModified.length
  );
}

/** Fills a leased chunk. `chain` is the body's first chunk, or 0 when the caller puts the body behind the heads. Returns where that is. */
export function writeObject(segment: Segment, unit: number, draft: ObjectDraft, chain: number): number {
  const words = segment.wordsOf(unit);
  const at = segment.wordOf(unit);
  const start = segment.byteOf(unit);
  const { bytes, view } = segment.slabOf(unit);
  words[at + OBJECT.next] = chain;
  words[at + OBJECT.hash] = draft.hash;
  words[at + OBJECT.kind] = draft.kind;
  words[at + OBJECT.flags] = (draft.noCache ? FLAG.noCache : 0) | (draft.neverStale ? FLAG.neverStale : 0);
  words[at + OBJECT.keyLength] = draft.key.length;
  words[at + OBJECT.h1] = draft.h1.length;
  words[at + OBJECT.h2] = draft.h2.length;
  words[at + OBJECT.h1NotModified] = draft.h1NotModified.length;
  words[at + OBJECT.h2NotModified] = draft.h2NotModified.length;
  words[at + OBJECT.status] = draft.status;
  words[at + OBJECT.bodyLength] = draft.bodyLength;
  words[at + OBJECT.etagAt] = OBJECT_BYTES + draft.key.length + draft.etagStart;
  words[at + OBJECT.etagLength] = draft.etagEnd - draft.etagStart;
  words[at + OBJECT.initialAge] = draft.initialAge;
  words[at + OBJECT.lifetime] = draft.lifetime;
  words[at + OBJECT.staleWhileRevalidate] = draft.staleWhileRevalidate;
  words[at + OBJECT.staleIfError] = draft.staleIfError;
  view.setFloat64(start + OBJECT.receivedAt * 4, draft.receivedAt, true);
  view.setFloat64(start + OBJECT.lastModified * 4, draft.lastModified, true);
  let to = start + OBJECT_BYTES;
  for (const part of [draft.key, draft.h1, draft.h2, draft.h1NotModified, draft.h2NotModified]) {
    bytes.set(part, to);
    to += part.length;
  }
  return to;
}
