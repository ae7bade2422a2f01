/**
 * Answers as bytes: what follows the question. An answer's compression pointers count from a question of one length, so one
 * that serves many names (a wildcard's, a referral, an absence) lists the pointers that move with the length of the name
 * asked.
 */
import type { WrittenAnswer } from "./answer-writer.ts";
import { GrowingBytes } from "./growing-bytes.ts";

/**
 * Words of an answer. `requiredLength` is where the optional additional records begin; the counts are those with and
 * without them.
 */
export const ANSWER = {
  at: 0,
  length: 1,
  requiredLength: 2,
  flags: 3,
  answerCount: 4,
  authorityCount: 5,
  additionalCount: 6,
  requiredAdditionalCount: 7,
  /** Length of the name that the pointers are right for. */
  nameLength: 8,
  shifts: 9,
  shiftCount: 10,
  /** What `Query.zone` is set to. */
  zone: 11,
  words: 12,
} as const;

export interface AnswerStore {
  readonly answers: Int32Array;
  /** Offsets within an answer's bytes of pointers that move. */
  readonly shifts: Uint16Array;
  readonly bytes: Uint8Array;
}

/** Gathers answers for a store. */
export class AnswerStoreBuilder {
  readonly #answers: number[] = [];
  readonly #shifts: number[] = [];
  readonly #bytes: GrowingBytes;

  /** `room`: bytes to begin with. */
  constructor(room: number) {
    this.#bytes = new GrowingBytes(room);
  }

  /** Keeps a copy. Returns its index. */
  add(written: WrittenAnswer): number {
    const index = this.#answers.length / ANSWER.words;
    const { bytes, shifts } = written;
    this.#answers.push(
      this.#bytes.append(bytes),
      written.length,
      written.requiredLength,
      written.flags,
      written.answerCount,
      written.authorityCount,
      written.additionalCount,
      written.requiredAdditionalCount,
      written.nameLength,
      this.#shifts.length,
      shifts.length,
      written.zone,
    );
    this.#shifts.push(...shifts);
    return index;
  }

  /** The same bytes under another code. */
  addWithRcode(answer: number, rcode: number): number {
    const words = this.#answers.slice(answer * ANSWER.words, (answer + 1) * ANSWER.words);
    words[ANSWER.flags] = (words[ANSWER.flags]! & ~0xf) | rcode;
    this.#answers.push(...words);
    return this.#answers.length / ANSWER.words - 1;
  }

  build(): AnswerStore {
    return {
      answers: Int32Array.from(this.#answers),
      shifts: Uint16Array.from(this.#shifts),
      bytes: this.#bytes.copy(),
    };
  }
}
