/** Scripts in place of clients and origins, and a main and a data process over one piece of memory. */
import type { AbortReason, BodySink, Exchange, ExchangeNotes, PreparedResponse, ResponseSource } from "#src/http/exchange.ts";
import type { FieldEdits } from "#src/http/field-edits.ts";
import { BODY, Message } from "#src/http/message.ts";
import type { Stage } from "#src/http/stage.ts";
import type { UpstreamCall, UpstreamErrorSource, UpstreamPool, UpstreamReceiver, UpstreamRequest } from "#src/http/upstream.ts";
import type { Address } from "#src/net/address.ts";
import assert from "node:assert/strict";
import { TimerWheel } from "#src/reactor/timer-wheel.ts";
import { SPAN_BYTES } from "#src/memory/layout.ts";
import { Segment } from "#src/memory/segment.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { Held } from "#src/reactor/stream.ts";
import { CacheProcess } from "../cache-process.ts";
import type { CacheOutcome } from "../counters.ts";
import { CacheStage } from "../request.ts";
import type { CacheRoute } from "../route.ts";
import { CacheWriter } from "../store/cache-writer.ts";
import { requestHead, responseHead } from "./head.ts";

const ADDRESS: Address = { host: "192.0.2.1", port: 5000, family: 4 };

export class FakeExchange implements Exchange {
  readonly request: Message;
  readonly version: number;
  readonly client = ADDRESS;
  readonly local = ADDRESS;
  readonly tls = undefined;
  readonly notes: ExchangeNotes = {
    gateway: "",
    route: "",
    backend: "",
    endpoint: "",
    cache: "",
    upstreamMs: -1,
    retries: 0,
    reason: "",
  };
  startedAt = 0;
  readonly hasBody = false;
  ended = false;
  source: ResponseSource | undefined = undefined;
  followed: readonly Stage[] = [];
  status = 0;
  /** Field lines as the client would see them, names in lower case. */
  fields: string[] = [];
  /** HPACK block of a prepared response. */
  h2 = Buffer.alloc(0);
  prepared = false;
  failed = "";
  /** Writes that the client takes before it asks for a pause; each drain gives as many again. */
  room = Infinity;
  readonly held: Held[] = [];
  #left = Infinity;
  readonly #parts: Buffer[] = [];

  constructor(request: Message, version = 11) {
    this.request = request;
    this.version = version;
  }

