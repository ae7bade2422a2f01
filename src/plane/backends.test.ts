import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackendConfig, Entry } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { targetKey } from "#src/health/target.ts";
import { HealthBits } from "#src/memory/health-bits.ts";
import { Segment } from "#src/memory/segment.ts";
import { createLogger } from "#src/process/logger.ts";
import { Backends } from "./backends.ts";
import { Sockets } from "./sockets.ts";

const backend = (type: "none" | "tcp", weight = 1): BackendConfig => ({
  kind: "backend",
  id: "default/shop:80",
  endpoints: [{ address: "192.0.2.1", port: 80, weight, ready: true }],
  health: { type, path: "/", intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 },
  tls: undefined,
});

// A Backend and a Service of one name have one id, and so have the TCP and the UDP port of one number of a Service.
const PROBED = "backend/default/Backend/shop/80";
const SERVICE = "backend/default/Service/shop/80";
const SERVICE_UDP = "backend/default/Service/shop/80/UDP";

test("backends that share an id keep health words of their own", async () => {
  await using sockets = new Sockets(createLogger({ level: "error", fields: {} }));
  const health = new HealthBits(
    Segment.local({ processes: 1, counters: 0, gauges: 0, healthTargets: 64, slots: 0, arenaBytes: 0 }),
  );
  using backends = new Backends({ engine: "balancer", tcp: sockets.tcp, tls: sockets.tls, health });
  const held = new Map<string, Entry>();
  const apply = (upsert: readonly Entry[], remove: readonly string[] = []): void => {
    for (const key of remove) held.delete(key);
    for (const entry of upsert) held.set(entry.key, entry);
    assert.deepEqual(backends.apply({ upsert, remove, entries: new Map(held), digest: "" }), []);
  };
  const words = (): (number | undefined)[] =>
    [PROBED, SERVICE, SERVICE_UDP].map((key) => backends.poolOf(key)?.endpoints[0]?.target);
  const probed = backend("tcp");
  const word = health.claim(targetKey(probed.endpoints[0]!, probed.health));
  apply([toEntry(PROBED, probed), toEntry(SERVICE, backend("none")), toEntry(SERVICE_UDP, backend("none"))]);
  assert.deepEqual(words(), [word, -1, -1]);
  backends.poolOf(PROBED)!.update(backend("tcp", 2));
  assert.deepEqual(words(), [word, -1, -1], "asked of its own configuration, not of the last one with its id");
  apply([], [SERVICE_UDP]);
  backends.poolOf(PROBED)!.update(backend("tcp", 3));
  assert.deepEqual(words(), [word, -1, undefined]);
  health.mark(word, false);
  const [up, down] = [backends.poolOf(SERVICE)!, backends.poolOf(PROBED)!];
  assert.deepEqual([up.isHealthy(up.endpoints[0]!), down.isHealthy(down.endpoints[0]!)], [true, false]);
});
