/** What 200 clients and 10,000 routes cost a server, in calls and frames, not in time. */
import assert from "node:assert/strict";
import { type Duplex, duplexPair } from "node:stream";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Entry } from "#src/config/model.ts";
import { until } from "#src/testing/until.ts";
import { digestOf, toEntry } from "./entry.ts";
import { type ClientFrame, encodeFrame, FrameDecoder } from "./frame.ts";
import { asServerFrame } from "./frame-shape.ts";
import { ConfigServer } from "./server.ts";

const CLIENTS = 200;

const route = (index: number, state = 0): Entry =>
  toEntry(`httproute/shop/route-${index}`, {
    kind: "httpRoute",
    id: `shop/route-${index}`,
    createdAt: "",
    attachments: [{ listener: "shop/front/http", hostnames: [`host-${index}.${state}.test`] }],
    rules: [],
  });

const ROUTES = Array.from({ length: 10_000 }, (_, index) => route(index));

/** A client that holds what it says, and acknowledges what it is told to. */
class Peer {
  readonly types: string[] = [];
  readonly updates: {
    readonly digest: string;
    readonly upsert: readonly Entry[];
    readonly remove: readonly string[];
  }[] = [];
  isSlow = false;
  readonly #stream: Duplex;
  readonly #decoder = new FrameDecoder(1 << 28);

  constructor(server: ConfigServer, digest: string, follow = true) {
    const [near, far] = duplexPair();
    this.#stream = near;
    server.attach(far);
    near.on("data", (chunk: Buffer) => this.#onData(chunk));
    this.send({ type: "hello", protocol: 1, client: "balancer", follow, digest });
  }

  send(frame: ClientFrame): void {
    this.#stream.write(encodeFrame(frame));
  }

  acknowledgeLast(): void {
    this.send({ type: "ack", digest: this.updates.at(-1)!.digest, rejected: [] });
  }

  #onData(chunk: Buffer): void {
    const values = this.#decoder.push(chunk);
    assert.ok(Array.isArray(values));
    for (const value of values) {
      const frame = asServerFrame(value)!;
      this.types.push(frame.type);
      if (frame.type !== "update") continue;
      this.updates.push(frame);
      if (!this.isSlow) this.acknowledgeLast();
    }
  }
}

test("one change: filtered, hashed and serialised once for all clients, whether they follow or watch", async () => {
  let filtered = 0;
  const select = (): boolean => {
    filtered += 1;
    return true;
  };
  await using server = new ConfigServer({ select: () => select });
  server.publish(ROUTES, 1);
  const digest = digestOf(ROUTES);
  const peers = Array.from({ length: CLIENTS }, (_, index) => new Peer(server, digest, index % 2 === 0));
  await until("all", () => (peers.every(({ types }) => types.length === 1) ? true : undefined));
  assert.deepEqual(peers[0]!.updates, [{ type: "update", upsert: [], remove: [], digest, revision: 1 }]);
  assert.ok(filtered <= ROUTES.length, "one look at each entry, for the view that all share");

  filtered = 0;
  let serialised = 0;
  const changed = route(5000, 1);
  const counted: Entry = {
    ...changed,
    value: Object.assign(Object.create({ toJSON: () => ((serialised += 1), changed.value) }), changed.value),
  };
  server.publish(ROUTES.with(5000, counted), 2);
  await until("all", () => (peers.every(({ types }) => types.length === 2) ? true : undefined));
  assert.deepEqual(peers[0]!.updates[1]!.upsert, [changed]);
  assert.deepEqual(peers[1]!.types, ["offer", "offer"]);
  assert.equal(serialised, 1);
  assert.ok(filtered < 10, `${filtered} looks`);
});

test("a slow client has one update under way, whatever happens meanwhile, and then one with all of it", async () => {
  await using server = new ConfigServer({ select: () => everything });
  server.publish(ROUTES);
  const peer = new Peer(server, digestOf(ROUTES));
  await until("the answer", () => peer.updates[0]);
  peer.isSlow = true;
  for (let state = 1; state <= 300; state++) server.publish(ROUTES.with(state, route(state, state)));
  await setImmediate();
  assert.equal(peer.updates.length, 2);
  peer.acknowledgeLast();
  await until("the rest", () => peer.updates[2]);
  // Each publication took the change before back.
  assert.deepEqual(peer.updates[2]!.upsert, [route(1), route(300, 300)]);
  assert.deepEqual(peer.types, ["update", "update", "update"]);
});

test("a client behind more changes than are remembered is asked what it has", async () => {
  await using server = new ConfigServer({ select: () => everything });
  server.publish(ROUTES);
  const peer = new Peer(server, digestOf(ROUTES));
  await until("the answer", () => peer.updates[0]);
  peer.isSlow = true;
  const all = (state: number): Entry[] => ROUTES.map((_, index) => route(index, state));
  server.publish(ROUTES.with(0, route(0, 1)));
  for (const state of [1, 2, 3]) server.publish(all(state));
  await until("the one under way", () => peer.updates[1]);
  peer.acknowledgeLast();
  await until("the question", () => (peer.types.includes("want") ? true : undefined));
  const have = {
    ...Object.fromEntries(all(3).map(({ key, version }) => [key, version])),
    [ROUTES[7]!.key]: "old",
    gone: "1",
  };
  peer.send({ type: "hello", protocol: 1, client: "balancer", follow: true, have });
  await until("what differs", () => peer.updates[2]);
  assert.deepEqual(peer.updates[2]!.upsert, [route(7, 3)]);
  assert.deepEqual(peer.updates[2]!.remove, ["gone"]);
  assert.equal(peer.updates[2]!.digest, digestOf(all(3)));
});

const everything = (): boolean => true;
