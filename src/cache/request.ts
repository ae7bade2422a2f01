/**
 * The cache as a stage of a route: receive, look up, and then a hit, a stale answer, a revalidation, a fetch, or the next
 * stage, which asks the origin itself (RFC 9111 sections 2 to 4).
 */
import type { Exchange } from "#src/http/exchange.ts";
import { FIELD } from "#src/http/field.ts";
import type { FieldEdits } from "#src/http/field-edits.ts";
import type { Message } from "#src/http/message.ts";
import { METHOD } from "#src/http/method.ts";
import type { Stage } from "#src/http/stage.ts";
import type { CacheProcess } from "./cache-process.ts";
import { revalidated } from "./fetch/revalidated.ts";
import { startFetch } from "./fetch/start.ts";
import { CacheControl } from "./policy/cache-control.ts";
import { cacheStatusText } from "./policy/cache-status.ts";
import { invalidates, isSafeMethod } from "./policy/invalidation.ts";
import { reuse } from "./policy/reuse.ts";
import { hasForeignCondition } from "./policy/validator.ts";
import type { CacheRoute } from "./route.ts";
import type { StoredObject } from "./store/object.ts";

/** What is done with a request before anything is looked up. */
type Received = "lookup" | "pass" | "passUnsafe";
type StageOutcome = ReturnType<Stage["onRequest"]>;

export class CacheStage implements Stage {
  readonly #cache: CacheProcess;
  readonly #route: CacheRoute;
  readonly #control = new CacheControl();
  readonly #passed: readonly Stage[];
  readonly #passedUnsafe: readonly Stage[];

  constructor(cache: CacheProcess, route: CacheRoute) {
    this.#cache = cache;
    this.#route = route;
    this.#passed = [new PassedResponse("bypass")];
    this.#passedUnsafe = [new PassedResponse("method"), new Invalidation(cache, route.partition)];
  }

  onRequest(exchange: Exchange): StageOutcome {
    switch (receive(exchange)) {
      case "pass":
        return this.#pass(exchange, this.#passed);
      case "passUnsafe":
        return this.#pass(exchange, this.#passedUnsafe);
      case "lookup":
        break;
    }
    const { request } = exchange;
    const asked = request.hasField(FIELD["cache-control"]) ? this.#control.parse(request) : undefined;
    if (asked?.noStore === true) return this.#pass(exchange, this.#passed);
    switch (this.#cache.find(request, this.#route.partition)) {
      case "found":
        return this.#reuse(exchange, this.#cache.reader.found, asked);
      case "nothing":
        return asked?.onlyIfCached === true ? this.#refuse(exchange) : this.#miss(exchange);
      case "tooLong":
        break;
    }
    return this.#pass(exchange, this.#passed);
  }

  #reuse(exchange: Exchange, found: StoredObject, asked: CacheControl | undefined): StageOutcome {
    const age = this.#cache.ageOf(found);
    switch (reuse(found, age, asked)) {
      case "fresh":
        this.#cache.answer(exchange, found, age, "hit");
        return outcomeOf(exchange);
      case "stale":
        this.#cache.answer(exchange, found, age, "stale");
        return outcomeOf(exchange);
      case "staleWhileRevalidate":
        return this.#answerAndRevalidate(exchange, found, age);
      case "revalidate":
        return this.#revalidate(exchange, found);
      case "unavailable":
        break;
    }
    return this.#refuse(exchange);
  }

  /** RFC 5861 section 3. */
  #answerAndRevalidate(exchange: Exchange, found: StoredObject, age: number): StageOutcome {
    const { fetches, key } = this.#cache;
    const shareKey = key.text();
    if (!fetches.has(shareKey) && exchange.request.method === METHOD.GET) {
      const stored = revalidated(this.#cache, found);
      startFetch(this.#cache, this.#route, exchange, shareKey, stored, "nobody");
      // That used the key and the view of the object.
      if (this.#cache.find(exchange.request, this.#route.partition) !== "found") return this.#miss(exchange);
    }
    this.#cache.answer(exchange, found, age, "stale");
    return outcomeOf(exchange);
  }

  #revalidate(exchange: Exchange, found: StoredObject): StageOutcome {
    if (exchange.request.method === METHOD.HEAD) return this.#pass(exchange, this.#passed);
    return this.#fetch(exchange, found);
  }

  #miss(exchange: Exchange): StageOutcome {
    if (exchange.request.method === METHOD.HEAD) return this.#pass(exchange, this.#passed);
    return this.#fetch(exchange, undefined);
  }

  /** Joins the fetch of the same, or begins one that others may join. `cache.key` is the object's. */
  #fetch(exchange: Exchange, found: StoredObject | undefined): StageOutcome {
    const cache = this.#cache;
    const stored = found === undefined ? undefined : revalidated(cache, found);
    if (exchange.request.hasField(FIELD.authorization)) {
      startFetch(cache, this.#route, exchange, "", stored, "client");
      return outcomeOf(exchange);
    }
    const shareKey = cache.key.text();
    const known = cache.fetches.get(shareKey);
    if (known === undefined) startFetch(cache, this.#route, exchange, shareKey, stored, "client");
    else if (!known.join(exchange)) startFetch(cache, this.#route, exchange, "", stored, "client");
    return outcomeOf(exchange);
  }

  /** RFC 9111 section 5.2.1.7. */
  #refuse(exchange: Exchange): StageOutcome {
    this.#cache.note(exchange, "miss");
    exchange.notes.reason = "onlyIfCached";
    exchange.respondText(504, "Not in the cache\n", undefined);
    return "done";
  }

  #pass(exchange: Exchange, stages: readonly Stage[]): StageOutcome {
    this.#cache.note(exchange, "bypass");
    exchange.follow(stages);
    return "next";
  }
}

function receive(exchange: Exchange): Received {
  const { request } = exchange;
  const { method } = request;
  if (method !== METHOD.GET && method !== METHOD.HEAD) return isSafeMethod(method) ? "pass" : "passUnsafe";
  if (exchange.hasBody || request.upgrade) return "pass";
  return request.hasField(FIELD.range) || hasForeignCondition(request) ? "pass" : "lookup";
}

/** A chain, or a fetch that has failed at once, may have been answered within the call. */
function outcomeOf(exchange: Exchange): StageOutcome {
  return exchange.ended ? "done" : "wait";
}

/** Says on a passed response that the cache had no part in it (RFC 9211). */
class PassedResponse implements Stage {
  readonly #value: string;

  constructor(forwarded: "bypass" | "method") {
    this.#value = cacheStatusText({ hit: false, forwarded });
  }

  onRequest(): "next" {
    return "next";
  }

  onResponse(_exchange: Exchange, _head: Message, edits: FieldEdits): void {
    edits.add("cache-status", this.#value);
  }
}

/** Ends what is stored for the target of an unsafe request that succeeded (RFC 9111 section 4.4). */
class Invalidation implements Stage {
  readonly #cache: CacheProcess;
  readonly #partition: number;

  constructor(cache: CacheProcess, partition: number) {
    this.#cache = cache;
    this.#partition = partition;
  }

  onRequest(): "next" {
    return "next";
  }

  onResponse(exchange: Exchange, head: Message): void {
    const { request } = exchange;
    if (invalidates(request.method, head.status)) this.#cache.invalidate(request, this.#partition);
  }
}
