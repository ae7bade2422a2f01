/** Real sockets on loopback, IPv4 and IPv6: node's own net and dgram are clients and endpoints. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import type { EntryValue } from "#src/config/model.ts";
import type { Observation } from "#src/config/stream/update.ts";
import type { Address } from "#src/net/address.ts";
import { startReactor, until } from "#src/reactor/loopback.cases.ts";
import type { BackendPool } from "../pool.ts";
import { l4Port, l4Route, LISTENER, poolOver, Remembered, updateOf } from "./l4.cases.ts";
import { L4Ports, type L4PortsOptions } from "./l4-ports.ts";

const HOSTS = ["127.0.0.1", "::1"] as const;
type Protocol = "TCP" | "UDP";

/** Ports under test, and whatever a test has opened beside them, which ends with them. */
async function setUp(options: Partial<L4PortsOptions> = {}) {
  const stack = new AsyncDisposableStack();
  const reactor = stack.use(startReactor());
  const observer = new Remembered();
  const observed: Observation[] = [];
  const pools = new Map<string, BackendPool>();
  const ports = stack.use(
    new L4Ports({
      engine: "balancer",
      tcp: reactor.tcp,
      poolOf: (key) => pools.get(key),
      observer,
      bind: HOSTS,
      observe: (observation) => observed.push(observation),
      ...options,
    }),
  );
  const apply = (protocol: Protocol, more: Readonly<Record<string, EntryValue>> = {}, version = "1") =>
    ports.apply(updateOf({ p: l4Port(protocol, []), r: l4Route(protocol), ...more }, version));
  const serve = (protocol: Protocol, endpoints: readonly Address[]): Address[] => {
    pools.set("b", poolOver(endpoints, reactor.poller));
    assert.deepEqual(apply(protocol), []);
    return ports.boundOf("p");
  };
  return {
    reactor,
    observer,
    observed,
    pools,
    ports,
    apply,
    serve,
    stack,
    [Symbol.asyncDispose]: async () => {
      await stack.disposeAsync();
      assert.deepEqual(reactor.faults, []);
    },
  };
}

type World = Awaited<ReturnType<typeof setUp>>;

const addressOf = ({ address, port, family }: net.AddressInfo): Address => ({
  family: family === "IPv6" ? 6 : 4,
  host: address,
  port,
});

async function tcpEndpoint(world: World, host: string, onSocket: (socket: net.Socket) => void): Promise<Address> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  server.listen(0, host);
  await once(server, "listening");
  world.stack.defer(() => void server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return addressOf(address);
}

async function udpEndpoint(world: World, host: string, name: string): Promise<Address> {
  const socket = dgram.createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.on("message", (data, from) => socket.send(`${name}:${data.toString()}`, from.port, from.address));
  socket.bind(0, host);
  await once(socket, "listening");
  world.stack.defer(() => void socket.close());
  return addressOf(socket.address());
}

/** A port where nobody listens: one that was just given back. */
async function deadAddress(host: string): Promise<Address> {
  const server = net.createServer().listen(0, host);
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  server.close();
  await once(server, "close");
  return addressOf(address);
}

function connect(world: World, { host, port }: Address): net.Socket {
  const socket = net.connect({ host, port, allowHalfOpen: true });
  socket.on("error", () => undefined);
  world.stack.defer(() => void socket.destroy());
  return socket;
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => void parts.push(part));
  await once(socket, "end");
  return Buffer.concat(parts);
}

const echo = (socket: net.Socket): void => void socket.pipe(socket);
const checksum = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

