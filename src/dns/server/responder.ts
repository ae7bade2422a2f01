/**
 * One query in, at most one answer out, the same for every transport: reads the query, answers what is malformed, and
 * hands everything else to the plane behind the `answer` seam.
 */
import { ERROR_RCODE, parseQuery, Query } from "#src/dns/wire/query.ts";
import type { Answer, Reply } from "#src/dns/wire/reply.ts";
import { writeEmptyReply } from "#src/dns/wire/reply-writer.ts";
import { type Clock, systemClock } from "#src/process/clock.ts";
import type { DnsCounters } from "./dns-counters.ts";
import type { QueryLog } from "./query-log.ts";

export interface ResponderOptions {
  readonly answer: Answer;
  readonly counters: DnsCounters;
  readonly log?: QueryLog;
  /** Flags of error replies: RA for a resolver. */
  readonly errorFlags?: number;
  /** First value of the names' hashes; see Query. */
  readonly seed?: number;
  /** For durations. Default: the system's. */
  readonly clock?: Clock;
}

export class Responder {
  readonly counters: DnsCounters;
  readonly #clock: Clock;
  readonly #answer: Answer;
  readonly #log: QueryLog | undefined;
  readonly #errorFlags: number;
  readonly #query: Query;

  constructor(options: ResponderOptions) {
    this.counters = options.counters;
    this.#clock = options.clock ?? systemClock;
    this.#answer = options.answer;
    this.#log = options.log;
    this.#errorFlags = options.errorFlags ?? 0;
    this.#query = new Query(options.seed);
  }

  /** Answers the message in [start, end). Returns bytes written to `reply`; 0: nothing to send, now or ever; -1: it was no query. */
  respond(bytes: Uint8Array, start: number, end: number, reply: Reply, family: 4 | 6, now: number): number {
    const query = this.#query;
    const parsed = parseQuery(bytes, start, end, query);
    if (parsed === "shortHeader" || parsed === "isResponse") {
      this.counters.dropped(parsed);
      return -1;
    }
    if (parsed !== "ok") {
      this.#count(query, reply, family);
      const length = writeEmptyReply(query, this.#errorFlags, ERROR_RCODE[parsed], reply.bytes, reply.start);
      this.finish(query, reply, length);
      return length;
    }
    const length = this.#answer(query, reply, now);
    this.#count(query, reply, family);
    // Its ticket counts and logs it.
    if (length === "pending") return 0;
    if (typeof length === "string") {
      this.counters.dropped(length);
      return 0;
    }
    this.finish(query, reply, length);
    return length;
  }

  /** Counts and logs an answer that is about to leave. */
  finish(query: Query, reply: Pick<Reply, "bytes" | "start" | "transport" | "client">, length: number): void {
    this.counters.response(reply.bytes[reply.start + 3]! & 0xf, query.zone);
    this.#log?.record(query, reply, length);
  }

  /** The time of reading, as `handedOver` wants it: asked once for all that is read together. */
  readAt(): number {
    return this.#clock.now();
  }

  /** Counts how long it took from `readAt` to now, when so many answers are handed over together. */
  handedOver(count: number, readAt: number): void {
    if (count > 0) this.counters.answered(count, (this.#clock.now() - readAt) / 1000);
  }

  /** A query over a copy of its packet, for an answer that comes later. */
  copy(query: Query): Query {
    const packet = query.bytes.slice(query.start, query.end);
    const copied = new Query(query.seed);
    parseQuery(packet, 0, packet.length, copied);
    copied.zone = query.zone;
    return copied;
  }

  get query(): Query {
    return this.#query;
  }

  #count(query: Query, reply: Reply, family: 4 | 6): void {
    this.counters.request(reply.transport, family, query.questionEnd === 0 ? 0 : query.type, query.zone);
  }
}
