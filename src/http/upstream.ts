/**
 * The seam between those who want a response from a backend (the balancer's L7 stage, the cache's fetch) and the pools
 * that get one. HTTP versions of the upstream side stay behind it.
 */
import type { Slab } from "#src/reactor/slab.ts";
import type { Held, Stream } from "#src/reactor/stream.ts";
import type { FieldEdits } from "./field-edits.ts";
import type { Message } from "./message.ts";

/** "noBackend": there is nothing to send to, by configuration; "noEndpoint": the backend has none that is ready. */
export type UpstreamErrorSource =
  | "connect"
  | "tls"
  | "send"
  | "head"
  | "body"
  | "timeout"
  | "noEndpoint"
  | "limit"
  | "noBackend";

/** An upstream error carries where it happened and whether the same request may be sent again, so that retry code matches no strings. */
export interface UpstreamError {
  readonly source: UpstreamErrorSource;
  /** No byte of a response was seen, and the request is known not to have been processed, or is safe to repeat. */
  readonly retryable: boolean;
  /** "connection refused", "closed before the response's end", ... for the log. */
  readonly detail: string;
  readonly endpoint: string;
  /** Attempts that were made after the first. */
  readonly retries: number;
}

/** Calls come in this order: onInform*, onResponse, onBody*, (onBodyEnd | onFail), or onFail alone, or onUpgrade. */
export interface UpstreamReceiver {
  onInform(call: UpstreamCall, head: Message): void;
  /** `head` is valid only during the call. */
  onResponse(call: UpstreamCall, head: Message): void;
  /** False asks for a pause until `call.resume()`. */
  onBody(call: UpstreamCall, slab: Slab, start: number, end: number): boolean;
  onBodyEnd(call: UpstreamCall, trailers: Message | undefined): void;
  /** 101: the connection leaves the pool and belongs to the receiver, with what had already arrived behind the head. */
  onUpgrade(call: UpstreamCall, head: Message, stream: Stream, rest: Uint8Array): void;
  onFail(call: UpstreamCall, error: UpstreamError): void;
  /** The request body's bytes have gone out, after `write` had returned false. */
  onDrain(call: UpstreamCall): void;
}

export interface UpstreamRequest {
  /** Read only during the call to `request`. */
  readonly head: Message;
  readonly edits: FieldEdits | undefined;
  /** Body that follows by `call.write`; framing from head.body. */
  readonly hasBody: boolean;
  /** Hash for consistent algorithms and affinity, 0 when none. */
  readonly key: number;
  /** Milliseconds until the response's head must have arrived, 0 for none. */
  readonly headTimeoutMs: number;
}

/**
 * Over with the receiver's last callback (onBodyEnd, onFail, onUpgrade) or with `cancel`: whoever keeps it longer must not
 * use it, not even read its endpoint, as it may serve another request by then.
 */
export interface UpstreamCall {
  /** Address of the endpoint in use, as `192.0.2.1:80` or `[2001:db8::1]:80`. */
  readonly endpoint: string;
  /** Attempts made so far after the first: to another endpoint, or on a fresh connection. */
  readonly retries: number;
  write(slab: Slab, start: number, end: number, held?: Held): boolean;
  end(trailers?: Message): void;
  pause(): void;
  resume(): void;
  /** The requester has gone: the connection is closed unless the response was complete. */
  cancel(): void;
}

export interface UpstreamPool {
  /**
   * Sends the request to an endpoint. The outcome always comes through the receiver, and never before this has returned:
   * an immediate failure comes at the batch's end.
   */
  request(request: UpstreamRequest, receiver: UpstreamReceiver): UpstreamCall;
}
