import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackendConfig, EndpointConfig } from "#src/config/model.ts";
import type { Endpoint } from "./endpoint.ts";
import { BackendPool } from "./pool.ts";

const backend = (endpoints: readonly Partial<EndpointConfig>[]): BackendConfig => ({
  kind: "backend",
  id: "default/web:80",
  endpoints: endpoints.map((endpoint, i) => ({
    address: `192.0.2.${i + 1}`,
    port: 80,
    weight: 1,
    ready: true,
    ...endpoint,
  })),
  health: { type: "none", path: "/", intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 },
  tls: undefined,
});

function setUp(endpoints: readonly Partial<EndpointConfig>[]) {
  const clock = { now: 1000 };
  const down = new Set<number>();
  const health = {
    targetOf: (_backend: BackendConfig, { address }: EndpointConfig) => Number(address.split(".").at(-1)),
    isHealthy: (target: number) => !down.has(target),
  };
  const pool = new BackendPool(backend(endpoints), { clock, health, random: () => 0 });
  const seen = (picks = 60, key = 0, tried: readonly Endpoint[] = []) => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < picks; i++) {
      const text = pool.pick(key, tried)?.text ?? "none";
      counts[text] = (counts[text] ?? 0) + 1;
    }
    return counts;
  };
  return { clock, down, pool, seen };
}

test("requests are spread by weight", () => {
  const { seen } = setUp([{ weight: 2 }, { weight: 1 }, { weight: 0 }]);
  assert.deepEqual(seen(), { "192.0.2.1:80": 40, "192.0.2.2:80": 20 });
});

test("what is not ready, unhealthy or already tried is not chosen", () => {
  const { down, pool, seen } = setUp([{}, { ready: false }, {}, {}]);
  down.add(3);
  assert.deepEqual(seen(10), { "192.0.2.1:80": 5, "192.0.2.4:80": 5 });
  assert.deepEqual(seen(10, 0, [pool.endpoints[0]!]), { "192.0.2.4:80": 10 });
});

test("with every endpoint out all ready ones are used", () => {
  const { down, seen } = setUp([{}, {}, { ready: false }]);
  down.add(1).add(2);
  assert.deepEqual(seen(10), { "192.0.2.1:80": 5, "192.0.2.2:80": 5 });
});

test("with none ready there is none", () => {
  assert.deepEqual(setUp([{ ready: false }]).seen(1), { none: 1 });
  assert.deepEqual(setUp([]).seen(1), { none: 1 });
});

test("a key finds the same endpoint while it is there", () => {
  const { down, seen } = setUp([{}, {}, {}]);
  const [chosen] = Object.keys(seen(10, 77));
  assert.deepEqual(seen(10, 77), { [chosen!]: 10 });
  down.add(Number(/\.(\d+):/.exec(chosen!)![1]));
  assert.equal(seen(10, 77)[chosen!], undefined);
});

test("consecutive failures eject for a time that doubles, a success forgives", () => {
  const { clock, pool, seen } = setUp([{}, {}]);
  const bad = pool.endpoints[0]!;
  assert.deepEqual([pool.failed(bad), pool.failed(bad), pool.failed(bad)], [false, false, true]);
  assert.deepEqual(seen(4), { "192.0.2.2:80": 4 });
  clock.now += 5001;
  assert.ok(pool.isHealthy(bad), "the time is over");
  assert.ok(pool.failed(bad), "one failure after its return ejects again");
  clock.now += 5001;
  assert.ok(!pool.isHealthy(bad), "for twice as long");
  clock.now += 5000;
  pool.succeeded(bad);
  assert.deepEqual([pool.failed(bad), pool.failed(bad)], [false, false]);
  assert.deepEqual(seen(4), { "192.0.2.1:80": 2, "192.0.2.2:80": 2 });
});

test("another configuration keeps the state of what stays and tells what goes", () => {
  const { pool } = setUp([{}, {}]);
  const gone: string[] = [];
  pool.onGone((endpoint) => gone.push(endpoint.text));
  const stays = pool.endpoints[1]!;
  stays.inFlight = 7;
  pool.update(backend([{ address: "2001:db8::1" }, { address: "192.0.2.2", weight: 9 }]));
  assert.equal(pool.endpoints[1], stays);
  assert.equal(stays.weight, 9);
  assert.deepEqual(gone, ["192.0.2.1:80"]);
  assert.equal(pool.endpoints[0]!.text, "[2001:db8::1]:80");
  assert.equal(pool.endpoints[0]!.address.family, 6);
});
