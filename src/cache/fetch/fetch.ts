/**
 * One request to an origin and all who wait for it. A response that may be stored is gathered in private memory, from
 * where each client gets it at its own pace; any other is passed on to the one who asked, who slows the origin down.
 * Whole and storable, it goes to shared memory; until others can find it there, they still join here.
 */
import type { AbortReason, Exchange } from "#src/http/exchange.ts";
import { BODY, type Message } from "#src/http/message.ts";
import type { UpstreamCall, UpstreamError, UpstreamReceiver } from "#src/http/upstream.ts";
import type { Slab } from "#src/reactor/slab.ts";
import type { Stream } from "#src/reactor/stream.ts";
import type { CacheProcess } from "../cache-process.ts";
import { askedBy } from "../policy/cache-control.ts";
import { currentAge } from "../policy/freshness.ts";
import { mayServeOnError, reuse } from "../policy/reuse.ts";
import { revalidationOutcome } from "../policy/revalidation.ts";
import { readHead, renewHead } from "../store/stored-head.ts";
import { type Arrival, judge } from "./arrival.ts";
import { failureOf } from "./failure.ts";
import { Gathering } from "./gathering.ts";
import { copyOfHead } from "./head-copy.ts";
import type { FetchPlan } from "./plan.ts";
import { Recipient } from "./recipient.ts";
import { respondFetched } from "./respond.ts";
import { conditionalEdits, type Revalidated } from "./revalidated.ts";
import { isSameVariant } from "./same-variant.ts";
import { storeResponse } from "./store-response.ts";
import type { StoreOutcome, StoreWaiter } from "./storing.ts";

/** With no client left, a body that lacks no more than this is fetched to its end. */
const LITTLE_LEFT = 512 * 1024;

/** "asking": no head yet. "passing": not kept. "complete": all is here, clients still take it. */
type State = "asking" | "gathering" | "passing" | "complete" | "over";

export class Fetch implements UpstreamReceiver, StoreWaiter {
  readonly baseKey: string;
  readonly #cache: CacheProcess;
  readonly #plan: FetchPlan;
  readonly #recipients: Recipient[] = [];
  #stored: Revalidated | undefined;
  #state: State = "asking";
  #call: UpstreamCall | undefined;
  #endpoint = "";
  #retries = 0;
  #backend = "";
  /** The stored response went while the origin said that it is good: the whole is asked for. */
  #asksAgain = false;
  #requestedAt = 0;
  #head: Message | undefined;
  #arrival: Arrival | undefined;
  readonly #gathering: Gathering;
  #refreshed = false;
  #storing = false;
  #invalidated = false;

  constructor(cache: CacheProcess, plan: FetchPlan) {
    this.#cache = cache;
    this.#plan = plan;
    this.#stored = plan.stored;
    this.#gathering = new Gathering(cache, plan.route.maxObjectBytes);
    this.baseKey = plan.baseKey;
    cache.open.add(this);
    if (plan.shareKey !== "") cache.fetches.set(plan.shareKey, this);
  }

  /** The exchange whose request this is. Before `begin`. */
  lead(exchange: Exchange): void {
    this.#add(new Recipient(this, this.#cache.loop, exchange, true));
  }

  /** Sends the request. Its failure may come before this returns. */
  begin(): void {
    const { route, request, edits } = this.#plan;
    const { pool, headTimeoutMs } = route;
    this.#requestedAt = this.#cache.wall();
    const asked = this.#stored === undefined ? edits : conditionalEdits(edits, this.#stored);
    const call = pool.request({ head: request, edits: asked, hasBody: false, key: 0, headTimeoutMs }, this);
    this.#backend = route.chosen?.backend ?? "";
    this.#call ??= call;
  }

