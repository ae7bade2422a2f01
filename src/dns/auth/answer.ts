/**
 * The authoritative plane behind the DNS seam: the ladder of cheap checks, one look into the table of prebuilt answers,
 * one copy into the reply.
 */
import { FLAG, HEADER_BYTES, writeUint16 } from "#src/dns/wire/header.ts";
import type { Query } from "#src/dns/wire/query.ts";
import { RCODE } from "#src/dns/wire/rcode.ts";
import type { Reply } from "#src/dns/wire/reply.ts";
import { OPT_BYTES, replyLimit, writeEmptyReply, writeOpt, writeReplyHead } from "#src/dns/wire/reply-writer.ts";
import { CLASS, TYPE } from "#src/dns/wire/type.ts";
import type { IsHealthy } from "#src/dns/zone/zone.ts";
import { ANSWER, type AnswerStore } from "./answer-store.ts";
import { type AnswerTable, liveNumber, NOT_OURS } from "./answer-table.ts";
import { copyAnswer, selectAnswer } from "./select-answer.ts";

export class Authority {
  #table: AnswerTable;
  /** Hashes of the names above the one asked, by label. */
  readonly #hashes = new Int32Array(128);
  readonly #isHealthy: IsHealthy;

  /** `isHealthy` is asked for the targets of the zones' address records, each time one of them matters to an answer. */
  constructor(table: AnswerTable, isHealthy: IsHealthy = () => true) {
    this.#table = table;
    this.#isHealthy = isHealthy;
  }

  /** Takes other zones, between two batches. */
  replace(table: AnswerTable): void {
    this.#table = table;
  }

  /** The `answer` of the DNS seam; it never defers and never declines. */
  answer(query: Query, reply: Reply): number {
    const { bytes, start } = reply;
    // No zone has a key: a signed query is NOTAUTH before anything is told (RFC 8945 section 5.2).
    if (query.hasTsig) return writeEmptyReply(query, 0, RCODE.NOTAUTH, bytes, start);
    // CHAOS names tell strangers our version (RFC 4892 section 3): they are not told.
    if (query.class !== CLASS.IN) return writeEmptyReply(query, 0, RCODE.REFUSED, bytes, start);
    if (query.type >= 128 && query.type <= 254) return writeEmptyReply(query, 0, refuseType(query.type), bytes, start);
    if (query.type === TYPE.OPT) return writeEmptyReply(query, 0, RCODE.FORMERR, bytes, start);
    const answer = selectAnswer(this.#table, query, this.#hashes);
    if (answer >= 0) return writeAnswer(this.#table.store, answer, query, reply);
    if (answer === NOT_OURS) return writeEmptyReply(query, 0, RCODE.REFUSED, bytes, start);
    return writeAnswer(this.#table.live[liveNumber(answer)]!.store(this.#isHealthy), 0, query, reply);
  }
}

/** Transfers are refused; the other types of questions are not known (RFC 6895 section 3.1). */
function refuseType(type: number): number {
  return type === TYPE.AXFR || type === TYPE.IXFR ? RCODE.REFUSED : RCODE.NOTIMP;
}

function writeAnswer(store: AnswerStore, answer: number, query: Query, reply: Reply): number {
  const { bytes, start } = reply;
  const word = answer * ANSWER.words;
  const words = store.answers;
  query.zone = words[word + ANSWER.zone]!;
  const room =
    replyLimit(query, reply.transport === "udp", reply.max) -
    (query.questionEnd - query.start) -
    (query.hasEdns ? OPT_BYTES : 0);
  const flags = words[word + ANSWER.flags]!;
  let length = words[word + ANSWER.length]!;
  let additional = words[word + ANSWER.additionalCount]!;
  if (length > room) {
    length = words[word + ANSWER.requiredLength]!;
    additional = words[word + ANSWER.requiredAdditionalCount]!;
    // Nothing of an answer that does not fit: the client asks again by TCP (RFC 2181 section 9).
    if (length > room) return writeEmptyReply(query, (flags & FLAG.AA) | FLAG.TC, flags & 0xf, bytes, start);
  }
  let at = writeReplyHead(query, flags & ~0xf, flags & 0xf, bytes, start);
  writeUint16(bytes, start + 6, words[word + ANSWER.answerCount]!);
  writeUint16(bytes, start + 8, words[word + ANSWER.authorityCount]!);
  copyAnswer(store, answer, length, at - 4 - HEADER_BYTES - start, bytes, at);
  at += length;
  if (query.hasEdns) {
    at = writeOpt(bytes, at, 0, query.dnssecOk);
    additional++;
  }
  writeUint16(bytes, start + 10, additional);
  return at - start;
}
