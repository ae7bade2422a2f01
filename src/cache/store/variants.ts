/**
 * What is stored under the plain key of a resource whose responses vary: the names of the request fields that select one,
 * and a generation. Both go into the key of each variant, so that removing this one object ends all of them.
 */
import { fieldNumber } from "#src/http/field.ts";
import type { Segment } from "#src/memory/segment.ts";
import type { VaryName } from "../policy/vary.ts";
import type { CacheKey } from "./key.ts";
import { KIND, type ObjectDraft, type StoredObject } from "./object.ts";

/** A response that varies by more is not stored. */
export const MAX_VARY_NAMES = 16;
const REMEMBERED = 64;
const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();

export interface Variants {
  readonly names: readonly VaryName[];
  readonly generation: number;
}

/** Reads such objects without allocating for those it has seen before. */
export class VariantsReader {
  readonly #segment: Segment;
  readonly #texts: Uint8Array[] = [];
  readonly #lists: (readonly VaryName[])[] = [];
  #next = 0;

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  namesOf(object: StoredObject): readonly VaryName[] {
    const { bytes } = this.#segment.slabOf(object.unit);
    for (let i = 0; i < this.#texts.length; i++) {
      if (sameText(this.#texts[i]!, bytes, object.keyEnd, object.h1End)) return this.#lists[i]!;
    }
    const text = bytes.slice(object.keyEnd, object.h1End);
    const names = Buffer.from(text)
      .toString("latin1")
      .split(",")
      .map((name) => ({ id: fieldNumber(name), name: encoder.encode(name) }));
    this.#texts[this.#next] = text;
    this.#lists[this.#next] = names;
    this.#next = (this.#next + 1) % REMEMBERED;
    return names;
  }

  generationOf(object: StoredObject): number {
    return this.#segment.slabOf(object.unit).view.getInt32(object.h1End, true);
  }
}

/** What to store under the plain key. */
export function variantsDraft(key: CacheKey, { names, generation }: Variants, now: number): ObjectDraft {
  const h2 = new Uint8Array(4);
  new DataView(h2.buffer).setInt32(0, generation, true);
  return {
    hash: key.hash,
    kind: KIND.variants,
    key: key.copy(),
    h1: Buffer.from(names.map(({ name }) => Buffer.from(name).toString("latin1")).join(","), "latin1"),
    h2,
    h1NotModified: EMPTY,
    h2NotModified: EMPTY,
    status: 0,
    bodyLength: 0,
    etagStart: 0,
    etagEnd: 0,
    initialAge: 0,
    lifetime: 0,
    staleWhileRevalidate: -1,
    staleIfError: -1,
    noCache: false,
    neverStale: false,
    receivedAt: now,
    lastModified: NaN,
  };
}

/** Names of both lists, each once, in order. */
export function unionOf(a: readonly VaryName[], b: readonly VaryName[]): VaryName[] {
  const byText = new Map([...a, ...b].map((one) => [Buffer.from(one.name).toString("latin1"), one]));
  return [...byText.keys()].toSorted().map((text) => byText.get(text)!);
}

function sameText(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== bytes[start + i]) return false;
  return true;
}
