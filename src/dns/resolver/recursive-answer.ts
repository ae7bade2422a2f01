/**
 * The resolver behind the `answer` seam: a hit is answered within the batch, a miss is pending until the state machine
 * has finished it; equal questions wait together.
 */
import { FLAG, HEADER_BYTES, writeUint16 } from "#src/dns/wire/header.ts";
import { nameKey } from "#src/dns/wire/name.ts";
import type { Query } from "#src/dns/wire/query.ts";
import { RCODE } from "#src/dns/wire/rcode.ts";
import { OPT_BYTES, replyLimit, writeEmptyReply, writeOpt } from "#src/dns/wire/reply-writer.ts";
import type { NoAnswerReason, Reply, Ticket } from "#src/dns/wire/reply.ts";
import { CLASS, TYPE } from "#src/dns/wire/type.ts";
import type { Address } from "#src/net/address.ts";
import { type AnswerCache, type CachedAnswer, copyAnswer, mixType } from "./answer-cache.ts";
import type { AnswerComposer } from "./compose.ts";
import { localOutcome } from "./local-zone.ts";
import type { Resolver, ResolverAction } from "./resolver.ts";

export type AskAction = Extract<ResolverAction, { kind: "ask" }>;
type FinishAction = Extract<ResolverAction, { kind: "finish" }>;

export interface RecursiveAnswerCounters {
  hit(): void;
  miss(): void;
  /** A question of a client that may not ask, or without RD. */
  refused(): void;
  /** A resolution that ended in SERVFAIL. */
  failed(reason: string): void;
}

export interface RecursiveAnswerOptions {
  readonly cache: AnswerCache;
  readonly resolver: Resolver;
  readonly composer: AnswerComposer;
  /** Who may ask at all. */
  readonly isAllowed: (client: Address) => boolean;
  /** Sends a question to a server; its outcome comes back by `settle`. */
  readonly ask: (action: AskAction) => void;
  /** Runs the task after the batch: resolutions begin there. */
  readonly defer: (task: () => void) => void;
  readonly clock: () => number;
  readonly counters: RecursiveAnswerCounters;
  /** Clients that may wait for one question; more are dropped. */
  readonly maxWaiting?: number;
}

const DEFAULT_MAX_WAITING = 1_000;

export class RecursiveAnswer {
  readonly #options: RecursiveAnswerOptions;
  readonly #maxWaiting: number;
  readonly #waiting = new Map<string, Ticket[]>();

  constructor(options: RecursiveAnswerOptions) {
    this.#options = options;
    this.#maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
  }

  /** Questions with clients waiting. */
  get pending(): number {
    return this.#waiting.size;
  }

  answer(query: Query, reply: Reply, now: number): number | NoAnswerReason | "pending" {
    const { cache, counters } = this.#options;
    if ((query.flags & FLAG.RD) === 0 || !this.#options.isAllowed(reply.client)) {
      counters.refused();
      return writeEmptyReply(query, FLAG.RA, RCODE.REFUSED, reply.bytes, reply.start);
    }
    const hash = mixType(query.hash, query.type);
    const length = query.nameEnd - query.nameStart;
    const found = cache.get(hash, query.bytes, query.nameStart, length, query.type, now);
    if (found !== undefined && query.class === CLASS.IN) {
      counters.hit();
      return writeAnswer(query, found, reply, now);
    }
    return this.#miss(query, reply, now);
  }

  /** Hands actions of the state machine to whoever can carry them out. Call with what every event returned. */
  perform(actions: readonly ResolverAction[]): void {
    for (const action of actions) {
      if (action.kind === "ask") this.#options.ask(action);
      else this.#finish(action);
    }
  }

  #miss(query: Query, reply: Reply, now: number): number | NoAnswerReason | "pending" {
    const refusal = refusalOf(query);
    if (refusal !== undefined) return writeEmptyReply(query, FLAG.RA, refusal, reply.bytes, reply.start);
    const name = nameKey(query.bytes.subarray(query.nameStart, query.nameEnd));
    const local = localOutcome(name, query.type);
    if (local !== undefined) {
      const answer = this.#options.composer.compose(name, query.type, local, now);
      this.#options.cache.put(answer);
      return writeAnswer(query, answer, reply, now);
    }
    this.#options.counters.miss();
    return this.#wait(name, query.type, reply);
  }

  #wait(name: string, type: number, reply: Reply): NoAnswerReason | "pending" {
    const key = `${type} ${name}`;
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined && waiting.length >= this.#maxWaiting) return "overloaded";
    const ticket = reply.later();
    if (ticket === undefined) return "overloaded";
    if (waiting !== undefined) {
      waiting.push(ticket);
      return "pending";
    }
    this.#waiting.set(key, [ticket]);
    this.#options.defer(() => this.perform(this.#options.resolver.query(name, type, this.#options.clock())));
    return "pending";
  }

  #finish({ name, type, outcome }: FinishAction): void {
    const now = this.#options.clock();
    if (outcome.rcode === RCODE.SERVFAIL) this.#options.counters.failed(outcome.reason);
    const answer = this.#options.composer.compose(name, type, outcome, now);
    if (outcome.ttl > 0) this.#options.cache.put(answer);
    const key = `${type} ${name}`;
    const tickets = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    for (const ticket of tickets) ticket.send(writeAnswer(ticket.query, answer, ticket, now));
  }
}

/** What a resolver is never asked for: zone transfers, and classes of long ago. */
function refusalOf(query: Query): number | undefined {
  if (query.class !== CLASS.IN) return RCODE.REFUSED;
  if (query.type === TYPE.AXFR || query.type === TYPE.IXFR || query.type === TYPE.OPT || query.type === TYPE.TSIG) {
    return RCODE.NOTIMP;
  }
  return undefined;
}

/** Writes a kept answer as a reply to this query: its id, its question's letter case, its flags, OPT when it has one. */
function writeAnswer(query: Query, answer: CachedAnswer, reply: Reply | Ticket, now: number): number {
  const { bytes, start } = reply;
  const { message } = answer;
  const limit = replyLimit(query, reply.transport === "udp", reply.max) - (query.hasEdns ? OPT_BYTES : 0);
  if (message.length > limit) return writeEmptyReply(query, FLAG.TC | FLAG.RA, message[3]! & 0xf, bytes, start);
  copyAnswer(answer, bytes, start, now);
  writeUint16(bytes, start, query.id);
  // RD and CD are the query's; AD is never set: nothing is validated.
  bytes[start + 2] = bytes[start + 2]! | ((query.flags & FLAG.RD) >>> 8);
  bytes[start + 3] = bytes[start + 3]! | (query.flags & FLAG.CD);
  for (let at = HEADER_BYTES; at < HEADER_BYTES + answer.nameLength; at++) {
    bytes[start + at] = query.bytes[query.start + at]!;
  }
  if (!query.hasEdns) return message.length;
  bytes[start + 11] = 1;
  return writeOpt(bytes, start + message.length, 0, query.dnssecOk) - start;
}
