/** What HTTP connections to backends share, and what they may cost. Times in milliseconds, sizes in bytes. */
import type { Address } from "#src/net/address.ts";
import type { LateTask } from "#src/reactor/poller.ts";
import type { CloseReason, Parts, Stream, StreamHandler } from "#src/reactor/stream.ts";
import type { TimerWheel } from "#src/reactor/timer-wheel.ts";

/** The part of the reactor's poller that is needed here. */
export interface UpstreamLoop {
  readonly now: number;
  readonly deadlines: TimerWheel;
  late(task: LateTask): void;
}

/**
 * Opens a stream to an address. `onOpen` follows, or `onClose` with its reason, not before this call has returned. A reason
 * instead of a stream: nothing was started.
 */
export type Connect = (address: Address, handler: StreamHandler) => Stream | CloseReason;

export interface UpstreamServices {
  readonly loop: UpstreamLoop;
  /** For vectored sends; used and done with inside one call. */
  readonly parts: Parts;
}

export interface UpstreamLimits {
  /** Connections to one endpoint. Beyond, requests wait. */
  readonly connections: number;
  /** Idle connections kept to one endpoint. */
  readonly idleConnections: number;
  /** Requests that wait for a connection to one endpoint. Beyond, they fail. */
  readonly pending: number;
  /** Longest wait for a connection. */
  readonly pendingMs: number;
  /** An idle connection's life. Shorter than what backends commonly allow, so that we close first. */
  readonly idleMs: number;
  /** Without any byte of a response, and between two pieces of it. */
  readonly silenceMs: number;
  /** Times a request is sent at most. */
  readonly attempts: number;
  /** Of a response's head, or of its trailers. */
  readonly headBytes: number;
  readonly fields: number;
}

export const DEFAULT_UPSTREAM_LIMITS: UpstreamLimits = {
  connections: 1024,
  idleConnections: 256,
  pending: 1024,
  pendingMs: 5_000,
  idleMs: 30_000,
  silenceMs: 300_000,
  attempts: 3,
  headBytes: 64 * 1024,
  fields: 256,
};
