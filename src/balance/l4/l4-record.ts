/** What is told of TCP connections and UDP sessions: for the access log, for counters, and for `fairway tail l4`. */
import type { Address } from "#src/net/address.ts";

export type L4Protocol = "TCP" | "UDP";

/** Why a connection or session ended. */
export type L4Reason =
  /** TCP: both sides have ended. */
  | "done"
  | "clientReset"
  | "endpointReset"
  /** No byte for the idle timeout: how UDP sessions end. */
  | "idle"
  /** The route has no endpoint to give: none is ready, or the chosen backend is not resolved. */
  | "noBackend"
  /** Every endpoint that was tried refused, or did not answer in time. */
  | "connectFailed"
  /** This process has run out of descriptors or memory. */
  | "overloaded"
  /** UDP: the table was full and this session the longest without traffic. */
  | "evicted"
  | "shutdown"
  | "error";

export interface L4Record {
  readonly protocol: L4Protocol;
  /** ListenerConfig.id, `NAMESPACE/GATEWAY/SECTION`. */
  readonly listener: string;
  /** L4RouteConfig.id, "" when no route is attached. */
  readonly route: string;
  readonly client: Address;
  /** BackendConfig.id, "" when none was chosen. */
  readonly backend: string;
  /** Of the endpoint that served it, `192.0.2.1:80`; "" when none did. */
  readonly endpoint: string;
  /** From the client. */
  readonly receivedBytes: number;
  /** From the endpoint. */
  readonly sentBytes: number;
  readonly durationMs: number;
  readonly reason: L4Reason;
}

/** Called inside reactor batches. Each `onStart` is followed by one `onEnd`. */
export interface L4Observer {
  onStart(protocol: L4Protocol, listener: string): void;
  /** Bytes since the last call, from clients and from endpoints; long connections report as they go. */
  onBytes(receivedBytes: number, sentBytes: number): void;
  onEnd(record: L4Record): void;
  /** A datagram that no session could be made for: one that a stranger may send by the million, so it has no record. */
  onDropped(reason: L4Reason): void;
}
