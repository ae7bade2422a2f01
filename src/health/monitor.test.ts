import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { Monitor } from "./monitor.ts";
import type { MonitorTarget, Transition } from "./monitor.ts";
import { probeHttp } from "./probe/http.ts";
import type { ProbeResult } from "./probe/probe.ts";
import { probeTcp } from "./probe/tcp.ts";

const target = (changes: Partial<MonitorTarget> = {}): MonitorTarget => ({
  key: "a",
  address: "127.0.0.1",
  port: 1,
  type: "tcp",
  path: "/",
  timeoutMs: 500,
  intervalMs: 5,
  rise: 2,
  fall: 2,
  ...changes,
});

test("reports a transition after fall failures and after rise successes", async () => {
  let alive = false;
  const { promise: down, resolve: isDown } = Promise.withResolvers<Transition>();
  const { promise: up, resolve: isUp } = Promise.withResolvers<Transition>();
  const results: ProbeResult[] = [];
  using monitor = new Monitor({
    probe: () => Promise.resolve(alive ? "ok" : "refused"),
    onTransition: (transition) => (transition.verdict === "down" ? isDown(transition) : isUp(transition)),
    onResult: (_, result) => results.push(result),
    random: () => 0,
  });
  monitor.update([target()]);
  assert.deepEqual(await down, { key: "a", verdict: "down", result: "refused" });
  assert.equal(results.length, 2);
  alive = true;
  assert.deepEqual(await up, { key: "a", verdict: "up", result: "ok" });
});

test("a target that goes while down counts as up, one that stays keeps its state", async () => {
  const seen: Transition[] = [];
  const { promise: down, resolve: isDown } = Promise.withResolvers<void>();
  using monitor = new Monitor({
    probe: () => Promise.resolve("timeout"),
    onTransition: (transition) => {
      seen.push(transition);
      isDown();
    },
    random: () => 0,
  });
  monitor.update([target()]);
  await down;
  monitor.update([target()]);
  assert.equal(seen.length, 1);
  monitor.update([]);
  assert.deepEqual(seen.at(-1), { key: "a", verdict: "up", result: "ok" });
  assert.equal(monitor.size, 0);
});

for (const host of ["127.0.0.1", "::1"]) {
  test(`TCP and HTTP probes over ${host}`, async () => {
    const server = createServer((request, response) => {
      if (request.url === "/slow") return;
      response.statusCode = request.url === "/ok" ? 204 : 500;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as AddressInfo;
    const at = { address: host, port };
    assert.equal(await probeTcp(target(at)), "ok");
    assert.equal(await probeHttp(target({ ...at, path: "/ok" })), "ok");
    assert.equal(await probeHttp(target({ ...at, path: "/broken" })), "badStatus");
    assert.equal(await probeHttp(target({ ...at, path: "/slow", timeoutMs: 30 })), "timeout");
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await probeTcp(target(at)), "refused");
    assert.equal(await probeHttp(target(at)), "refused");
  });
}

test("an HTTP probe of something that is not HTTP fails", async () => {
  const server = createTcpServer((socket) => {
    socket.on("error", () => {}).resume();
    socket.end("hello\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  assert.equal(await probeHttp(target({ port: (server.address() as AddressInfo).port })), "failed");
  await new Promise((resolve) => server.close(resolve));
});