for (const [index, host] of HOSTS.entries()) {
  test(`TCP over ${host}: echo, half-close from the client, record`, async () => {
    await using world = await setUp();
    const bound = world.serve("TCP", [await tcpEndpoint(world, host, echo)]);
    assert.deepEqual(
      bound.map((address) => address.host),
      [...HOSTS],
    );
    const socket = connect(world, bound[index]!);
    socket.end("hello");
    assert.equal((await readAll(socket)).toString(), "hello");
    await until(() => world.observer.records.length === 1, "the record is there");
    const { reason, receivedBytes, sentBytes, client } = world.observer.records[0]!;
    assert.deepEqual({ reason, receivedBytes, sentBytes }, { reason: "done", receivedBytes: 5, sentBytes: 5 });
    assert.equal(client.host, host);
  });

  test(`TCP over ${host}: half-close from the endpoint, which goes on listening`, async () => {
    await using world = await setUp();
    const heard = Promise.withResolvers<string>();
    const endpoint = await tcpEndpoint(world, host, (socket) => {
      socket.end("bye");
      void readAll(socket).then((bytes) => heard.resolve(bytes.toString()));
    });
    const socket = connect(world, world.serve("TCP", [endpoint])[index]!);
    assert.equal((await readAll(socket)).toString(), "bye");
    socket.end("still here");
    assert.equal(await heard.promise, "still here");
    await until(() => world.observer.records[0]?.reason === "done", "both halves have ended");
  });

  test(`TCP over ${host}: 20 MB each way arrive whole`, async () => {
    await using world = await setUp();
    const bytes = Buffer.alloc(20_000_000, "0123456789abcdef!");
    const socket = connect(world, world.serve("TCP", [await tcpEndpoint(world, host, echo)])[index]!);
    socket.end(bytes);
    assert.equal(checksum(await readAll(socket)), checksum(bytes));
    await until(() => world.observer.records.length === 1, "the record is there");
    const { receivedBytes, sentBytes, reason } = world.observer.records[0]!;
    assert.deepEqual([receivedBytes, sentBytes, reason], [bytes.length, bytes.length, "done"]);
    assert.equal(world.observer.receivedBytes, bytes.length);
  });

  test(`TCP over ${host}: a refused endpoint is passed over, with none left the client is reset`, async () => {
    await using world = await setUp();
    const dead = await deadAddress(host);
    const bound = world.serve("TCP", [dead, await tcpEndpoint(world, host, echo)])[index]!;
    const socket = connect(world, bound);
    socket.end("hello");
    assert.equal((await readAll(socket)).toString(), "hello");
    const pool = world.pools.get("b")!;
    assert.deepEqual(
      pool.endpoints.map(({ failures }) => failures),
      [1, 0],
    );
    world.pools.set("b", poolOver([dead], world.reactor.poller));
    world.apply("TCP");
    const lost = connect(world, bound);
    const [error] = (await once(lost, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET");
    await until(() => world.observer.records.length === 2, "both records are there");
    assert.ok(world.observer.records.some(({ reason }) => reason === "connectFailed"));
  });

  test(`UDP over ${host}: echo, a client stays with its endpoint, in another process as well`, async () => {
    await using world = await setUp();
    await using other = await setUp();
    const endpoints = await Promise.all(["a", "b", "c"].map((name) => udpEndpoint(world, host, name)));
    const [bound, again] = [world.serve("UDP", endpoints)[index]!, other.serve("UDP", endpoints)[index]!];
    const chosen = new Set<string>();
    for (let i = 0; i < 12; i++) {
      const client = dgram.createSocket(host.includes(":") ? "udp6" : "udp4");
      world.stack.defer(() => void client.close());
      const answers: string[] = [];
      for (const to of [bound, bound, again]) {
        client.send("hi", to.port, to.host);
        const [data, from] = (await once(client, "message")) as [Buffer, dgram.RemoteInfo];
        answers.push(data.toString());
        assert.deepEqual([from.address, from.port], [to.host, to.port], "from the address that was asked");
      }
      assert.equal(new Set(answers).size, 1, answers.join(" "));
      chosen.add(answers[0]!);
    }
    assert.ok(chosen.size > 1, "clients are spread");
    assert.equal(world.ports.sessions, 12);
    world.ports[Symbol.dispose]();
    assert.equal(world.observer.records.length, 12);
    assert.ok(
      world.observer.records.every(({ receivedBytes, sentBytes }) => receivedBytes === 4 && sentBytes === 8),
      "records count bytes",
    );
  });

  test(`UDP over ${host}: an endpoint that refuses is left for another`, async () => {
    await using world = await setUp();
    const dead = await deadAddress(host);
    const bound = world.serve("UDP", [dead, await udpEndpoint(world, host, "alive")])[index]!;
    for (let i = 0; i < 8; i++) {
      const client = dgram.createSocket(host.includes(":") ? "udp6" : "udp4");
      const answered = once(client, "message");
      // A client repeats what was not answered.
      const repeat = setInterval(() => client.send("hi", bound.port, bound.host), 20);
      const [data] = (await answered) as [Buffer];
      clearInterval(repeat);
      client.close();
      assert.equal(data.toString(), "alive:hi");
    }
    assert.ok(world.pools.get("b")!.endpoints[0]!.failures > 0);
  });
}

test("UDP: sessions are bounded, idle ones end, and without a backend datagrams are counted", async () => {
  await using world = await setUp({ maxSessions: 2 });
  const endpoint = await udpEndpoint(world, "127.0.0.1", "a");
  const [bound] = world.serve("UDP", [endpoint]);
  const ask = async (): Promise<void> => {
    const client = dgram.createSocket("udp4");
    client.send("hi", bound!.port, bound!.host);
    await once(client, "message");
    client.close();
  };
  for (let i = 0; i < 3; i++) await ask();
  assert.equal(world.ports.sessions, 2);
  assert.deepEqual(
    world.observer.records.map(({ reason }) => reason),
    ["evicted"],
  );
  world.pools.delete("b");
  world.apply("UDP");
  const client = dgram.createSocket("udp4");
  client.send("hi", bound!.port, bound!.host);
  await until(() => world.observer.dropped.length === 1, "the datagram is counted");
  client.close();
  assert.deepEqual(world.observer.dropped, ["noBackend"]);
});

test("UDP: sessions without traffic end after the idle timeout", async () => {
  await using world = await setUp();
  const [bound] = world.serve("UDP", [await udpEndpoint(world, "127.0.0.1", "a")]);
  world.apply("UDP", { "dataplane/balancer": dataPlane(60) });
  const client = dgram.createSocket("udp4");
  client.send("hi", bound!.port, bound!.host);
  await once(client, "message");
  client.close();
  assert.equal(world.ports.sessions, 1);
  await until(() => world.ports.sessions === 0, "the session has ended");
  assert.equal(world.observer.records[0]?.reason, "idle");
});

test("a wildcard UDP port answers from the address that was asked", async () => {
  await using world = await setUp({ bind: ["0.0.0.0", "::"] });
  const [bound] = world.serve("UDP", [await udpEndpoint(world, "127.0.0.1", "a")]);
  const client = dgram.createSocket("udp4");
  client.bind(0, "127.0.0.1");
  await once(client, "listening");
  for (const asked of ["127.0.0.2", "127.0.0.3", "127.0.0.2"]) {
    client.send("hi", bound!.port, asked);
    const [, from] = (await once(client, "message")) as [Buffer, dgram.RemoteInfo];
    assert.equal(from.address, asked);
  }
  client.close();
});

test("new connections take the new route, old ones go on; a drain waits for them", async () => {
  await using world = await setUp();
  const greet = (name: string) => (socket: net.Socket) => {
    socket.write(name);
    socket.on("data", (data) => socket.write(`${name}:${data.toString()}`));
    socket.on("end", () => socket.end());
  };
  const [bound] = world.serve("TCP", [await tcpEndpoint(world, "127.0.0.1", greet("old"))]);
  const first = connect(world, bound!);
  assert.equal(String((await once(first, "data"))[0]), "old");
  world.pools.set("b", poolOver([await tcpEndpoint(world, "127.0.0.1", greet("new"))], world.reactor.poller));
  world.apply("TCP", {}, "2");
  const second = connect(world, bound!);
  assert.equal(String((await once(second, "data"))[0]), "new");
  first.write("x");
  assert.equal(String((await once(first, "data"))[0]), "old:x");
  let isDrained = false;
  const drained = world.ports.drain().then(() => (isDrained = true));
  second.end();
  await until(() => world.ports.connections === 1, "the second has ended");
  assert.ok(!isDrained);
  first.end();
  await drained;
  assert.deepEqual(
    world.observed.map(({ version, state }) => [version, state]),
    [
      ["1", "bound"],
      ["2", "bound"],
    ],
  );
});

test("ports come and go with the configuration, one that is taken is rejected", async () => {
  await using world = await setUp({ bind: ["127.0.0.1"] });
  const [bound] = world.serve("TCP", [await tcpEndpoint(world, "127.0.0.1", echo)]);
  const taken = await tcpEndpoint(world, "127.0.0.1", echo);
  const rejected = world.ports.apply(updateOf({ q: l4Port("TCP", [], taken.port), r: l4Route("TCP") }));
  assert.equal(rejected.length, 1);
  assert.match(rejected[0]!.reason, /^Cannot listen on 127\.0\.0\.1 port \d+: address already in use$/);
  assert.deepEqual(world.ports.boundOf("p"), []);
  const refused = connect(world, bound!);
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNREFUSED");
});

test("the oldest of several routes has the listener; too many connections are reset", async () => {
  await using world = await setUp({ bind: ["127.0.0.1"], maxConnections: 1 });
  const endpoint = await tcpEndpoint(world, "127.0.0.1", echo);
  const younger = { ...l4Route("TCP", ["none"]), id: "a/first-by-name", createdAt: "2026-02-01T00:00:00Z" };
  const [bound] = world.serve("TCP", [endpoint]);
  world.apply("TCP", { a: younger });
  const first = connect(world, bound!);
  first.write("x");
  assert.equal(String((await once(first, "data"))[0]), "x");
  const second = connect(world, bound!);
  await new Promise((resolve) => second.once("close", resolve));
  assert.equal(world.ports.shed, 1);
  first.end();
  await readAll(first);
  await until(() => world.observer.records.length === 1, "the record is there");
  assert.deepEqual([world.observer.records[0]!.route, world.observer.records[0]!.listener], ["default/raw", LISTENER]);
});

function dataPlane(udpIdleTimeoutMs: number): EntryValue {
  return {
    kind: "dataPlane",
    engine: "balancer",
    accessLog: { mode: "off", sampleEvery: 1 },
    cacheMaxBytes: 0,
    httpMaxHeaderBytes: 0,
    httpMaxBodyBytes: 0,
    httpHeaderTimeoutMs: 0,
    httpIdleTimeoutMs: 0,
    upstreamConnectTimeoutMs: 5_000,
    upstreamIdleTimeoutMs: 0,
    tcpIdleTimeoutMs: 60_000,
    udpIdleTimeoutMs,
  };
}
