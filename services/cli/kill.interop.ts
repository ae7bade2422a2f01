/**
 * kill -9 of every process of `fairway up` in turn, under load: the others do not notice, new clients are served at once,
 * what was killed comes back and is counted, nothing is left over.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { askDns } from "#src/testing/dns-question.ts";
import { DNSPERF_OUTSTANDING, Load, type LoadReport } from "#src/testing/load.ts";
import { enterOwnNetwork } from "#src/testing/network.ts";
import { clientPortsOf, descriptorsOf, isRunning, treeOf } from "#src/testing/process-table.ts";
import { until } from "#src/testing/until.ts";
import { Up } from "#src/testing/up.ts";

enterOwnNetwork();

const WORKERS = 2;
const ORIGIN_PORT = 18_080;
const WRK_CONNECTIONS = 16;
const PROBES = 12;

const plane = (engine: string, className: string): string => `
apiVersion: fairway.dev/v1alpha1
kind: DataPlane
metadata: { name: ${engine} }
spec: { engine: ${engine}, upstream: { idleTimeout: 200ms } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: ${className} }
spec:
  controllerName: fairway.dev/gateway
  parametersRef: { group: fairway.dev, kind: DataPlane, name: ${engine}, namespace: default }
---`;

const CONFIGURATION = `${plane("balancer", "fairway")}${plane("edge", "fairway-edge")}
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: balancer }
spec:
  gatewayClassName: fairway
  listeners: [{ name: http, protocol: HTTP, port: 8090 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  gatewayClassName: fairway-edge
  listeners: [{ name: http, protocol: HTTP, port: 8080 }]
---
apiVersion: fairway.dev/v1alpha1
kind: Backend
metadata: { name: origin }
spec:
  endpoints: [{ address: 127.0.0.1, port: ${ORIGIN_PORT} }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: both }
spec:
  parentRefs: [{ name: balancer }, { name: edge }]
  hostnames: [shop.kill.test]
  rules: [{ backendRefs: [{ group: fairway.dev, kind: Backend, name: origin }] }]
---
apiVersion: fairway.dev/v1alpha1
kind: Zone
metadata: { name: kill }
spec:
  domain: kill.test
  nameServers: [ns]
  records:
    - { name: ns, type: A, data: [127.0.0.1] }
    - { name: www, type: A, data: [192.0.2.1] }
`;

interface Service {
  readonly name: string;
  readonly adminPort: number;
  readonly host: string;
  readonly port: number;
  readonly load: () => Load;
  /** Most that one killed data process may cost the load, from how many of the load's connections it held. */
  readonly mayBreak: (held: number) => number;
}

const http = (host: string, port: number): Pick<Service, "load" | "host" | "port" | "mayBreak"> => ({
  host,
  port,
  load: () =>
    Load.wrk(`http://${host.includes(":") ? `[${host}]` : host}:${port}/page`, "shop.kill.test", WRK_CONNECTIONS),
  // A client that comes back at once may meet the listener of the dying process once more.
  mayBreak: (held) => 2 * held,
});
const dns = (host: string, port: number): Pick<Service, "load" | "host" | "port" | "mayBreak"> => ({
  host,
  port,
  load: () => Load.dnsperf(host, port, "www.kill.test A", 1000),
  mayBreak: () => DNSPERF_OUTSTANDING,
});

const SERVICES: readonly Service[] = [
  { name: "dns", adminPort: 9641, ...dns("::1", 10_053) },
  { name: "resolver", adminPort: 9642, ...dns("127.0.0.1", 10_054) },
  { name: "edge", adminPort: 9643, ...http("127.0.0.1", 8080) },
  { name: "balancer", adminPort: 9644, ...http("::1", 8090) },
];

interface Status {
  readonly pid: number;
  readonly phase: string;
  readonly unready: string | null;
  readonly restarts: number;
  readonly processes: readonly { readonly pid: number; readonly ready: boolean; readonly restarts: number }[];
}

