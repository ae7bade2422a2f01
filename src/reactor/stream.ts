/**
 * The byte stream that every plane above TCP is written against. It has two makers, TCP (tcp-stream.ts) and
 * TLS (tls/tls-stream.ts); whoever holds a Stream cannot tell which it is.
 */
import type { Address } from "#src/net/address.ts";
import type { Slab } from "./slab.ts";

/** Why a stream ended; also the `reason` label of its metrics. */
export type CloseReason =
  | "done"
  | "peerClosed"
  | "reset"
  | "timeout"
  | "refused"
  | "unreachable"
  | "tlsFailed"
  | "badInput"
  | "overloaded"
  | "shutdown"
  | "error";

/**
 * What a stream tells its holder. Every call happens inside a reactor batch (see Poller): no promise, no nextTick.
 * After `onClose`, which comes exactly once and last, nothing more is called.
 */
export interface StreamHandler<S = Stream> {
  /** The connection is usable: TCP is connected and, over TLS, the handshake is done. Never called for accepted plain TCP. */
  onOpen(stream: S): void;
  /**
   * Bytes [start, end) of `slab` have arrived. Returns how many were consumed, counted from `start`.
   * What is not consumed is kept by the stream and shown again, in front of newer bytes, at the next event or after
   * `resumeReading`. The slab is shared by all streams of the process: nothing in it survives the call.
   */
  onData(stream: S, slab: Slab, start: number, end: number): number;
  /** The peer has ended its sending side (FIN, close_notify). Called after the last onData. */
  onEnd(stream: S): void;
  /** Everything that was queued has been handed to the kernel, after a send had returned false. */
  onDrain(stream: S): void;
  /** The deadline set with `deadline(kind, ms)` has passed. The stream stays open unless the handler closes it. */
  onDeadline(stream: S, kind: number): void;
  onClose(stream: S, reason: CloseReason): void;
}

/** Memory that must not be reused before its bytes have left, such as a cached object: released exactly once. */
export interface Held {
  release(): void;
}

export interface TlsInfo {
  readonly version: "TLSv1.2" | "TLSv1.3";
  readonly cipher: string;
  /** SNI in lower case, or "" when the client sent none. */
  readonly serverName: string;
  /** Chosen by ALPN, or "" when the client offered none. */
  readonly alpn: string;
  /** DER of the peer's certificate, when one was asked for and sent. */
  readonly clientCertificate: Uint8Array | undefined;
  readonly resumed: boolean;
}

export interface Stream {
  /** May be replaced at any time, as an upgrade does. */
  handler: StreamHandler;
  readonly peer: Address;
  readonly local: Address;
  readonly tls: TlsInfo | undefined;
  readonly closed: boolean;
  /** Bytes accepted by send that the kernel has not taken yet. */
  readonly queuedBytes: number;

  /**
   * Sends bytes [offset, offset + length) of `slab`. True: the kernel took all of them. False: the rest is queued and
   * `onDrain` will follow; nothing is ever lost, so more may be sent, but a well-behaved caller stops its source.
   * The rest is copied, unless `held` is given: then the slab is read later, and `held.release()` is called
   * once the bytes have left or the stream has closed (also when all was taken at once).
   */
  send(slab: Slab, offset: number, length: number, held?: Held): boolean;
  /**
   * As `send`, for several pieces in one system call. The parts object may be reused as soon as it returns.
   * `held` covers the last part (a stored body); what is left of earlier parts (its head) is copied.
   */
  sendParts(parts: Parts, held?: Held): boolean;
  /** Sends from a file that is never rewritten in place (sendfile does not copy). Over TLS the file is read and encrypted. */
  sendFile(fd: number, offset: number, length: number): boolean;
  /**
   * Joins this stream's input to `peer`'s output inside the kernel (splice through a pipe) until this side ends or either
   * fails. False when that cannot be done (TLS, queued bytes, no pipe): the caller goes on copying.
   */
  spliceTo(peer: Stream): boolean;

  pauseReading(): void;
  resumeReading(): void;
  /** Half-close: FIN (close_notify) after what is queued. */
  endWriting(): void;
  /** Ends after what is queued, with a lingering close so that the peer reads our last bytes and not a reset. */
  close(reason: CloseReason): void;
  /** Ends at once, queued bytes are dropped; the peer sees a reset when bytes were in flight. */
  abort(reason: CloseReason): void;
  /**
   * Milliseconds that sent data and keepalive probes may stay unacknowledged, or the peer's window closed, until the
   * stream ends with "timeout" (RFC 5482). 0 leaves it to the system. A system call: not for hot paths.
   */
  userTimeout(ms: number): void;
  /** Arms the stream's one deadline, replacing the earlier one. 0 disarms. `kind` is the caller's own number. */
  deadline(kind: number, ms: number): void;
}

/** A reusable list of byte ranges for one sendmsg. */
export interface Parts {
  readonly count: number;
  /** Sum of the lengths, in bytes. */
  readonly length: number;
  clear(): void;
  add(slab: Slab, offset: number, length: number): void;
}