  /** Another client with the same key. False: it must ask for itself. */
  join(exchange: Exchange): boolean {
    if (this.#state !== "asking" && !this.#mayShareWith(exchange)) return false;
    const recipient = new Recipient(this, this.#cache.loop, exchange, false);
    exchange.keepRequest();
    this.#add(recipient);
    if (this.#state !== "asking") {
      this.#respond(recipient);
      this.#serve(recipient);
    }
    return true;
  }

  /** What is being fetched was changed at the origin: it still answers those who wait, and is not kept. */
  invalidate(): void {
    this.#invalidated = true;
    this.#unlist();
  }

  onInform(_call: UpstreamCall, head: Message): void {
    if (this.#state !== "asking") return;
    for (const recipient of this.#recipients) if (recipient.leads) recipient.exchange.inform(head.status, head);
  }

  onResponse(call: UpstreamCall, head: Message): void {
    if (this.#state !== "asking") return;
    this.#call = call;
    this.#endpoint = call.endpoint;
    this.#retries = call.retries;
    const outcome = this.#stored === undefined ? "replace" : revalidationOutcome(head.status);
    if (outcome === "refresh") this.#refresh(head);
    else if (outcome !== "error" || !this.#serveStale()) this.#arrive(copyOfHead(head));
  }

  onBody(_call: UpstreamCall, slab: Slab, start: number, end: number): boolean {
    if (this.#state === "over") return true;
    this.#cache.counters.onOriginBytes(end - start);
    if (this.#state === "passing") return this.#pass(slab, start, end);
    if (this.#state !== "gathering" || this.#refreshed) return true;
    this.#gathering.append(slab, start, end);
    if (this.#gathering.exceeded) this.#unlist();
    for (let i = this.#recipients.length - 1; i >= 0; i--) this.#recipients[i]?.take(this.#gathering.body);
    return !this.#gathering.exceeded || this.#passFromHere();
  }

  onBodyEnd(_call: UpstreamCall, trailers: Message | undefined): void {
    // The call may serve somebody else from here on.
    this.#call = undefined;
    if (this.#asksAgain) {
      this.#asksAgain = false;
      this.begin();
    } else if (this.#state === "passing") {
      this.#over();
      for (const { exchange } of this.#takeRecipients()) exchange.end(trailers);
    } else if (this.#state === "gathering") this.#complete();
  }

  onUpgrade(_call: UpstreamCall, _head: Message, stream: Stream, _rest: Uint8Array): void {
    stream.abort("error");
    this.#call = undefined;
    if (this.#state !== "over") this.#fail(502, "upstreamFailed", "the origin switched protocols unasked");
  }

  onFail(_call: UpstreamCall, error: UpstreamError): void {
    this.#call = undefined;
    if (this.#state === "over" || this.#state === "complete") return;
    if (this.#state === "asking" && this.#serveStale()) return;
    this.#retries = error.retries;
    const { status, reason } = failureOf(error.source);
    this.#fail(status, reason, error.detail);
  }

  onDrain(): void {}

  onRecipientDrain(recipient: Recipient): void {
    if (this.#state === "passing") this.#resumeWhenFree();
    else if (this.#state === "gathering" || this.#state === "complete") {
      this.#serve(recipient);
      if (this.#gathering.exceeded && this.#state === "gathering" && this.#passFromHere()) this.#call?.resume();
    }
  }

  /** A request has taken too long as a whole; others may have more time. */
  onRecipientDue(recipient: Recipient): void {
    const { exchange } = recipient;
    if (this.#state === "asking") this.#cache.note(exchange, "miss");
    exchange.notes.backend = this.#backend;
    this.leave(recipient);
    exchange.fail(504, "upstreamTimeout", "timeout: no complete response in time");
  }

  /** A client has gone. */
  leave(recipient: Recipient): void {
    this.#remove(recipient);
    if (this.#recipients.length > 0) {
      if (this.#state === "passing") this.#resumeWhenFree();
      else if (this.#gathering.exceeded && this.#state === "gathering" && this.#passFromHere()) this.#call?.resume();
    } else if (this.#state === "complete") this.#release();
    else if (this.#state !== "over" && !this.#isWorthGoingOn()) {
      this.#over();
    }
  }

  onStored(outcome: StoreOutcome): void {
    this.#storing = false;
    // An unsafe request came by while it was on its way.
    if (this.#invalidated && outcome === "stored")
      this.#cache.invalidate(this.#plan.request, this.#plan.route.partition);
    this.#unlist();
    this.#release();
  }

  #add(recipient: Recipient): void {
    this.#recipients.push(recipient);
    recipient.exchange.source = recipient;
    recipient.wait(this.#plan.route.requestTimeoutMs);
  }

  /** 304: the stored response goes on with a renewed head. When it has been evicted meanwhile, the whole is asked for. */
  #refresh(renewal: Message): void {
    const { segment, reader } = this.#cache;
    const { found } = reader;
    if (!this.#findStored()) {
      this.#stored = undefined;
      this.#asksAgain = true;
      return;
    }
    const { bytes } = segment.slabOf(found.unit);
    const stored = readHead(bytes, found.keyEnd, found.h1End, found.status);
    this.#refreshed = true;
    this.#gathering.begin(found.bodyLength);
    found.eachPart((slab, start, end) => this.#gathering.append(slab, start, end));
    // It was within the limits when it was stored.
    this.#gathering.exceeded = false;
    this.#arrive(renewHead(stored, renewal));
  }

  /** A head with which a response begins for all who wait. */
  #arrive(head: Message): void {
    const { route, request } = this.#plan;
    const arrival = judge(request, head, this.#requestedAt, this.#cache.wall());
    this.#head = head;
    const isTooLarge = head.contentLength > route.maxObjectBytes && !this.#refreshed;
    this.#arrival = isTooLarge ? { ...arrival, verdict: "tooLarge" } : arrival;
    const isKept = this.#arrival.verdict === "storable";
    if (!isKept) this.#forgetStored(head.status);
    if (!isKept) this.#unlist();
    if (isKept || this.#refreshed) this.#state = "gathering";
    else this.#state = "passing";
    if (!this.#refreshed) this.#gathering.begin(head.contentLength);
    const alone: Exchange[] = [];
    for (const recipient of this.#recipients.slice()) {
      if (recipient.leads || (isKept && this.#mayShareWith(recipient.exchange))) {
        this.#respond(recipient);
        recipient.take(this.#gathering.body);
      } else {
        this.#remove(recipient);
        alone.push(recipient.exchange);
      }
    }
    if (this.#recipients.length === 0 && this.#state === "passing") {
      this.#over();
    }
    for (const exchange of alone) this.#plan.fetchAlone(exchange);
  }

  /** A response that replaces the stored one, and may not be stored itself, ends it. */
  #forgetStored(status: number): void {
    if (this.#stored !== undefined && status < 500) this.#cache.lessee.remove(this.#stored.slot, this.#stored.unit);
  }

  #mayShareWith(exchange: Exchange): boolean {
    const arrival = this.#arrival;
    if (arrival?.verdict !== "storable" || this.#invalidated || this.#gathering.exceeded) return false;
    const asked = askedBy(exchange.request);
    if (reuse(arrival, this.#age(arrival), asked) !== "fresh") return false;
    return isSameVariant(this.#plan.request, exchange.request, arrival.vary);
  }

  #age(arrival: Arrival): number {
    return currentAge(arrival.initialAge, arrival.receivedAt, this.#cache.wall());
  }

  #respond(recipient: Recipient): void {
    const { exchange, leads } = recipient;
    const head = this.#head!;
    const arrival = this.#arrival!;
    const outcome = !leads ? "collapsed" : this.#plan.stored === undefined || !this.#refreshed ? "miss" : "revalidated";
    this.#cache.note(exchange, outcome);
    exchange.notes.endpoint = this.#endpoint;
    exchange.notes.backend = this.#backend;
    exchange.notes.upstreamMs = Math.max(0, arrival.receivedAt - this.#requestedAt);
    // One fetch, however many clients share it.
    if (leads) exchange.notes.retries = this.#retries;
    const isAnswered = respondFetched(exchange, head, arrival, {
      age: leads && !this.#refreshed ? -1 : this.#age(arrival),
      forwarded: this.#plan.stored === undefined ? "uri-miss" : "stale",
      refreshed: this.#refreshed,
      collapsed: !leads,
      now: this.#cache.wall(),
    });
    if (isAnswered) this.#remove(recipient);
  }

  #serve(recipient: Recipient): void {
    recipient.take(this.#gathering.body);
    if (this.#state !== "complete" || recipient.gone || recipient.position < this.#gathering.body.length) return;
    this.#remove(recipient);
    recipient.exchange.end();
    this.#release();
  }

  /** Too large to keep: once all clients have what was gathered, the rest goes straight through. True when that is so. */
  #passFromHere(): boolean {
    for (const { position } of this.#recipients) if (position < this.#gathering.body.length) return false;
    if (this.#recipients.length === 0) {
      this.#over();
      return true;
    }
    this.#state = "passing";
    this.#gathering.begin(-1);
    return this.#isFree();
  }

  #pass(slab: Slab, start: number, end: number): boolean {
    for (let i = this.#recipients.length - 1; i >= 0; i--) {
      const recipient = this.#recipients[i];
      if (recipient !== undefined && !recipient.exchange.write(slab, start, end)) recipient.blocked = true;
    }
    return this.#isFree();
  }

  #isFree(): boolean {
    for (const { blocked } of this.#recipients) if (blocked) return false;
    return true;
  }

  #resumeWhenFree(): void {
    if (this.#isFree()) this.#call?.resume();
  }

  #complete(): void {
    const head = this.#head!;
    if (head.body === BODY.length && head.contentLength !== this.#gathering.body.length) {
      this.#fail(502, "upstreamFailed", "the body is not as long as its head says");
      return;
    }
    this.#state = "complete";
    const isKept = this.#arrival!.verdict === "storable" && !this.#gathering.exceeded && !this.#invalidated;
    if (isKept)
      this.#storing = storeResponse(this.#cache, this.#plan, head, this.#arrival!, this.#gathering.body, this);
    if (!this.#storing) this.#unlist();
    for (const recipient of this.#recipients.slice()) this.#serve(recipient);
    this.#release();
  }

  #findStored(): boolean {
    const { request, route } = this.#plan;
    const { found } = this.#cache.reader;
    return this.#cache.find(request, route.partition) === "found" && found.unit === this.#stored?.unit;
  }

  /** The origin failed: those who wait get the stored response, when it allows that (RFC 5861 section 4). */
  #serveStale(): boolean {
    const { found } = this.#cache.reader;
    if (this.#stored === undefined || !this.#findStored()) return false;
    const age = this.#cache.ageOf(found);
    const isAllowed = mayServeOnError(found, found.staleIfError, age, askedBy(this.#plan.request));
    if (!isAllowed && this.#recipients.length > 0) return false;
    this.#over();
    // Answering one client may have looked up something else, so each looks again.
    for (const { exchange } of this.#takeRecipients())
      if (this.#findStored()) this.#cache.answer(exchange, found, age, "stale");
    return true;
  }

  #fail(status: number, reason: AbortReason, detail: string): void {
    const isEarly = this.#state === "asking";
    this.#over();
    for (const { exchange, leads } of this.#takeRecipients()) {
      if (leads) exchange.notes.retries = this.#retries;
      if (isEarly) this.#cache.note(exchange, "miss");
      exchange.notes.backend = this.#backend;
      exchange.fail(status, reason, detail);
    }
  }

  #isWorthGoingOn(): boolean {
    if (this.#plan.background && this.#state !== "passing") return !this.#gathering.exceeded;
    const left = (this.#head?.contentLength ?? -1) - this.#gathering.body.length;
    return this.#state === "gathering" && !this.#gathering.exceeded && left >= 0 && left <= LITTLE_LEFT;
  }

  #takeRecipients(): Recipient[] {
    const all = this.#recipients.splice(0);
    for (const recipient of all) recipient.release();
    return all;
  }

  #remove(recipient: Recipient): void {
    recipient.release();
    const index = this.#recipients.indexOf(recipient);
    if (index >= 0) this.#recipients.splice(index, 1);
  }

  /** Nobody else may join. */
  #unlist(): void {
    const { shareKey } = this.#plan;
    if (shareKey !== "" && this.#cache.fetches.get(shareKey) === this) this.#cache.fetches.delete(shareKey);
  }

  /** The end, before the response's when nobody wants it any more. */
  #over(): void {
    this.#state = "over";
    this.#call?.cancel();
    this.#call = undefined;
    this.#unlist();
    this.#cache.open.delete(this);
    this.#gathering.release();
  }

  #release(): void {
    if (this.#state === "complete" && !this.#storing && this.#recipients.length === 0) this.#over();
  }
}
