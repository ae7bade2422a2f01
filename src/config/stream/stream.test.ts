import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Entry } from "#src/config/model.ts";
import { ConfigClient, type ConfigClientOptions } from "./client.ts";
import { versionOf, toEntry } from "./entry.ts";
import { encodeFrame, FrameDecoder } from "./frame.ts";
import { asClientFrame, asServerFrame } from "./frame-shape.ts";
import { ConfigServer, type ConfigServerOptions } from "./server.ts";

const zone = (name: string, text = ""): Entry =>
  toEntry(`zone/default/${name}`, { kind: "zone", origin: `${name}.test.`, text, backends: [] });

const everything: ConfigServerOptions = { select: () => () => true };

function joined(server: ConfigServer, options: Partial<ConfigClientOptions> = {}): ConfigClient {
  const [near, far] = duplexPair();
  server.attach(far);
  return new ConfigClient({ name: "dns", connect: () => near, apply: () => [], ...options });
}

/** Resolves at the first call of the returned function. */
function signal<T = void>(): { readonly fire: (value: T) => void; readonly fired: Promise<T> } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { fire: resolve, fired: promise };
}

test("a version names the content, whatever the order of members and without those undefined", () => {
  assert.equal(
    versionOf({ a: 1, b: { c: [1, 2], d: "x" } }),
    versionOf({ b: { d: "x", c: [1, 2], e: undefined }, a: 1 }),
  );
  assert.notEqual(versionOf({ a: [1, 2] }), versionOf({ a: [2, 1] }));
  assert.match(versionOf({}), /^[0-9a-f]{16}$/);
});

test("frames are found however the bytes are cut", () => {
  const bytes = Buffer.concat([encodeFrame({ type: "ping" }), encodeFrame({ type: "ack", digest: "é", rejected: [] })]);
  for (let size = 1; size <= bytes.length; size++) {
    const decoder = new FrameDecoder(100);
    const values: unknown[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      const found = decoder.push(bytes.subarray(at, at + size));
      assert.ok(Array.isArray(found));
      values.push(...found);
    }
    assert.deepEqual(values, [{ type: "ping" }, { type: "ack", digest: "é", rejected: [] }]);
  }
});

test("a frame that is too long or not JSON is a reason", () => {
  assert.equal(new FrameDecoder(100).push(Buffer.from([0, 0, 0, 101])), "tooLong");
  assert.equal(new FrameDecoder(100).push(Buffer.from("\0\0\0\x01{")), "notJson");
});

for (const value of [
  null,
  [],
  { type: "hello" },
  { type: "hello", protocol: 1, client: "dns", follow: true, have: { a: 1 } },
  { type: "ack", digest: "", rejected: [{}] },
  { type: "observed", key: "k", version: "v", state: 1 },
  { type: "result", id: 1, outcomes: [{ error: 1 }] },
  { type: "update", upsert: [], remove: [], digest: "" },
]) {
  test(`not a client's frame: ${JSON.stringify(value)}`, () => assert.equal(asClientFrame(value), undefined));
}

for (const value of [
  { type: "update", upsert: [{ key: "k", version: "v" }], remove: [], digest: "" },
  { type: "update", upsert: [], remove: [1], digest: "", revision: 0 },
  { type: "update", upsert: [], remove: [], digest: "" },
  { type: "offer", server: "s", digest: "", revision: -1, term: 0 },
  { type: "command", name: "purge" },
  { type: "hello", protocol: 1, client: "dns", follow: true, have: {} },
]) {
  test(`not a server's frame: ${JSON.stringify(value)}`, () => assert.equal(asServerFrame(value), undefined));
}

test("over a Unix socket: live with its time, rejections, a change, a removal; the socket is the user's own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fairway-"));
  const path = join(folder, "config.sock");
  const greeted = signal<string>();
  await using server = new ConfigServer({ ...everything, onConnected: greeted.fire });
  await server.listen(path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const first = signal();
  await using client = new ConfigClient({
    name: "dns",
    connect: () => connect(path),
    apply: ({ upsert }) => {
      first.fire();
      return upsert
        .filter(({ value }) => value.kind === "zone" && value.text === "bad")
        .map(({ key, version }) => ({ key, version, reason: "no SOA" }));
    },
  });
  assert.equal(await greeted.fired, "dns");
  server.publish([zone("a"), zone("b", "bad")]);
  await first.fired;
  const { changed, live, digest } = server.publish([zone("a", "2"), zone("b", "bad")]);
  assert.deepEqual(changed, ["zone/default/a"]);
  const [liveness] = await live;
  assert.ok(liveness!.afterMs! >= 0 && liveness!.afterMs! < 5000);
  const refusal = { key: "zone/default/b", version: zone("b", "bad").version, reason: "no SOA" };
  assert.deepEqual(liveness!.rejected, [refusal], "still refused, though not in this update");
  assert.equal(client.digest, digest);
  const removal = server.publish([zone("a", "2")]);
  assert.deepEqual(removal.changed, ["zone/default/b"]);
  assert.deepEqual((await removal.live)[0]!.rejected, []);
  assert.deepEqual([...client.entries.keys()], ["zone/default/a"]);
  rmSync(folder, { recursive: true });
});

