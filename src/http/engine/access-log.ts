/**
 * The access log: a JSON line for each exchange, or for one of so many. What is needed is copied when the exchange ends,
 * because its memory is used again at once; the line is made of it later, by the LineWriter.
 */
import type { DataPlaneConfig } from "#src/config/model.ts";
import type { Address } from "#src/net/address.ts";
import type { Clock } from "#src/process/clock.ts";
import type { LineQueue, LineWriter } from "#src/process/line-writer.ts";
import type { Message } from "../message.ts";
import { METHODS } from "../method.ts";
import type { FinishedExchange } from "./services.ts";

type AccessLogSettings = DataPlaneConfig["accessLog"];

export interface AccessLogOptions {
  readonly writer: LineWriter;
  readonly clock: Clock;
  readonly settings: AccessLogSettings;
}

/** Records that may wait for their line. */
const CAPACITY = 2048;
/** Bytes of method, host and path that are kept; longer ones are cut, so that a stranger cannot make lines long. */
const METHOD_BYTES = 32;
const HOST_BYTES = 255;
const PATH_BYTES = 1024;

const NOBODY: Address = { family: 4, host: "", port: 0 };
const VERSIONS: Readonly<Record<number, string>> = { 10: "1.0", 11: "1.1", 20: "2" };

export class AccessLog {
  readonly #queue: LineQueue<AccessRecord>;
  readonly #clock: Clock;
  /** Exchanges from one logged to the next; 0: none is. */
  #every = 0;
  #left = 0;

  constructor(options: AccessLogOptions) {
    this.#clock = options.clock;
    this.#queue = options.writer.queue({ capacity: CAPACITY, make: () => new AccessRecord(), format: formatLine });
    this.configure(options.settings);
  }

  /** In force from the next exchange on. */
  configure({ mode, sampleEvery }: AccessLogSettings): void {
    if (mode === "off") this.#every = 0;
    else this.#every = mode === "full" ? 1 : Math.max(1, sampleEvery);
    this.#left = this.#every;
  }

  /** Exchanges that were to be logged and are not, because the log's reader is slower than the traffic. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /** Hot: an exchange has ended. */
  onFinish(exchange: FinishedExchange, durationMs: number): void {
    if (this.#every === 0 || --this.#left > 0) return;
    this.#left = this.#every;
    this.#queue.take()?.fill(exchange, durationMs, this.#clock.wall());
  }
}

class AccessRecord {
  #client = NOBODY;
  #time = 0;
  #method = 0;
  #status = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #durationMs = 0;
  #version = 0;
  #tls = "";
  #gateway = "";
  #route = "";
  #backend = "";
  #endpoint = "";
  #upstreamMs = -1;
  #cache = "";
  #retries = 0;
  #reason = "";
  /** Method (when it is not one of METHODS), host and path, one behind the other. */
  readonly #text = new Uint8Array(METHOD_BYTES + HOST_BYTES + PATH_BYTES);
  #methodEnd = 0;
  #hostEnd = 0;
  #pathEnd = 0;

  fill(exchange: FinishedExchange, durationMs: number, time: number): void {
    const { notes, request } = exchange;
    this.#client = exchange.client;
    this.#time = time;
    this.#status = exchange.status;
    this.#bytesIn = exchange.bytesIn;
    this.#bytesOut = exchange.bytesOut;
    this.#durationMs = durationMs;
    this.#version = exchange.version;
    this.#tls = exchange.tls === undefined ? "" : exchange.tls.version;
    this.#gateway = notes.gateway;
    this.#route = notes.route;
    this.#backend = notes.backend;
    this.#endpoint = notes.endpoint;
    this.#upstreamMs = notes.upstreamMs;
    this.#cache = notes.cache;
    this.#retries = notes.retries;
    this.#reason = notes.reason === "" ? exchange.aborted : notes.reason;
    this.#copyText(request);
  }

  #copyText(request: Message): void {
    this.#method = request.method;
    const methodEnd = request.method === 0 ? request.methodEnd : request.methodStart;
    this.#methodEnd = this.#copy(request.bytes, request.methodStart, methodEnd, 0, METHOD_BYTES);
    this.#hostEnd = this.#copy(request.bytes, request.authorityStart, request.hostEnd, this.#methodEnd, HOST_BYTES);
    this.#pathEnd = this.#copy(request.bytes, request.targetStart, request.pathEnd, this.#hostEnd, PATH_BYTES);
  }

  /** They are short: a loop is faster than making a view for `set`. Index behind the copy. */
  #copy(bytes: Uint8Array, start: number, end: number, at: number, most: number): number {
    const length = Math.min(end - start, most);
    for (let i = 0; i < length; i++) this.#text[at + i] = bytes[start + i]!;
    return at + length;
  }

  #textOf(start: number, end: number): string {
    return Buffer.from(this.#text.buffer, start, end - start).toString("latin1");
  }

  toJSON(): object {
    return {
      time: new Date(this.#time).toISOString(),
      client: this.#client.host,
      method: this.#method > 0 ? METHODS[this.#method] : this.#textOf(0, this.#methodEnd),
      host: this.#textOf(this.#methodEnd, this.#hostEnd).toLowerCase(),
      path: this.#textOf(this.#hostEnd, this.#pathEnd),
      status: this.#status,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      durationMs: inMicroseconds(this.#durationMs),
      gateway: this.#gateway,
      route: this.#route,
      backend: this.#backend,
      endpoint: this.#endpoint,
      upstreamMs: inMicroseconds(this.#upstreamMs),
      cache: this.#cache,
      retries: this.#retries,
      reason: this.#reason,
      version: VERSIONS[this.#version] ?? "",
      tls: this.#tls,
    };
  }
}

const formatLine = (record: AccessRecord): string => JSON.stringify(record);

/** Milliseconds with at most three digits behind the point. */
const inMicroseconds = (ms: number): number => Math.round(ms * 1000) / 1000;
