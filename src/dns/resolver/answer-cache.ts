/**
 * Whole answers as wire bytes, for hits that are answered within the batch: one look-up, one copy, TTLs counted down.
 * Bounded by bytes; SIEVE evicts (a hit only sets a mark, so the hot path moves nothing).
 */
import { equalNames } from "#src/dns/wire/name.ts";
import { readUint32, writeUint32 } from "#src/dns/wire/header.ts";

export class CachedAnswer {
  /** The whole message without OPT: header, question, sections. Never changed. */
  readonly message: Uint8Array;
  /** Wire length of the question's name, which begins behind the header. */
  readonly nameLength: number;
  readonly type: number;
  readonly hash: number;
  /** Where each record's TTL stands in the message. */
  readonly ttlOffsets: Uint16Array;
  /** Reactor clock, milliseconds. */
  readonly storedAt: number;
  readonly expiresAt: number;
  marked = false;
  /** Next of the same hash. */
  next: CachedAnswer | undefined = undefined;
  /** Neighbours in order of age. */
  newer: CachedAnswer | undefined = undefined;
  older: CachedAnswer | undefined = undefined;

  constructor(answer: {
    message: Uint8Array;
    nameLength: number;
    type: number;
    hash: number;
    ttlOffsets: Uint16Array;
    storedAt: number;
    expiresAt: number;
  }) {
    this.message = answer.message;
    this.nameLength = answer.nameLength;
    this.type = answer.type;
    this.hash = answer.hash;
    this.ttlOffsets = answer.ttlOffsets;
    this.storedAt = answer.storedAt;
    this.expiresAt = answer.expiresAt;
  }
}

const NAME_AT = 12;
/** What an entry costs beside its message: objects, table and TTL offsets. */
const OVERHEAD_BYTES = 256;

export class AnswerCache {
  readonly #byHash = new Map<number, CachedAnswer>();
  readonly #maxBytes: number;
  #bytes = 0;
  #size = 0;
  #newest: CachedAnswer | undefined = undefined;
  #oldest: CachedAnswer | undefined = undefined;
  #hand: CachedAnswer | undefined = undefined;
  /** Answers put out before their time. */
  evictions = 0;

  constructor({ maxBytes = 64 * 1024 * 1024 }: { maxBytes?: number } = {}) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#size;
  }

  /** The answer for the name at [start, start + length) of `bytes`, whose hash (type mixed in by mixType) is `hash`. */
  get(
    hash: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    type: number,
    now: number,
  ): CachedAnswer | undefined {
    let answer = this.#byHash.get(hash);
    while (answer !== undefined && !isFor(answer, bytes, start, length, type)) answer = answer.next;
    if (answer === undefined) return undefined;
    if (answer.expiresAt <= now) {
      this.#remove(answer);
      return undefined;
    }
    answer.marked = true;
    return answer;
  }

  put(answer: CachedAnswer): void {
    const cost = answer.message.length + OVERHEAD_BYTES;
    if (cost > this.#maxBytes) return;
    const { message, nameLength, type, hash } = answer;
    let known = this.#byHash.get(hash);
    while (known !== undefined && !isFor(known, message, NAME_AT, nameLength, type)) known = known.next;
    if (known !== undefined) this.#remove(known);
    while (this.#bytes + cost > this.#maxBytes) this.#evict();
    answer.next = this.#byHash.get(hash);
    this.#byHash.set(hash, answer);
    answer.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = answer;
    this.#newest = answer;
    this.#oldest ??= answer;
    this.#bytes += cost;
    this.#size++;
  }

  /** SIEVE: from the hand on towards newer ones, the first that was not asked for since the hand last passed. */
  #evict(): void {
    let answer = this.#hand ?? this.#oldest;
    while (answer !== undefined && answer.marked) {
      answer.marked = false;
      answer = answer.newer ?? this.#oldest;
    }
    if (answer === undefined) return;
    this.#hand = answer.newer;
    this.#remove(answer);
    this.evictions++;
  }

  #remove(answer: CachedAnswer): void {
    if (this.#hand === answer) this.#hand = answer.newer;
    if (answer.newer === undefined) this.#newest = answer.older;
    else answer.newer.older = answer.older;
    if (answer.older === undefined) this.#oldest = answer.newer;
    else answer.older.newer = answer.newer;
    const first = this.#byHash.get(answer.hash);
    if (first === answer) {
      if (answer.next === undefined) this.#byHash.delete(answer.hash);
      else this.#byHash.set(answer.hash, answer.next);
    } else {
      let before = first;
      while (before !== undefined && before.next !== answer) before = before.next;
      if (before !== undefined) before.next = answer.next;
    }
    this.#bytes -= answer.message.length + OVERHEAD_BYTES;
    this.#size--;
  }
}

/** The table's hash: the name's, with the type mixed in. */
export const mixType = (nameHash: number, type: number): number => Math.imul(nameHash ^ type, 0x9e3779b1) | 0;

/** Copies the answer to `out` at `at` with the TTLs that are left at `now`; header and question are the caller's to patch. */
export function copyAnswer(answer: CachedAnswer, out: Uint8Array, at: number, now: number): void {
  out.set(answer.message, at);
  const age = Math.floor((now - answer.storedAt) / 1000);
  if (age === 0) return;
  const { ttlOffsets, message } = answer;
  for (let i = 0; i < ttlOffsets.length; i++) {
    const offset = ttlOffsets[i]!;
    writeUint32(out, at + offset, Math.max(readUint32(message, offset) - age, 0));
  }
}

function isFor(answer: CachedAnswer, bytes: Uint8Array, start: number, length: number, type: number): boolean {
  return (
    answer.type === type && answer.nameLength === length && equalNames(answer.message, NAME_AT, bytes, start, length)
  );
}
