/** Names that are a Backend's addresses: probed by the real service, answered by all of its data processes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { EndpointConfig, Entry, HealthCheckConfig } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { askDns } from "#src/testing/dns-question.ts";
import { freePort, ServiceProcess } from "#src/testing/service-process.ts";

const HEALTH: HealthCheckConfig = { type: "tcp", path: "/", intervalMs: 200, timeoutMs: 150, rise: 2, fall: 3 };
const OUT_MS = HEALTH.intervalMs * HEALTH.fall + HEALTH.timeoutMs;
/** For the probes' and the questions' own time on a busy machine. */
const SLACK_MS = 3_000;
/** Each question has a port of its own, and the kernel spreads ports over the processes. */
const QUESTIONS = 16;
const ADDRESSES = ["127.0.0.1", "127.0.0.2", "::1"];

const stack = new AsyncDisposableStack();
const backends = new Map<string, Server>();
let ports: readonly number[];
let service: ServiceProcess;
let port: number;

async function listen(address: string, at: number): Promise<void> {
  const server = createServer((socket) => socket.destroy()).listen(at, address);
  await once(server, "listening");
  backends.set(address, server);
}

async function stop(address: string): Promise<void> {
  const server = backends.get(address)!;
  server.close();
  await once(server, "close");
}

const zone = (health: HealthCheckConfig): Entry => {
  const endpoints = ADDRESSES.map((address, index): EndpointConfig => ({
    address,
    port: ports[index]!,
    weight: 1,
    ready: true,
  }));
  // The IPv6 set has a record of the zone's own too, which nothing probes.
  const text = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nalias CNAME www\nwww 60 AAAA 2001:db8::9\n";
  const backend = { line: 1, name: "www", ttl: 5, id: "test/www", endpoints, health };
  return toEntry("zone/test/live", { kind: "zone", origin: "live.test.", text, backends: [backend] });
};

before(async () => {
  ports = [await freePort(), await freePort(), await freePort()];
  for (const [index, address] of ADDRESSES.entries()) await listen(address, ports[index]!);
  stack.defer(() => {
    for (const server of backends.values()) server.close();
  });
  port = await freePort();
  service = stack.use(await ServiceProcess.start("dns", [`--port=${port}`, "--workers=2"], [zone(HEALTH)]));
});
after(() => stack.disposeAsync());

/** Distinct answers, each the sorted addresses. */
async function seen(host: string, type: "A" | "AAAA"): Promise<string[]> {
  const answers = await Promise.all(
    Array.from({ length: QUESTIONS }, async () => {
      const { answer } = await askDns({ transport: "udp", host, port, name: "alias.live.test.", type });
      return answer
        .slice(1)
        .map((line) => line.split(" ").at(-1)!)
        .toSorted()
        .join(" ");
    }),
  );
  return [...new Set(answers)];
}

/** Waits until all questions have this answer. Returns how long it took, in milliseconds. */
async function becomes(host: string, type: "A" | "AAAA", addresses: string): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const answers = await seen(host, type);
    const took = performance.now() - begun;
    if (answers.length === 1 && answers[0] === addresses) return took;
    assert.ok(took < OUT_MS + SLACK_MS, `after ${Math.round(took)} ms: ${answers.join(" / ")}`);
    await wait(20);
  }
}

test("an address whose endpoint stops leaves the answers of every data process, and comes back", async () => {
  await becomes("127.0.0.1", "A", "127.0.0.1 127.0.0.2");
  await becomes("::1", "AAAA", "2001:db8::9 ::1");
  await stop("127.0.0.2");
  await becomes("127.0.0.1", "A", "127.0.0.1");
  await becomes("::1", "A", "127.0.0.1");
  assert.ok((await service.metric('fairway_health_checks_total{type="tcp",result="refused"}')) >= HEALTH.fall);
  const healthy = (address: string, at: number): Promise<number> =>
    service.metric(`fairway_endpoint_healthy{pool="test/www",endpoint="${address}:${at}"}`);
  assert.deepEqual([await healthy("127.0.0.1", ports[0]!), await healthy("127.0.0.2", ports[1]!)], [1, 0]);
  await stop("::1");
  await becomes("::1", "AAAA", "2001:db8::9");
  await stop("127.0.0.1");
  await becomes("127.0.0.1", "A", "127.0.0.1 127.0.0.2");
  for (const [index, address] of ADDRESSES.entries()) await listen(address, ports[index]!);
  await becomes("::1", "AAAA", "2001:db8::9 ::1");
  await stop("127.0.0.1");
  await becomes("127.0.0.1", "A", "127.0.0.2");
});

test("a configuration without probes forgets the verdicts", async () => {
  await service.publish([zone({ ...HEALTH, type: "none" })]);
  assert.deepEqual(await seen("::1", "A"), ["127.0.0.1 127.0.0.2"]);
});
