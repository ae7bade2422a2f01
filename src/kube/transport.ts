/** Requests to the API server over HTTP/1.1: each watch has a connection, the others share a few. */
import {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
  request as requestHttp,
} from "node:http";
import { request as requestHttps } from "node:https";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { urlToHttpOptions } from "node:url";
import type { KubeFailure, KubeReply, KubeRequest, KubeStream } from "./request.ts";

/** What a request carries besides its own: agent, TLS and credentials. */
export interface Access extends Pick<RequestOptions, "agent" | "auth"> {
  readonly headers: OutgoingHttpHeaders;
}

const TIMEOUT_MS = 30_000;
/** Three SYNs (RFC 6298 section 2): a connection begun before the server is there would wait longer for the fourth. */
const CONNECT_TIMEOUT_MS = 4000;
const MAX_BYTES = 64 * 1024 * 1024;
/** However long the server asks to wait: it may be a mistake. */
const MAX_RETRY_AFTER_MS = 60_000;

type Failure = KubeFailure["failure"];

/** `server` may have a path of its own, before those of the API. */
export class Transport {
  readonly #server: URL;
  readonly #access: () => Promise<Access>;

  /** `access` is asked before each request; what it rejects with is a failure of the request. */
  constructor(server: string, access: () => Promise<Access>) {
    this.#server = new URL(server);
    this.#access = access;
  }

  async request(request: KubeRequest): Promise<KubeReply> {
    const exchange = new Exchange(request.timeoutMs ?? TIMEOUT_MS, request.signal);
    const reply = await this.#exchange(exchange, request);
    // A connection that was kept may have been closed just as it was used; reading again changes nothing.
    const isStale = reply.status === undefined && exchange.wasReused && request.method === "GET";
    const final = isStale && reply.failure === "cut" ? await this.#exchange(exchange, request) : reply;
    exchange.end();
    return final;
  }

  async stream(request: KubeRequest): Promise<KubeStream | KubeReply> {
    const exchange = new Exchange(request.timeoutMs ?? TIMEOUT_MS, request.signal);
    const head = await this.#send(exchange, request);
    if ("failure" in head) {
      exchange.end();
      return head;
    }
    if (head.statusCode !== 200) {
      const reply = await readReply(exchange, head, request.maxBytes ?? MAX_BYTES);
      exchange.end();
      return reply;
    }
    exchange.disarm();
    head.once("close", () => exchange.end());
    return { status: 200, chunks: head, close: () => head.destroy() };
  }

  async #exchange(exchange: Exchange, request: KubeRequest): Promise<KubeReply> {
    const head = await this.#send(exchange, request);
    return "failure" in head ? head : readReply(exchange, head, request.maxBytes ?? MAX_BYTES);
  }

  /** Resolves with the answer's head. */
  async #send(exchange: Exchange, request: KubeRequest): Promise<IncomingMessage | KubeFailure> {
    let access: Access;
    try {
      access = await exchange.within(this.#access());
    } catch (error) {
      return exchange.failure("credentials", error);
    }
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body.value));
    const options: RequestOptions = {
      ...urlToHttpOptions(this.#urlOf(request)),
      ...access,
      method: request.method,
      headers: {
        ...access.headers,
        // The API server's own kinds as JSON, and what has a media type of its own (its token keys).
        accept: "application/json, */*",
        "user-agent": "fairway",
        ...(body && { "content-type": request.body!.type, "content-length": body.length }),
      },
    };
    return new Promise((resolve) => {
      const sent = this.#server.protocol === "https:" ? requestHttps(options) : requestHttp(options);
      exchange.carry(sent);
      sent.once("socket", limitConnecting);
      sent.once("response", resolve);
      sent.on("error", (error) => resolve(exchange.failure(sent.reusedSocket ? "cut" : "unreachable", error)));
      sent.end(body);
    });
  }

  #urlOf({ path, query = {} }: KubeRequest): URL {
    const url = new URL(this.#server);
    url.pathname = `${url.pathname.replace(/\/$/, "")}${path}`;
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }
}

/** The limits of one request: its time, and the caller's signal. */
class Exchange {
  readonly #signal: AbortSignal | undefined;
  readonly #stop = (): void => this.#end("stopped");
  readonly #ended = Promise.withResolvers<never>();
  #timer: NodeJS.Timeout | undefined;
  #request: ClientRequest | undefined;
  #reason: "timeout" | "stopped" | undefined;

  constructor(timeoutMs: number, signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.#ended.promise.catch(() => {});
    this.#timer = setTimeout(() => this.#end("timeout"), timeoutMs);
    signal?.addEventListener("abort", this.#stop);
    if (signal?.aborted === true) this.#end("stopped");
  }

  get wasReused(): boolean {
    return this.#request?.reusedSocket === true;
  }

  /** The promise, or a rejection when the request ends before. */
  within<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#ended.promise]);
  }

  carry(request: ClientRequest): void {
    this.#request = request;
    if (this.#reason !== undefined) request.destroy(new Error(this.#reason));
  }

  /** From now on only the caller's signal ends it. */
  disarm(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    this.disarm();
    this.#signal?.removeEventListener("abort", this.#stop);
  }

  /** What went wrong, or that we ended it ourselves. */
  failure(failure: Failure, error: unknown): KubeFailure {
    const reason = error instanceof Error && error.message !== "" ? error.message : codeOf(error);
    if (this.#reason === undefined) return { status: undefined, failure, reason };
    return {
      status: undefined,
      failure: this.#reason,
      reason: this.#reason === "timeout" ? "no answer in time" : "stopped",
    };
  }

  #end(reason: "timeout" | "stopped"): void {
    this.#reason ??= reason;
    this.#ended.reject(new Error(reason));
    this.#request?.destroy(new Error(reason));
  }
}

function limitConnecting(socket: Socket): void {
  if (!socket.connecting) return;
  const timer = setTimeout(() => socket.destroy(new Error("cannot connect in time")), CONNECT_TIMEOUT_MS);
  for (const event of [socket instanceof TLSSocket ? "secureConnect" : "connect", "close"])
    socket.once(event, () => clearTimeout(timer));
}

async function readReply(exchange: Exchange, head: IncomingMessage, maxBytes: number): Promise<KubeReply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of head as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes)
        return { status: undefined, failure: "tooLarge", reason: `answer of more than ${maxBytes} bytes` };
      chunks.push(chunk);
    }
  } catch (error) {
    return exchange.failure("cut", error);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const status = head.statusCode ?? 0;
  const retryAfterMs = parseRetryAfter(head.headers["retry-after"], Date.now());
  if (!/\bjson\b/.test(head.headers["content-type"] ?? "")) return { status, body: text, retryAfterMs };
  try {
    const body: unknown = JSON.parse(text);
    return { status, body, retryAfterMs };
  } catch (error) {
    return exchange.failure("malformed", error);
  }
}

/** Seconds, or a date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(field: string | undefined, now: number): number | undefined {
  if (field === undefined) return undefined;
  const ms = /^\d+$/.test(field) ? Number(field) * 1000 : Date.parse(field) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

/** An AggregateError of several addresses has no message. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
}
