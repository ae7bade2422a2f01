/**
 * Which answer is for which name and type. Names are found by open addressing over their hashes. An answer is told by a
 * number: from 0 its index in the store, below NOT_OURS one that depends on health.
 */
import { equalNames } from "#src/dns/wire/name.ts";
import type { AnswerStore } from "./answer-store.ts";
import type { LiveAnswer } from "./live-answer.ts";

/** Int32 words of a name: where its bytes are, their number, its first answer, their number, its kind, its wildcard. */
export const NAME = {
  at: 0,
  length: 1,
  answers: 2,
  answerCount: 3,
  kind: 4,
  wildcard: 5,
  absent: 6,
  missing: 7,
  words: 8,
} as const;

/** Words of an answer's place under a name: the type, the answer. */
export const PLACE = { type: 0, answer: 1, words: 2 } as const;

/** No zone of ours is at or above the name. */
export const NOT_OURS = -1;

/** The number of a live answer by its index, and back. */
export const liveNumber = (index: number): number => NOT_OURS - 1 - index;

/** A name's kind: an ordinary one, or a zone cut, which takes everything below it. */
export const KIND = { name: 0, cut: 1 } as const;

export interface AnswerTable {
  /** Pairs of hash and index of the name plus one; zero is free. A power of two of pairs. */
  readonly slots: Int32Array;
  readonly mask: number;
  readonly names: Int32Array;
  readonly places: Int32Array;
  /** The names' bytes. */
  readonly nameBytes: Uint8Array;
  readonly store: AnswerStore;
  readonly live: readonly LiveAnswer[];
}

/** Index of the name [at, end) of `bytes`, whose hash is `hash`, or -1. */
export function findName(table: AnswerTable, bytes: Uint8Array, at: number, end: number, hash: number): number {
  const { slots, names, mask } = table;
  const length = end - at;
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const index = slots[2 * slot + 1]! - 1;
    if (index < 0) return -1;
    if (slots[2 * slot] !== hash) continue;
    const name = index * NAME.words;
    if (names[name + NAME.length] !== length) continue;
    if (equalNames(table.nameBytes, names[name + NAME.at]!, bytes, at, length)) return index;
  }
}

/** The answer for `type` at a name: its own, or the one for types that it lacks. */
export function findAnswer(table: AnswerTable, name: number, type: number): number {
  const word = name * NAME.words;
  const first = table.names[word + NAME.answers]!;
  const count = table.names[word + NAME.answerCount]!;
  for (let place = first; place < first + count; place++) {
    if (table.places[place * PLACE.words + PLACE.type] === type)
      return table.places[place * PLACE.words + PLACE.answer]!;
  }
  return table.names[word + NAME.absent]!;
}
