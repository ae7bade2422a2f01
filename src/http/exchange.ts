/**
 * One request and its response, on an HTTP/1.1 connection or an HTTP/2 stream. Stages (stage.ts) see only this.
 * All calls happen inside a reactor batch. Memory rule: `request`'s ranges and every (slab, start, end) handed to a
 * callback are valid only until that call returns; `keepRequest` copies the head for whoever answers later.
 */
import type { Address } from "#src/net/address.ts";
import type { Slab } from "#src/reactor/slab.ts";
import type { Held, Stream, StreamHandler, TlsInfo } from "#src/reactor/stream.ts";
import type { FieldEdits } from "./field-edits.ts";
import type { Message } from "./message.ts";
import type { Stage } from "./stage.ts";

/** Why an exchange did not end as it should; a metric label and a log value. */
export type AbortReason =
  | "clientClosed"
  | "clientReset"
  | "clientTimeout"
  | "badRequest"
  | "bodyTooLarge"
  | "upstreamFailed"
  | "upstreamTimeout"
  | "overloaded"
  | "shutdown"
  | "error";

/** Where a request's body goes. */
export interface BodySink {
  /** False asks for a pause: no more until `exchange.resumeBody()`. The chunk itself was taken either way. */
  onBody(exchange: Exchange, slab: Slab, start: number, end: number): boolean;
  /** The body is complete. `trailers` is undefined when there were none; valid only during the call. */
  onBodyEnd(exchange: Exchange, trailers: Message | undefined): void;
}

/** Who produces the response, when it is not produced within the stage's call. */
export interface ResponseSource {
  /** All bytes written so far have gone out, after `write` had returned false. */
  onDrain(exchange: Exchange): void;
  /** The client has gone, or the exchange was failed: nothing more can be written. Called at most once, and not after `end`. */
  onAbort(exchange: Exchange, reason: AbortReason): void;
}

/**
 * A response whose head was rendered when it was stored: the hit path copies it instead of writing fields.
 * Both forms lie in `slab`; Age and Date are added by the exchange.
 */
export interface PreparedResponse {
  status: number;
  slab: Slab;
  /** `HTTP/1.1 200 OK\r\n` and fields, each with CRLF, without Date, Age, Connection and without the empty line. */
  h1Start: number;
  h1End: number;
  /** HPACK block (static table and literals without indexing only) of the same, from :status on. */
  h2Start: number;
  h2End: number;
  /** Complete body in `slab`; empty range for HEAD and 304. The length to announce is already in the head. */
  bodyStart: number;
  bodyEnd: number;
  /** Seconds, or -1 for no Age field. */
  age: number;
  /** Released once the body's bytes have left. */
  held: Held | undefined;
}

/** What stages and the access log add up about an exchange. Plain fields, reset for each request. */
export interface ExchangeNotes {
  /** Resource names for metrics and the log, "" when none. */
  gateway: string;
  route: string;
  backend: string;
  /** Address of the endpoint that answered, "" when none. */
  endpoint: string;
  /** RFC 9211 verdict of the cache stage: "", "hit", "miss", "stale", "revalidated", "bypass", "collapsed". */
  cache: string;
  /** Milliseconds from the request's last head byte to the upstream's first response byte, -1 when none. */
  upstreamMs: number;
  retries: number;
  /** Why the response is not the backend's own, "" when it is. */
  reason: string;
}

/** Notes of an exchange about which nothing is known yet. */
export const emptyNotes = (): ExchangeNotes => ({
  gateway: "",
  route: "",
  backend: "",
  endpoint: "",
  cache: "",
  upstreamMs: -1,
  retries: 0,
  reason: "",
});

export interface Exchange {
  readonly request: Message;
  /** 11 or 20 (10 for an HTTP/1.0 client). */
  readonly version: number;
  readonly client: Address;
  readonly local: Address;
  readonly tls: TlsInfo | undefined;
  readonly notes: ExchangeNotes;
  /** Reactor clock in milliseconds when the head was complete. */
  readonly startedAt: number;
  readonly ended: boolean;
  /** Set by the stage that answers later, before it returns "wait". */
  source: ResponseSource | undefined;

  /** The stages to run after the current one, once it returns "next" (a route's own); responses come back through them first. */
  follow(stages: readonly Stage[]): void;
  /** For a stage that returned "wait" and now wants what "next" means. */
  proceed(): void;

  /** Copies the request's head so that `request` stays valid until the exchange ends. */
  keepRequest(): void;
  /** Whoever answers later knows the exchange no more once it has ended: it may then serve another request. */
  letGo(): void;

  /** Whether a body is announced and not yet completely delivered. */
  readonly hasBody: boolean;
  /** Starts delivery of the body to `sink` (sends 100 Continue when the client waits for it). Without it the body is discarded after the response. */
  readBody(sink: BodySink): void;
  pauseBody(): void;
  resumeBody(): void;

  /** 1xx other than 101 (RFC 9110 section 15.2). */
  inform(status: number, head: Message | undefined): void;
  /**
   * Starts the response with a head: framing from `head.body` and `head.contentLength` (which the exchange renders for its
   * version), fields as `edits` changes them, hop-by-hop fields left out. A body follows by `write` and `end` unless there is none.
   */
  respond(head: Message, edits: FieldEdits | undefined): void;
  /** Whole response from prepared bytes. */
  respondPrepared(prepared: PreparedResponse): void;
  /** Whole short response made here: text/plain body, for errors and redirects. `edits` may add fields. */
  respondText(status: number, text: string, edits: FieldEdits | undefined): void;
  /** False: bytes are waiting, `source.onDrain` follows. */
  write(slab: Slab, start: number, end: number, held?: Held): boolean;
  end(trailers?: Message): void;
  /** The response cannot be completed: nothing sent yet answers 502/504/... by `status`; else the stream is reset or the connection cut, so that no client takes it as whole. */
  fail(status: number, reason: AbortReason, detail: string): void;

  /** Sends the 101 (or the 2xx of an extended CONNECT) and hands over the byte stream. Undefined when the version cannot. */
  upgrade(head: Message, edits: FieldEdits | undefined): UpgradedStream | undefined;
}

/** The client's side after an upgrade: raw bytes in both directions. `rest` holds what the client had already sent. */
export interface UpgradedStream {
  readonly stream: TunnelStream;
  readonly rest: Uint8Array;
}

/**
 * What an upgrade leaves of a Stream: for HTTP/1.1 it is the connection, for HTTP/2 one of its streams, which can send no
 * file and has no deadline. What its handler is shown counts as consumed.
 */
export interface TunnelStream extends Pick<
  Stream,
  "closed" | "send" | "pauseReading" | "resumeReading" | "endWriting" | "close" | "abort"
> {
  handler: StreamHandler<TunnelStream>;
}
