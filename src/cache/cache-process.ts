/** What all cache stages of a data process share: the view on shared memory, the fetches under way, scratch objects of one call. */
import type { Exchange } from "#src/http/exchange.ts";
import { FIELD } from "#src/http/field.ts";
import type { Message } from "#src/http/message.ts";
import { Lessee } from "#src/memory/lease.ts";
import type { Segment } from "#src/memory/segment.ts";
import type { TimerWheel } from "#src/reactor/timer-wheel.ts";
import type { CacheCounters, CacheOutcome } from "./counters.ts";
import { Delivery } from "./delivery.ts";
import type { Fetch } from "./fetch/fetch.ts";
import { currentAge } from "./policy/freshness.ts";
import { isNotModified } from "./policy/validator.ts";
import { CacheReader } from "./store/cache-reader.ts";
import { CacheKey } from "./store/key.ts";
import { KIND, type StoredObject } from "./store/object.ts";
import { Pins } from "./store/pins.ts";
import { VariantsReader } from "./store/variants.ts";

/** The part of the reactor's poller that is needed here. */
export interface CacheLoop {
  /** Milliseconds; the same clock as Exchange.startedAt. */
  readonly now: number;
  readonly deadlines: Pick<TimerWheel, "arm" | "remove">;
}

export interface CacheProcessOptions {
  readonly loop: CacheLoop;
  readonly segment: Segment;
  readonly row: number;
  readonly counters: CacheCounters;
  /** Signals the main's eventfd. */
  readonly wakeMain: () => void;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
  /** Bytes of bodies that may be gathered at one time; beyond, responses are passed on and not stored. */
  readonly maxGatheredBytes: number;
}

export class CacheProcess {
  readonly loop: CacheLoop;
  readonly segment: Segment;
  readonly reader: CacheReader;
  readonly key: CacheKey;
  readonly variants: VariantsReader;
  readonly lessee: Lessee;
  readonly delivery: Delivery;
  readonly counters: CacheCounters;
  readonly wall: () => number;
  /** Fetches that others may join, by key. */
  readonly fetches = new Map<string, Fetch>();
  /** All whose response may yet be stored. */
  readonly open = new Set<Fetch>();
  readonly maxGatheredBytes: number;
  gatheredBytes = 0;
  readonly #tag: { bytes: Uint8Array; start: number; end: number };

  constructor({ loop, segment, row, counters, wakeMain, wall, maxGatheredBytes }: CacheProcessOptions) {
    this.loop = loop;
    this.segment = segment;
    this.reader = new CacheReader(segment, row);
    this.key = new CacheKey(segment.seed);
    this.variants = new VariantsReader(segment);
    this.lessee = new Lessee(segment, row, wakeMain);
    this.delivery = new Delivery(segment, new Pins(this.reader.reader));
    this.counters = counters;
    this.wall = wall;
    this.maxGatheredBytes = maxGatheredBytes;
    this.#tag = { bytes: segment.slabs[0]!.bytes, start: 0, end: 0 };
  }

  /** Finds the response for a request: then `reader.found` is it. In any case but the last `key` is where it lies or would. */
  find(request: Message, partition: number): "found" | "nothing" | "tooLong" {
    const { key, reader, variants } = this;
    if (!key.fromRequest(request, partition)) return "tooLong";
    if (!reader.lookup(key)) return "nothing";
    const { found } = reader;
    if (found.kind !== KIND.variants) return "found";
    if (!key.extend(request, variants.namesOf(found), variants.generationOf(found))) return "tooLong";
    return reader.lookup(key) ? "found" : "nothing";
  }

  /** Current age in seconds (RFC 9111 section 4.2.3). */
  ageOf(object: StoredObject): number {
    return currentAge(object.initialAge, object.receivedAt, this.wall());
  }

  /** Answers with a stored response, or with the 304 for it when the client has it already. */
  answer(exchange: Exchange, object: StoredObject, age: number, outcome: CacheOutcome): void {
    this.note(exchange, outcome);
    if (this.#clientHas(exchange.request, object)) this.delivery.deliverNotModified(exchange, object, age);
    else this.delivery.deliver(exchange, object, age);
  }

  note(exchange: Exchange, outcome: CacheOutcome): void {
    exchange.notes.cache = outcome;
    this.counters.onOutcome(outcome);
  }

  /** Ends what is stored for a request's target, all variants, and keeps what is being fetched now from being stored. */
  invalidate(request: Message, partition: number): void {
    const { key, reader } = this;
    if (!key.fromRequest(request, partition)) return;
    if (reader.lookup(key)) this.lessee.remove(reader.found.slot, reader.found.unit);
    if (this.open.size === 0) return;
    const base = key.text();
    for (const fetch of this.open) if (fetch.baseKey === base) fetch.invalidate();
  }

  #clientHas(request: Message, object: StoredObject): boolean {
    if (object.status !== 200) return false;
    if (!request.hasField(FIELD["if-none-match"]) && !request.hasField(FIELD["if-modified-since"])) return false;
    const tag = this.#tag;
    tag.bytes = this.segment.slabOf(object.unit).bytes;
    tag.start = object.etagStart;
    tag.end = object.etagEnd;
    return isNotModified(request, tag, object.lastModified, object.receivedAt, this.wall());
  }
}