const admin = async ({ adminPort }: Service, path: string): Promise<string> =>
  (await fetch(`http://127.0.0.1:${adminPort}${path}`)).text();

const statusOf = async (service: Service): Promise<Status> => JSON.parse(await admin(service, "/status")) as Status;

async function metricOf(service: Service, series: string): Promise<number> {
  const line = (await admin(service, "/metrics")).split("\n").find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

/** When all its processes serve and `isNext` holds. */
const steady = (service: Service, what: string, isNext: (status: Status) => boolean): Promise<Status> =>
  until(`${service.name} ${what}`, async () => {
    const status = await statusOf(service).catch(() => undefined);
    const isSteady = status?.phase === "serving" && status.processes.every(({ ready }) => ready) && isNext(status);
    return isSteady ? status : undefined;
  });

/** `www.kill.test A`, length first. */
const QUESTION = Buffer.from("001f12340100000100000000000003777777046b696c6c04746573740000010001", "hex");
const REQUEST = Buffer.from("GET /page HTTP/1.1\r\nhost: shop.kill.test\r\n\r\n");

/** A client's connection that is kept, and asks again on it. */
class Client implements Disposable {
  readonly #socket: Socket;
  readonly #isDns: boolean;
  #isBroken = false;

  private constructor(socket: Socket, isDns: boolean) {
    this.#socket = socket;
    this.#isDns = isDns;
    socket.on("error", () => (this.#isBroken = true)).on("close", () => (this.#isBroken = true));
  }

  static async open({ host, port, name }: Service): Promise<Client> {
    const socket = connect({ host, port });
    await once(socket, "connect");
    return new Client(socket, name === "dns" || name === "resolver");
  }

  get port(): number {
    return this.#socket.localPort!;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Throws when the answer is not the right one. */
  async ask(): Promise<void> {
    assert.ok(!this.#isBroken, "the connection is open");
    this.#socket.write(this.#isDns ? QUESTION : REQUEST);
    const [bytes] = (await once(this.#socket, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
    if (this.#isDns) assert.equal(bytes[5]! & 15, 0, "NOERROR");
    else assert.match(bytes.toString("latin1"), /^HTTP\/1\.1 200 /);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

async function openClients(service: Service): Promise<Client[]> {
  const clients = await Promise.all(Array.from({ length: PROBES }, () => Client.open(service)));
  await Promise.all(clients.map((client) => client.ask()));
  return clients;
}

/** A process's connections with these clients and others. */
type Held = Set<number>;

/** Which process has which connection. A reading of the kernel's table may leave one out, so it is read until all are seen. */
async function holders(
  { port: own }: Service,
  clients: readonly Client[],
  one: number,
  other: number,
): Promise<readonly [Held, Held]> {
  let [first, second]: Held[] = [];
  return until("who holds each connection", () => {
    first = clientPortsOf(one, own).union(first ?? new Set());
    second = clientPortsOf(other, own).union(second ?? new Set());
    const all = first.union(second);
    return clients.every(({ port }) => all.has(port)) ? ([first, second] as const) : undefined;
  });
}

async function serveFresh(service: Service): Promise<void> {
  for (const client of await openClients(service)) client[Symbol.dispose]();
  if (service.name !== "dns" && service.name !== "resolver") return;
  const asked = {
    transport: "udp",
    host: service.host,
    port: service.port,
    name: "www.kill.test.",
    type: "A",
  } as const;
  for (let i = 0; i < PROBES; i++) assert.equal((await askDns(asked)).rcode, "NOERROR");
}

const origin = createServer((_request, response) =>
  response.writeHead(200, { "cache-control": "max-age=3600" }).end("page\n"),
);
const folder = mkdtempSync(join(tmpdir(), "fairway-kill-"));
const runtime = join(folder, "runtime");
let up: Up;
/** Descriptors of each process once everything has been used, by its place. */
const descriptors = new Map<string, readonly string[]>();
const seen = new Set<number>();

/** Of `up`, each main and each data process: its place and number. */
async function places(): Promise<(readonly [string, number])[]> {
  const trees = SERVICES.map(async (service) => {
    const { pid, processes } = await statusOf(service);
    return [[service.name, pid], ...processes.map((one, i) => [`${service.name} ${i}`, one.pid] as const)] as const;
  });
  return [["up", up.child.pid!] as const, ...(await Promise.all(trees)).flat()];
}

const kindsOf = (names: readonly string[]): string[] => names.map((name) => name.replace(/\[\d+\]/, "")).toSorted();

/** Nothing more than there was: processes of the tree, descriptors of each. */
async function nothingLeft(): Promise<void> {
  const all = await places();
  for (const [, pid] of all) seen.add(pid);
  assert.deepEqual(new Set(treeOf(up.child.pid!)), new Set(all.map(([, pid]) => pid)));
  for (const [place, pid] of all) {
    const limit = descriptors.get(place)?.length ?? Infinity;
    let now: readonly string[] = [];
    await until(
      `${limit} descriptors of ${place}`,
      () => (now = descriptorsOf(pid)).length <= limit || undefined,
    ).catch(() => assert.deepEqual(kindsOf(now), kindsOf(descriptors.get(place)!), `descriptors of ${place}`));
  }
}

before(async () => {
  mkdirSync(runtime);
  mkdirSync(join(folder, "site"));
  writeFileSync(join(folder, "site", "site.yaml"), CONFIGURATION);
  origin.listen(ORIGIN_PORT, "127.0.0.1");
  const args = [`--workers=${WORKERS}`, "--stub=kill.test=127.0.0.1@10053", "-f", join(folder, "site")];
  // Node reads extra certificates beside its start, and a child that is started meanwhile may inherit the open file.
  up = new Up(args, { XDG_RUNTIME_DIR: runtime, NODE_EXTRA_CA_CERTS: "" });
  await up.line(/^all services ready in \d+ ms$/);
});

after(async () => {
  await up.stop();
  origin.closeAllConnections();
  origin.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A load on every service at once; ended with the test, however that ends. */
class Loads implements AsyncDisposable {
  readonly #loads = SERVICES.map((service) => [service, service.load()] as const);

  async stop(): Promise<Map<Service, LoadReport>> {
    return new Map(
      await Promise.all(this.#loads.map(async ([service, load]) => [service, await load.stop()] as const)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#loads.map(([, load]) => load[Symbol.asyncDispose]()));
  }
}

const REQUESTS: Readonly<Record<string, string>> = {
  dns: "fairway_dns_requests_total",
  resolver: "fairway_resolver_requests_total",
  edge: "fairway_http_requests_total",
  balancer: "fairway_http_requests_total",
};

/** Requests that it has counted, of every kind. */
async function countOf(service: Service): Promise<number> {
  const text = await admin(service, "/metrics");
  const series = new RegExp(`^${REQUESTS[service.name]!}(?:\\{[^}]*\\})? (\\d+)$`, "gm");
  return [...text.matchAll(series)].reduce((sum, [, value]) => sum + Number(value), 0);
}

/** When each service has answered some more. */
async function progress(): Promise<void> {
  for (const service of SERVICES) {
    const count = await countOf(service);
    await until(`load on ${service.name}`, async () => (await countOf(service)) > count + 200 || undefined);
  }
}

function assertUnharmed(reports: Map<Service, LoadReport>, hit?: Service): void {
  for (const [service, report] of reports) {
    assert.ok(report.answered > 0, `${service.name} was under load`);
    if (service !== hit) assert.partialDeepStrictEqual(report, { wrong: 0, broken: 0, refused: 0 }, service.name);
  }
}

test("all four carry load without an error", async () => {
  for (const service of SERVICES) await serveFresh(service);
  await using loads = new Loads();
  await progress();
  assertUnharmed(await loads.stop());
  const all = await places();
  await until("the end of all connections", async () => {
    const atOrigin = await promisify(origin.getConnections.bind(origin))();
    const isIdle = all.every(([, pid]) => SERVICES.every(({ port }) => clientPortsOf(pid, port).size === 0));
    return (isIdle && atOrigin === 0) || undefined;
  });
  for (const [place, pid] of all) descriptors.set(place, descriptorsOf(pid));
  await nothingLeft();
});

test("promtool finds no fault in what each exposes after that", async () => {
  for (const service of SERVICES) {
    const input = await admin(service, "/metrics");
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
    assert.deepEqual({ status, said: stdout + stderr }, { status: 0, said: "" }, service.name);
  }
});

for (const service of SERVICES) {
  for (let index = 0; index < WORKERS; index++) {
    test(`data process ${index} of ${service.name} is killed`, async () => {
      const { processes } = await steady(service, "steady", () => true);
      const { pid: victim, restarts } = processes[index]!;
      const exits = 'fairway_data_process_exits_total{reason="crash"}';
      const counted = await metricOf(service, exits);
      await using loads = new Loads();
      await progress();
      const clients = await openClients(service);
      const other = processes[1 - index]!.pid;
      const [held, kept] = await holders(service, clients, victim, other);
      process.kill(victim, "SIGKILL");
      await until("its end", () => !isRunning(victim) || undefined);
      await serveFresh(service);
      const others = clients.filter(({ port }) => kept.has(port));
      assert.ok(others.length > 0, "some connections are held by the other process");
      await Promise.all(others.map((client) => client.ask()));
      for (const client of clients) {
        if (held.has(client.port)) await until("the end of its connections", () => client.isBroken || undefined);
        client[Symbol.dispose]();
      }
      const { processes: now } = await steady(
        service,
        "whole again",
        (status) => status.processes[index]!.restarts > restarts,
      );
      assert.equal(now[index]!.restarts, restarts + 1);
      assert.deepEqual(now[1 - index], processes[1 - index]);
      assert.equal(await metricOf(service, exits), counted + 1);
      await progress();
      const reports = await loads.stop();
      assertUnharmed(reports, service);
      const report = reports.get(service)!;
      assert.partialDeepStrictEqual(report, { wrong: 0, refused: 0 });
      const ofLoad = [...held].filter((port) => clients.every((client) => client.port !== port)).length;
      assert.ok(report.broken <= service.mayBreak(ofLoad), `${report.broken} broken, ${ofLoad} were held`);
      await nothingLeft();
    });
  }
}

for (const service of SERVICES) {
  test(`the main of ${service.name} is killed`, async () => {
    const { pid, processes, restarts } = await steady(service, "steady", () => true);
    await using loads = new Loads();
    await progress();
    process.kill(pid, "SIGKILL");
    await until(
      "the end of its data processes",
      () => [pid, ...processes.map((one) => one.pid)].every((one) => !isRunning(one)) || undefined,
      2_000,
    );
    await up.line(new RegExp(`^${service.name} was ended by SIGKILL: it starts again`));
    const now = await steady(service, "started again", (status) => status.pid !== pid);
    assert.equal(now.restarts, restarts + 1);
    assert.equal(await metricOf(service, "fairway_service_restarts_total"), restarts + 1);
    await serveFresh(service);
    await progress();
    const reports = await loads.stop();
    assertUnharmed(reports, service);
    assert.equal(reports.get(service)!.wrong, 0);
    await nothingLeft();
  });
}

test("it ends in order, and nothing is left of any of them", async () => {
  assert.equal(await up.stop(), 0);
  assert.deepEqual([...seen].filter(isRunning), []);
  assert.deepEqual(readdirSync(runtime), []);
});
