/** What HTTP connections to backends may cost, and who opens them. Times in milliseconds, sizes in bytes. */
import type { Address } from "#src/net/address.ts";
import type { CloseReason, Stream, StreamHandler } from "#src/reactor/stream.ts";

/**
 * Opens a stream to an address. `onOpen` follows, or `onClose` with its reason, not before this call has returned. A reason
 * instead of a stream: nothing was started. The pool limits the time it may take.
 */
export type Connect = (address: Address, handler: StreamHandler) => Stream | CloseReason;

/** How long a backend may leave data or the probes of an idle connection unacknowledged. */
export const USER_TIMEOUT_MS = 11_000;

/** Body bytes that a backend's kernel commonly takes although nobody reads them: more may wait in our own kernel. */
export const LARGE_BODY = 32 * 1024;

export interface UpstreamLimits {
  /** Connections to one endpoint. Beyond, requests wait. */
  readonly connections: number;
  /** Idle connections kept to one endpoint. */
  readonly idleConnections: number;
  /** Requests that wait for a connection to one endpoint. Beyond, they fail. */
  readonly pending: number;
  /** Longest wait for a connection. */
  readonly pendingMs: number;
  /** Until TCP is connected and, over TLS, the handshake is done. */
  readonly connectMs: number;
  /** An idle connection's life. Shorter than what backends commonly allow, so that we close first. */
  readonly idleMs: number;
  /** Between two pieces of a response's body, and without any progress of a request's body that waits to be sent. */
  readonly silenceMs: number;
  /** Endpoints that are tried for one request at most. */
  readonly attempts: number;
  /** A request's rendered head. */
  readonly requestHeadBytes: number;
  /** Body kept for one request that has no connection yet. */
  readonly earlyBodyBytes: number;
  /** Of a response's head, or of its trailers. */
  readonly headBytes: number;
  readonly fields: number;
  /** Interim responses to one request. */
  readonly interim: number;
}

export const DEFAULT_UPSTREAM_LIMITS: UpstreamLimits = {
  connections: 1024,
  idleConnections: 256,
  pending: 1024,
  pendingMs: 5_000,
  connectMs: 5_000,
  idleMs: 30_000,
  silenceMs: 300_000,
  attempts: 3,
  requestHeadBytes: 128 * 1024,
  earlyBodyBytes: 256 * 1024,
  headBytes: 64 * 1024,
  fields: 256,
  interim: 16,
};