test("a client that already holds everything is told so without entries, and applies nothing twice", async () => {
  await using server = new ConfigServer(everything);
  server.publish([zone("a")]);
  const cut: (() => void)[] = [];
  const reconnected = signal();
  let updates = 0;
  await using client = joined(server, {
    reconnect: { firstMs: 0, maxMs: 0 },
    connect: () => {
      const [near, far] = duplexPair();
      server.attach(far);
      cut.push(() => near.destroy());
      if (cut.length === 2) reconnected.fire();
      return near;
    },
    apply: ({ entries }) => {
      updates += 1;
      return [...entries.values()].map(({ key, version }) => ({ key, version, reason: "refused" }));
    },
  });
  const isCurrent = async () => {
    while (server.clients[0]?.isCurrent !== true) await wait(1);
  };
  await isCurrent();
  client.observe({ key: "zone/default/a", version: "", state: "bound" });
  cut[0]!();
  await reconnected.fired;
  await isCurrent();
  assert.equal(updates, 1);
  assert.equal(server.clients[0]!.rejected.length, 1);
});

test("changes while an update is under way go out together", async () => {
  await using server = new ConfigServer(everything);
  const entered = signal();
  const gate = signal();
  const seen: string[][] = [];
  await using client = joined(server, {
    apply: async ({ upsert }) => {
      seen.push(upsert.map(({ key }) => key));
      entered.fire();
      await gate.fired;
      return [];
    },
  });
  server.publish([zone("a")]);
  await entered.fired;
  server.publish([zone("a"), zone("b")]);
  const { live } = server.publish([zone("a"), zone("b"), zone("c")]);
  gate.fire();
  await live;
  assert.deepEqual(seen, [["zone/default/a"], ["zone/default/b", "zone/default/c"]]);
  assert.equal(client.updates, 2);
});

test("a client that does not answer is reported as not live when the time is up", async () => {
  const greeted = signal<string>();
  await using server = new ConfigServer({ ...everything, liveTimeoutMs: 5, onConnected: greeted.fire });
  const gate = signal();
  await using client = joined(server, { apply: () => gate.fired.then(() => []) });
  await greeted.fired;
  const live = await server.publish([zone("a")]).live;
  assert.deepEqual(live, [{ client: "dns", afterMs: undefined, rejected: [] }]);
  gate.fire();
  assert.equal(client.isConnected, true);
});

test("commands come back with their outcomes, failures too, in the order of updates", async () => {
  await using server = new ConfigServer(everything);
  const order: string[] = [];
  await using client = joined(server, {
    apply: () => {
      order.push("update");
      return [];
    },
    command: ({ name, argument }) => {
      order.push(name);
      if (name === "fail") throw new Error("no such host");
      return [{ process: 1, value: argument }];
    },
  });
  await server.publish([zone("a")]).live;
  while (server.clients.length === 0) await wait(1);
  assert.deepEqual(await server.command("", { name: "purge", argument: { all: true } }), [
    { process: 1, value: { all: true } },
  ]);
  assert.deepEqual(await server.command("dns", { name: "fail", argument: undefined }), [{ error: "no such host" }]);
  assert.deepEqual(await server.command("edge", { name: "purge", argument: undefined }), []);
  assert.deepEqual(order, ["update", "purge", "fail"]);
  assert.equal(client.isConnected, true);
});

test("observations reach the server, with the process that made them", async () => {
  const seen = signal<unknown>();
  await using server = new ConfigServer({
    ...everything,
    onObserved: (name, observation) => seen.fire([name, observation]),
  });
  await using client = joined(server);
  client.observe({ key: "port/edge/tcp/80", version: "1", state: "bound", process: 2 });
  assert.deepEqual(await seen.fired, [
    "dns",
    { type: "observed", key: "port/edge/tcp/80", version: "1", state: "bound", process: 2 },
  ]);
});

test("a stranger is turned away: unknown name, other protocol, no frame at all", async () => {
  const server = new ConfigServer({ select: () => undefined });
  for (const bytes of [
    encodeFrame({ type: "hello", protocol: 1, client: "who", follow: true, have: {} }),
    Buffer.from("\0\0\0\x02{}"),
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  ]) {
    const [near, far] = duplexPair();
    server.attach(far);
    near.resume();
    near.write(bytes);
    await once(far, "close");
  }
  await using open = new ConfigServer(everything);
  const [near, far] = duplexPair();
  open.attach(far);
  near.resume();
  near.write(encodeFrame({ type: "hello", protocol: 2, client: "dns", follow: true, have: {} }));
  await once(far, "close");
  assert.deepEqual(open.clients, []);
});

test("a silent peer is dropped, one that pings is kept", async () => {
  const gone = signal<string>();
  await using server = new ConfigServer({
    ...everything,
    silenceMs: 40,
    onDisconnected: (_, reason) => gone.fire(reason),
  });
  await using client = joined(server, { silenceMs: 40, name: "kept" });
  const [near, far] = duplexPair();
  server.attach(far);
  near.resume();
  near.write(encodeFrame({ type: "hello", protocol: 1, client: "mute", follow: true, have: {} }));
  assert.equal(await gone.fired, "silent");
  assert.deepEqual(
    server.clients.map((status) => status.client),
    ["kept"],
  );
  assert.equal(client.isConnected, true);
});
