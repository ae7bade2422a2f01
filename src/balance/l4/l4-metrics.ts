/** What TCP and UDP listeners count. Its slots are filled by L4Accounts. */
import type { Entry } from "#src/config/model.ts";
import { type CappedDimension, counter, gauge } from "#src/metrics/declaration.ts";
import type { L4Protocol, L4Reason } from "./l4-record.ts";

/** Listeners with series of their own; further ones share `other`. */
const SERVICES = 64;

/** ListenerConfig.id. */
const service: CappedDimension = { labels: ["service"], cap: SERVICES, tuples: servicesOf };

const PROTOCOLS: Readonly<Record<L4Protocol, string>> = { TCP: "tcp", UDP: "udp" };
const proto = { label: "proto", values: Object.values(PROTOCOLS) };

const REASONS: Readonly<Record<L4Reason, true>> = {
  done: true,
  clientReset: true,
  endpointReset: true,
  idle: true,
  noBackend: true,
  connectFailed: true,
  overloaded: true,
  evicted: true,
  shutdown: true,
  error: true,
};
const reason = { label: "reason", values: Object.keys(REASONS) };

export const L4_METRICS = {
  l4Connections: counter(
    "fairway_l4_connections_total",
    "TCP connections and UDP sessions of clients that began.",
    service,
    proto,
  ),
  l4Active: gauge("fairway_l4_connections_active", "TCP connections and UDP sessions that are open.", proto),
  l4Ended: counter("fairway_l4_ended_total", "TCP connections and UDP sessions that ended, by why.", proto, reason),
  l4Bytes: counter("fairway_l4_bytes_total", "Bytes relayed: in is from clients, out is from endpoints.", {
    label: "direction",
    values: ["in", "out"],
  }),
  l4Dropped: counter(
    "fairway_l4_datagrams_dropped_total",
    "Datagrams of clients for which no session could be made, by why.",
    reason,
  ),
} as const;

/** The `proto` label of a protocol. */
export function protoLabel(protocol: L4Protocol): string {
  return PROTOCOLS[protocol];
}

function servicesOf({ value }: Entry): readonly (readonly string[])[] {
  if (value.kind !== "port" || (value.protocol !== "TCP" && value.protocol !== "UDP")) return [];
  return value.listeners.map(({ id }) => [id]);
}