  get body(): string {
    return Buffer.concat(this.#parts).toString("latin1");
  }

  field(name: string): string | undefined {
    return this.fields.findLast((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  }

  follow(stages: readonly Stage[]): void {
    this.followed = stages;
  }

  proceed(): void {}
  keepRequest(): void {}
  letGo(): void {}
  readBody(_sink: BodySink): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  inform(): void {}

  respond(head: Message, edits: FieldEdits | undefined): void {
    if (this.status !== 0) throw new Error("a second response");
    this.status = head.status;
    this.#left = this.room;
    for (let i = 0; i < head.fieldCount; i++) {
      if (edits?.removedIds[head.ids[i]!] !== 1 || head.ids[i] === 0)
        this.fields.push(`${head.name(i).toLowerCase()}: ${head.value(i)}`);
    }
    for (const { name, value } of edits?.added ?? []) this.fields.push(`${Buffer.from(name)}: ${Buffer.from(value)}`);
    if (head.body === BODY.length) this.fields.push(`content-length: ${head.contentLength}`);
  }

  respondPrepared(prepared: PreparedResponse): void {
    if (this.status !== 0) throw new Error("a second response");
    const { bytes } = prepared.slab;
    const [first, ...lines] = Buffer.from(bytes.subarray(prepared.h1Start, prepared.h1End)).toString("latin1").split("\r\n");
    this.prepared = true;
    this.status = Number(first!.split(" ")[1]);
    this.fields = lines.slice(0, -1);
    if (prepared.age >= 0) this.fields.push(`age: ${prepared.age}`);
    this.h2 = Buffer.from(bytes.slice(prepared.h2Start, prepared.h2End));
    this.#parts.push(Buffer.from(bytes.slice(prepared.bodyStart, prepared.bodyEnd)));
    if (prepared.held !== undefined) this.held.push(prepared.held);
    this.ended = true;
  }

  respondText(status: number, text: string): void {
    this.status = status;
    this.#parts.push(Buffer.from(text));
    this.ended = true;
  }

  write(slab: Slab, start: number, end: number, held?: Held): boolean {
    this.#parts.push(Buffer.from(slab.bytes.slice(start, end)));
    if (held !== undefined) this.held.push(held);
    return --this.#left > 0;
  }

  end(): void {
    if (this.ended) throw new Error("a second end");
    this.ended = true;
  }

  fail(status: number, reason: AbortReason, detail: string): void {
    if (this.status === 0) this.status = status;
    this.failed = `${reason}: ${detail}`;
    this.ended = true;
  }

  upgrade(): undefined {
    return undefined;
  }

  /** The client has taken all that was written. */
  drain(): void {
    for (const held of this.held.splice(0)) held.release();
    this.#left = this.room;
    this.source?.onDrain(this);
  }

  leave(): void {
    this.ended = true;
    for (const held of this.held.splice(0)) held.release();
    this.source?.onAbort(this, "clientClosed");
  }
}

/** One request that reached the origin; the test plays the answer. */
export class FakeCall implements UpstreamCall {
  readonly endpoint = "192.0.2.9:80";
  readonly retries = 0;
  readonly request: Message;
  /** Added field lines. */
  readonly added: readonly string[];
  readonly receiver: UpstreamReceiver;
  cancelled = false;
  resumed = 0;

  constructor(request: UpstreamRequest, receiver: UpstreamReceiver) {
    this.request = request.head;
    this.added = (request.edits?.added ?? []).map(({ name, value }) => `${Buffer.from(name)}: ${Buffer.from(value)}`);
    this.receiver = receiver;
  }

  write(): boolean {
    return true;
  }

  end(): void {}
  pause(): void {}

  resume(): void {
    this.resumed++;
  }

  cancel(): void {
    this.cancelled = true;
  }

  head(status: number, ...fields: string[]): void {
    this.receiver.onResponse(this, responseHead(status, ...fields));
  }

  body(text: string): boolean {
    const slab = new Slab(Math.max(1, text.length));
    slab.bytes.set(Buffer.from(text, "latin1"));
    const goesOn = this.receiver.onBody(this, slab, 0, text.length);
    // Nothing survives the call.
    slab.bytes.fill(0);
    return goesOn;
  }

  finish(): void {
    this.receiver.onBodyEnd(this, undefined);
  }

  fail(source: UpstreamErrorSource): void {
    this.receiver.onFail(this, { source, retryable: false, detail: `no ${source}`, endpoint: this.endpoint, retries: this.retries });
  }

  /** A whole answer. */
  answer(status: number, text: string, ...fields: string[]): void {
    this.head(status, `Content-Length: ${text.length}`, ...fields);
    if (text !== "") this.body(text);
    this.finish();
  }
}

export class Script implements UpstreamPool {
  readonly calls: FakeCall[] = [];
  readonly outcomes: CacheOutcome[] = [];
  originBytes = 0;
  now = Date.UTC(2026, 0, 1);
  /** Milliseconds of the clock of exchanges. */
  readonly clock = { now: 0, startTick: () => {}, cancelTick: () => {}, fault: (error: unknown) => assert.ifError(error) };
  readonly deadlines: TimerWheel = new TimerWheel(this.clock);
  /** What the next request fails with, at once. */
  refuses: UpstreamErrorSource | undefined;
  readonly main: CacheWriter;
  readonly process: CacheProcess;
  readonly stage: CacheStage;

  constructor(route: Partial<CacheRoute> = {}, maxGatheredBytes = 1 << 26) {
    const { clock, deadlines } = this;
    const segment = Segment.local({
      processes: 2,
      counters: 0,
      gauges: 0,
      healthTargets: 0,
      slots: 1024,
      arenaBytes: SPAN_BYTES * 16,
    });
    this.main = new CacheWriter({ segment, wake: () => {} });
    this.process = new CacheProcess({
      loop: { get now() { return clock.now; }, deadlines },
      segment,
      row: 1,
      counters: { onOutcome: (outcome) => this.outcomes.push(outcome), onOriginBytes: (bytes) => (this.originBytes += bytes) },
      wakeMain: () => {},
      wall: () => this.now,
      maxGatheredBytes,
    });
    this.process.reader.reader.enter();
    this.stage = new CacheStage(this.process, {
      partition: 1,
      pool: this,
      editRequest: (_exchange, edits) => edits.add("x-forwarded-proto", "http"),
      headTimeoutMs: 1000,
      requestTimeoutMs: 0,
      maxObjectBytes: 1 << 20,
      ...route,
    });
  }

  request(request: UpstreamRequest, receiver: UpstreamReceiver): UpstreamCall {
    const call = new FakeCall(request, receiver);
    this.calls.push(call);
    const { refuses } = this;
    if (refuses !== undefined) call.fail(refuses);
    return call;
  }

  /** A request of a client. Throws when the stage's outcome is not what the exchange shows. */
  get(line: string, ...fields: string[]): FakeExchange {
    return this.run(new FakeExchange(requestHead(line.includes(" ") ? line : `GET ${line}`, ...fields)));
  }

  run(exchange: FakeExchange): FakeExchange {
    exchange.startedAt = this.clock.now;
    const outcome = this.stage.onRequest(exchange);
    const expected = exchange.followed.length > 0 ? "next" : exchange.ended ? "done" : "wait";
    if (outcome !== expected) throw new Error(`the stage said ${outcome} for ${expected}`);
    return exchange;
  }

  /** Main and data process do what the rings hold. */
  turn(): void {
    for (let i = 0; i < 3; i++) {
      this.main.onWake();
      this.process.lessee.onWake();
    }
  }

  /** Fetches and stores. */
  fill(line: string, text: string, ...fields: string[]): void {
    this.get(line);
    this.calls.at(-1)!.answer(200, text, ...fields);
    this.turn();
  }

  /** Deadlines come. */
  pass(ms: number): void {
    this.clock.now += ms;
    this.deadlines.tick();
  }

  later(seconds: number): void {
    this.now += seconds * 1000;
  }
}

