/** What the tests of this folder share: an observer that remembers, pools over given endpoints, configuration. */
import type { BackendConfig, Entry, EntryValue, L4RouteConfig, PortConfig } from "#src/config/model.ts";
import type { ConfigUpdate } from "#src/config/stream/update.ts";
import type { Address } from "#src/net/address.ts";
import { BackendPool } from "../pool.ts";
import type { L4Observer, L4Reason, L4Record } from "./l4-record.ts";

export const LISTENER = "default/gateway/raw";

export class Remembered implements L4Observer {
  readonly records: L4Record[] = [];
  readonly dropped: L4Reason[] = [];
  started = 0;
  receivedBytes = 0;
  sentBytes = 0;

  onStart(): void {
    this.started++;
  }

  onBytes(receivedBytes: number, sentBytes: number): void {
    this.receivedBytes += receivedBytes;
    this.sentBytes += sentBytes;
  }

  onEnd(record: L4Record): void {
    this.records.push(record);
  }

  onDropped(reason: L4Reason): void {
    this.dropped.push(reason);
  }
}

export const backend = (endpoints: readonly Address[], id = "default/raw:1"): BackendConfig => ({
  kind: "backend",
  id,
  endpoints: endpoints.map(({ host, port }) => ({ address: host, port, weight: 1, ready: true })),
  health: { type: "none", path: "/", intervalMs: 0, timeoutMs: 0, rise: 0, fall: 0 },
  tls: undefined,
});

/** Round robin begins with the first endpoint. */
export const poolOver = (endpoints: readonly Address[], clock = { now: 0 }): BackendPool =>
  new BackendPool(backend(endpoints), {
    clock,
    health: { targetOf: () => -1, isHealthy: () => true },
    random: () => 0,
  });

export const l4Route = (protocol: "TCP" | "UDP", backends = ["b"]): L4RouteConfig => ({
  kind: "l4Route",
  protocol,
  id: "default/raw",
  createdAt: "2026-01-01T00:00:00Z",
  listeners: [LISTENER],
  backends: backends.map((key) => ({ backend: key, weight: 1 })),
});

export const l4Port = (protocol: "TCP" | "UDP", addresses: readonly string[], port = 0): PortConfig => ({
  kind: "port",
  engine: "balancer",
  port,
  publicPort: port,
  protocol,
  addresses,
  listeners: [{ id: LISTENER, gateway: "default/gateway", hostname: "", certificates: [] }],
});

export function updateOf(values: Readonly<Record<string, EntryValue>>, version = "1"): ConfigUpdate {
  const entries = new Map<string, Entry>(Object.entries(values).map(([key, value]) => [key, { key, version, value }]));
  return { upsert: [...entries.values()], remove: [], entries, digest: version };
}
