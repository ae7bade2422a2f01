/** From a question to its prebuilt answer: the name itself, or else the closest name above it that says what to do. */
import { continueHash } from "#src/dns/wire/name.ts";
import type { Query } from "#src/dns/wire/query.ts";
import { ANSWER, type AnswerStore } from "./answer-store.ts";
import { findAnswer, findName, KIND, NAME, NOT_OURS, type AnswerTable } from "./answer-table.ts";

/** Number of the query's answer, or NOT_OURS. */
export function selectAnswer(table: AnswerTable, query: Query, hashes: Int32Array): number {
  const name = findName(table, query.bytes, query.nameStart, query.nameEnd, query.hash);
  if (name >= 0) return findAnswer(table, name, query.type);
  return selectFromAbove(table, query, hashes);
}

/** The name does not exist: the closest encloser is a cut, has a wildcard, or says NXDOMAIN (RFC 1034 section 4.3.2 step 3). */
function selectFromAbove(table: AnswerTable, query: Query, hashes: Int32Array): number {
  const { bytes, nameStart, nameEnd, labels, labelOffsets } = query;
  // One pass from the root gives the hash of every name above this one.
  let hash = continueHash(bytes, nameEnd - 1, nameEnd, query.seed);
  let end = nameEnd - 1;
  hashes[labels] = hash;
  for (let label = labels - 1; label > 0; label--) {
    const start = nameStart + labelOffsets[label]!;
    hash = continueHash(bytes, start, end, hash);
    hashes[label] = hash;
    end = start;
  }
  for (let label = 1; label <= labels; label++) {
    const start = label === labels ? nameEnd - 1 : nameStart + labelOffsets[label]!;
    const name = findName(table, bytes, start, nameEnd, hashes[label]!);
    if (name < 0) continue;
    const word = name * NAME.words;
    if (table.names[word + NAME.kind] === KIND.cut) return table.names[word + NAME.absent]!;
    const wildcard = table.names[word + NAME.wildcard]!;
    return wildcard >= 0 ? findAnswer(table, wildcard, query.type) : table.names[word + NAME.missing]!;
  }
  return NOT_OURS;
}

/** Copies bytes [0, length) of an answer to `at`, its pointers moved to a name of `nameLength` bytes. */
export function copyAnswer(
  store: AnswerStore,
  answer: number,
  length: number,
  nameLength: number,
  bytes: Uint8Array,
  at: number,
): void {
  const word = answer * ANSWER.words;
  const from = store.answers[word + ANSWER.at]!;
  const source = store.bytes;
  for (let index = 0; index < length; index++) bytes[at + index] = source[from + index]!;
  const delta = nameLength - store.answers[word + ANSWER.nameLength]!;
  if (delta === 0) return;
  const first = store.answers[word + ANSWER.shifts]!;
  const end = first + store.answers[word + ANSWER.shiftCount]!;
  for (let shift = first; shift < end; shift++) {
    const offset = store.shifts[shift]!;
    // Ascending: what lies behind the copied part is not there.
    if (offset >= length) return;
    const pointer = (((bytes[at + offset]! & 0x3f) << 8) | bytes[at + offset + 1]!) + delta;
    bytes[at + offset] = 0xc0 | (pointer >>> 8);
    bytes[at + offset + 1] = pointer;
  }
}
