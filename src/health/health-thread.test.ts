import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { HealthBits } from "#src/memory/health-bits.ts";
import { Segment } from "#src/memory/segment.ts";
import type { BackendConfig } from "#src/config/model.ts";
import { HealthThread } from "./health-thread.ts";
import { targetKey, targetsOf } from "./target.ts";

test("a dead endpoint's word goes down in shared memory, and up again when its backend goes", async () => {
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const segment = Segment.create("health-test", {
    processes: 1,
    counters: 0,
    gauges: 0,
    healthTargets: 16,
    slots: 0,
    arenaBytes: 0,
  });
  const bits = new HealthBits(segment);
  const health = { type: "tcp", path: "", intervalMs: 10, timeoutMs: 200, rise: 1, fall: 2 } as const;
  const endpoint = { address: "127.0.0.1", port, weight: 1, ready: true };
  const backend: BackendConfig = { kind: "backend", id: "a/b:1", endpoints: [endpoint], health, tls: undefined };
  const word = bits.claim(targetKey(endpoint, health));
  const { promise: alive, resolve: isAlive } = Promise.withResolvers<void>();
  const { promise: down, resolve: isDown } = Promise.withResolvers<void>();
  const { promise: up, resolve: isUp } = Promise.withResolvers<void>();
  await using thread = new HealthThread({
    segmentFd: segment.fd,
    onResult: (_, result) => {
      if (result === "ok") isAlive();
    },
    onTransition: ({ verdict }) => (verdict === "down" ? isDown() : isUp()),
    onFault: assert.ifError,
  });
  thread.update(targetsOf([backend, backend]));
  await alive;
  assert.equal(bits.isHealthy(word), true);
  await new Promise((resolve) => server.close(resolve));
  await down;
  assert.equal(bits.isHealthy(word), false);
  thread.update([]);
  await up;
  assert.equal(bits.isHealthy(word), true);
});
