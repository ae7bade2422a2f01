/**
 * The seam of all DNS planes: `answer(query, reply, now)`, bytes in and bytes out. UDP, TCP, TLS and later transports are
 * small makers of Reply around the same function.
 */
import type { Address } from "#src/net/address.ts";
import type { DropReason, Query } from "./query.ts";

export type Transport = "udp" | "tcp" | "tls" | "https";

/** Where an answer goes. It belongs to the transport and is used again for the next query. */
export interface Reply {
  /** The answer is written to [start, start + max). Never the memory that the query lies in. */
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Bytes that the transport can carry: at most the server's own limit for UDP, 65535 elsewhere. EDNS is not applied yet. */
  readonly max: number;
  readonly transport: Transport;
  /** The client's; decoded when it is asked for, so the hot path does not touch it. */
  readonly client: Address;
  /** For an answer that comes later: copies the query and keeps the way back. Undefined when too many are pending. */
  later(): Ticket | undefined;
}

/** A reply that outlives its batch. Exactly one of `send` and `drop` is called, from a batch or from a deferred task. */
export interface Ticket {
  /** The query over a copy of its packet. */
  readonly query: Query;
  /** As in Reply; this memory is the ticket's own until it is sent. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly max: number;
  readonly transport: Transport;
  readonly client: Address;
  /** The answer of `length` bytes is in `bytes`. A client that is gone is no fault. */
  send(length: number): void;
  drop(): void;
}

/** Why a well-formed query is not answered by a plane. */
export type NoAnswerReason = DropReason | "overloaded" | "rateLimited";

/** Bytes written, a reason not to answer, or "pending": a ticket has been taken. `now` is in milliseconds, monotonic. */
export type Answer = (query: Query, reply: Reply, now: number) => number | NoAnswerReason | "pending";
