import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect, createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { SOCK_STREAM } from "#src/reactor/layout.ts";
import { bind, listen, localAddress, socket as openSocket } from "#src/reactor/socket.ts";
import { SocketAddress } from "#src/reactor/socket-address.ts";
import { close } from "#src/reactor/system.ts";
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

for (const [name, probe] of [
  ["TCP", probeTcp],
  ["HTTP", probeHttp],
] as const) {
  test(`${name}: a probe that nobody answers at all ends with its timeout`, async () => {
    // An accept queue of one that never gets shorter: further handshakes are dropped.
    const fd = openSocket(4, SOCK_STREAM);
    assert.equal(bind(fd, new SocketAddress("127.0.0.1", 0)), 0);
    assert.equal(listen(fd, 0), 0);
    const { port } = localAddress(fd)!;
    const waiting = Array.from({ length: 3 }, () => connect(port, "127.0.0.1").on("error", () => {}));
    try {
      await once(waiting[0]!, "connect");
      const begun = performance.now();
      assert.equal(await probe(target({ port, timeoutMs: 50 })), "timeout");
      const took = performance.now() - begun;
      assert.ok(took < 50 + 400, `${took} ms`);
    } finally {
      for (const one of waiting) one.destroy();
      close(fd);
    }
  });
}
