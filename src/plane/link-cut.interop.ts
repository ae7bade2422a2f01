/** A backend whose link is cut without FIN, as the real balancer sees it: by its probes, over IPv4 and IPv6. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { BackendConfig, Entry, HealthCheckConfig, PortConfig } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { enterFarNetwork, FarHost } from "#src/testing/far-network.ts";
import { ServiceProcess } from "#src/testing/service-process.ts";
import { until } from "#src/testing/until.ts";

enterFarNetwork();

type Family = 4 | 6;
const FAMILIES: readonly Family[] = [4, 6];
const CLIENT_HOST = { 4: "127.0.0.1", 6: "[::1]" } as const;

const HEALTH: HealthCheckConfig = { type: "http", path: "/", intervalMs: 200, timeoutMs: 150, rise: 2, fall: 3 };
/** The cut may come right after a probe, and the last probe has its time. */
const OUT_MS = HEALTH.intervalMs * HEALTH.fall + HEALTH.timeoutMs;
/** For the probes' and our own time on a busy machine. */
const SLACK_MS = 1_500;
const REQUESTS = 30;
/** What goes to the dead endpoint would wait for 5 s, the limit for connecting, or longer. */
const AT_ONCE_MS = 1_500;

const BACKEND = join(import.meta.dirname, "testdata/far-backend.ts");

const stack = new AsyncDisposableStack();
let left: FarHost;
let right: FarHost;

before(async () => {
  left = stack.use(await FarHost.start(BACKEND, "left", 2));
  right = stack.use(await FarHost.start(BACKEND, "right", 3));
});
after(() => stack.disposeAsync());

/** A port of the balancer and all that is behind it. Ports may be any: nobody else is in this network. */
function served(protocol: "HTTP" | "TCP", port: number, backend: BackendConfig): Entry[] {
  const listener = `test/front/${port}`;
  const key = `backend/test/Backend/${port}/0`;
  const value: PortConfig = {
    kind: "port",
    engine: "balancer",
    port,
    publicPort: port,
    protocol,
    addresses: [],
    listeners: [{ id: listener, gateway: "test/front", hostname: "", certificates: [] }],
  };
  const backends = [{ backend: key, weight: 1 }];
  const match = { path: { type: "PathPrefix", value: "/" }, method: "", headers: [], queryParams: [] } as const;
  const rule = { name: "", matches: [match], filters: [], backends, requestTimeoutMs: 0, backendTimeoutMs: 0 };
  const route = { id: `test/${port}`, createdAt: "" };
  return [
    toEntry(`port/balancer/TCP/${port}`, value),
    toEntry(key, backend),
    protocol === "TCP"
      ? toEntry(`tcproute/test/${port}`, { ...route, kind: "l4Route", protocol, listeners: [listener], backends })
      : toEntry(`httproute/test/${port}`, {
          ...route,
          kind: "httpRoute",
          attachments: [{ listener, hostnames: [""] }],
          rules: [rule],
        }),
  ];
}

function backendOf(id: string, addresses: readonly string[], port: number, health: HealthCheckConfig): BackendConfig {
  const endpoints = addresses.map((address) => ({ address, port, weight: 1, ready: true }));
  return { kind: "backend", id, endpoints, health, tls: undefined };
}

async function get(family: Family, port: number): Promise<string> {
  const signal = AbortSignal.timeout(AT_ONCE_MS);
  const response = await fetch(`http://${CLIENT_HOST[family]}:${port}/`, { signal });
  assert.equal(response.status, 200);
  return response.text();
}

async function dial(family: Family, port: number): Promise<string> {
  const socket = connect({ host: CLIENT_HOST[family].replace(/[[\]]/g, ""), port });
  socket.setTimeout(AT_ONCE_MS, () => socket.destroy(new Error(`Cannot wait longer than ${AT_ONCE_MS} ms`)));
  try {
    return Buffer.concat(await socket.toArray()).toString();
  } finally {
    socket.destroy();
  }
}

const WAYS = [
  ["HTTP", 80, get],
  ["TCP", 81, dial],
] as const;

for (const [protocol, port, ask] of WAYS) {
  for (const family of FAMILIES) {
    test(`${protocol} over IPv${family}: out within interval x fall, and back`, async () => {
      const addresses = [left.address[family], right.address[family]];
      const health = { ...HEALTH, type: protocol === "HTTP" ? "http" : "tcp" } as const;
      const entries = served(protocol, 8000, backendOf("test/pair", addresses, port, health));
      await using service = await ServiceProcess.start("balancer", [], entries);
      const [dead, living] = addresses.map((address) => `${family === 6 ? `[${address}]` : address}:${port}`);
      const isHealthy = (endpoint: string | undefined): Promise<number> =>
        service.metric(`fairway_endpoint_healthy{pool="test/pair",endpoint="${endpoint}"}`);
      const turns = async (count: number): Promise<string[]> => {
        const names: string[] = [];
        while (names.length < count) names.push(await ask(family, 8000));
        return names;
      };
      const bothAnswer = async (): Promise<true | undefined> => new Set(await turns(4)).size === 2 || undefined;

      await until("answers of both", bothAnswer);
      assert.deepEqual([await isHealthy(dead), await isHealthy(living)], [1, 1]);
      left.cut();
      try {
        await until("the verdict", async () => (await isHealthy(dead)) === 0 || undefined, OUT_MS + SLACK_MS);
        assert.deepEqual(await turns(REQUESTS), Array<string>(REQUESTS).fill("right"));
        assert.deepEqual([await isHealthy(dead), await isHealthy(living)], [0, 1]);
      } finally {
        left.mend();
      }
      await until("the verdict's end", async () => (await isHealthy(dead)) === 1 || undefined);
      await until("answers of both again", bothAnswer);
    });
  }
}

/** Backends of one endpoint each, without probes; ports 8010 to 8013. */
const single = (): Entry[] =>
  [left, right].flatMap((host, at) =>
    FAMILIES.flatMap((family, index) => {
      const health = { ...HEALTH, type: "none" } as const;
      const port = 8010 + 2 * at + index;
      return served("HTTP", port, backendOf(`test/${port}`, [host.address[family]], 80, health));
    }),
  );

/** 5 + 3 x 2 s, the period of the figures, and slack. */
const HEARTBEAT_MS = 11_000 + 1_000 + 3_000;

test("idle connections over a cut link are gone without a request, those over a whole one stay", async () => {
  await using service = await ServiceProcess.start("balancer", [], single());
  const idle = (): Promise<number> => service.metric('fairway_upstream_connections{state="idle"}');
  for (const port of [8010, 8011, 8012, 8013]) await get(port % 2 === 0 ? 4 : 6, port);
  await until("four idle ones", async () => (await idle()) === 4 || undefined, 3_000);
  left.cut();
  try {
    await until("the end of two", async () => (await idle()) === 2 || undefined, HEARTBEAT_MS);
  } finally {
    left.mend();
  }
});

test("a backend that does not read for 15 s gets the whole body then", async () => {
  await using _service = await ServiceProcess.start("balancer", [], single());
  await Promise.all(
    FAMILIES.flatMap((family, index) =>
      [100_000, 8_000_000].map(async (bytes) => {
        const url = `http://${CLIENT_HOST[family]}:${8012 + index}/`;
        const response = await fetch(url, { method: "POST", body: new Uint8Array(bytes) });
        assert.deepEqual([response.status, await response.text()], [200, String(bytes)]);
      }),
    ),
  );
});
