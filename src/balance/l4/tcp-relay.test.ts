import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "#src/net/address.ts";
import type { CloseReason, Stream, StreamHandler } from "#src/reactor/stream.ts";
import { FakeStream } from "#src/testing/fake-stream.ts";
import type { BackendPool } from "../pool.ts";
import { l4Route, LISTENER, poolOver, Remembered } from "./l4.cases.ts";
import { L4Route } from "./l4-route.ts";
import { type RelayServices, TcpRelay } from "./tcp-relay.ts";

/** A fake that counts, ends by itself when both halves have ended, and notes when it is asked to splice. */
class FakeEnd extends FakeStream {
  receivedBytes = 0;
  splicedTo: Stream | undefined;
  keptAlive = 0;
  #inputEnded = false;

  override receive(data: Uint8Array | string): void {
    this.receivedBytes += data.length;
    super.receive(data);
  }

  override endInput(): void {
    this.#inputEnded = true;
    super.endInput();
    this.#endWhole();
  }

  override endWriting(): void {
    super.endWriting();
    this.#endWhole();
  }

  override spliceTo(peer: Stream = this): boolean {
    this.splicedTo = peer;
    return true;
  }

  keepalive(): void {
    this.keptAlive++;
  }

  fail(reason: CloseReason): void {
    this.closed = true;
    this.handler.onClose(this, reason);
  }

  #endWhole(): void {
    if (this.#inputEnded && this.writingEnded && !this.closed) this.fail("done");
  }
}

const endpoints = [1, 2, 3, 4].map((n): Address => ({ family: 4, host: `192.0.2.${n}`, port: 7000 }));

interface SetUp {
  readonly pool?: BackendPool | undefined;
  /** What dialing does at once, by turn; a new fake otherwise. */
  readonly dials?: readonly (CloseReason | undefined)[];
  readonly capacity?: number;
}

function setUp({ pool = poolOver(endpoints), dials = [], capacity }: SetUp = {}) {
  const observer = new Remembered();
  const clock = { now: 1_000 };
  const dialed: string[] = [];
  const upstreams: FakeEnd[] = [];
  const relays = new Set<TcpRelay>();
  const services: RelayServices = {
    clock,
    limits: { connectMs: 500, tcpIdleMs: 1_000, udpIdleMs: 1_000 },
    observer,
    relays,
    dial: (address: Address, _timeoutMs: number, handler: StreamHandler) => {
      dialed.push(address.host);
      const failure = dials[dialed.length - 1];
      if (failure !== undefined) return failure;
      const upstream = new FakeEnd({ peer: address, ...(capacity === undefined ? {} : { capacity }) });
      upstream.handler = handler;
      upstreams.push(upstream);
      return upstream;
    },
  };
  const client = new FakeEnd();
  const route = new L4Route(l4Route("TCP"), () => pool);
  const place: { listener: string; route: L4Route | undefined } = { listener: LISTENER, route };
  const accept = (): TcpRelay => new TcpRelay(client, place, services);
  const open = (index = 0): FakeEnd => {
    const upstream = upstreams[index]!;
    upstream.handler.onOpen(upstream);
    return upstream;
  };
  return { accept, client, clock, dialed, observer, open, place, pool, relays, upstreams };
}

test("bytes go both ways, halves end one by one, and a record tells of it", () => {
  const { accept, client, clock, observer, open, pool, relays } = setUp();
  accept();
  assert.ok(client.paused, "nothing is read before an endpoint has accepted");
  client.receive("early ");
  const upstream = open();
  assert.equal(upstream.sent, "early ");
  assert.equal(pool.endpoints[0]!.inFlight, 1);
  client.receive("more");
  upstream.receive("answer");
  assert.equal(client.sent, "answer");
  client.endInput();
  assert.ok(upstream.writingEnded && !client.writingEnded);
  upstream.receive(" and more");
  clock.now += 250;
  upstream.endInput();
  assert.equal(client.sent, "answer and more");
  assert.ok(client.closed && upstream.closed);
  assert.deepEqual(observer.records, [
    {
      protocol: "TCP",
      listener: LISTENER,
      route: "default/raw",
      client: client.peer,
      backend: "default/raw:1",
      endpoint: "192.0.2.1:7000",
      receivedBytes: 10,
      sentBytes: 15,
      durationMs: 250,
      reason: "done",
    },
  ]);
  assert.deepEqual([observer.started, observer.receivedBytes, observer.sentBytes], [1, 10, 15]);
  assert.equal(pool.endpoints[0]!.inFlight, 0);
  assert.equal(relays.size, 0);
});

test("what the endpoint does not take stops the client until it is drained", () => {
  const { accept, client, open } = setUp({ capacity: 4 });
  accept();
  const upstream = open();
  client.receive("abcdef");
  assert.ok(client.paused);
  upstream.drain();
  assert.ok(!client.paused);
  assert.equal(upstream.sent, "abcdef");
});

test("two full reads in a row are spliced, small ones are not", () => {
  const { accept, client, open } = setUp();
  accept();
  const upstream = open();
  const bulk = new Uint8Array(32 * 1024);
  for (const data of [bulk, new Uint8Array(10), bulk]) client.receive(data);
  assert.equal(client.splicedTo, undefined);
  client.receive(bulk);
  assert.equal(client.splicedTo, upstream);
  assert.equal(upstream.splicedTo, undefined, "the other direction is its own");
});

test("a bulk direction with a full queue is spliced once the queue is empty", () => {
  const { accept, client, open } = setUp({ capacity: 0 });
  accept();
  const upstream = open();
  const bulk = new Uint8Array(40 * 1024);
  client.receive(bulk);
  upstream.drain();
  client.receive(bulk);
  assert.equal(client.splicedTo, undefined);
  upstream.drain();
  assert.equal(client.splicedTo, upstream);
});

test("refused and late endpoints are marked and the next ones tried", () => {
  const { accept, client, dialed, observer, open, pool, upstreams } = setUp({ dials: ["unreachable"] });
  accept();
  upstreams[0]!.fail("timeout");
  assert.deepEqual(dialed, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  open(1);
  client.receive("x");
  assert.equal(upstreams[1]!.sent, "x");
  assert.deepEqual(
    pool.endpoints.map(({ failures, inFlight }) => [failures, inFlight]),
    [
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 0],
    ],
  );
  assert.deepEqual(observer.records, []);
});

test("the third endpoint that refuses is the last", () => {
  const { accept, client, dialed, observer, upstreams } = setUp();
  accept();
  for (let i = 0; i < 3; i++) upstreams[i]!.fail("refused");
  assert.equal(dialed.length, 3);
  assert.ok(client.aborted);
  assert.equal(observer.records[0]?.reason, "connectFailed");
  assert.equal(observer.records[0]?.endpoint, "");
});

test("own shortage is not the endpoint's fault and not tried again", () => {
  const { accept, client, dialed, observer, pool } = setUp({ dials: ["overloaded"] });
  accept();
  assert.equal(dialed.length, 1);
  assert.equal(pool.endpoints[0]!.failures, 0);
  assert.ok(client.aborted);
  assert.equal(observer.records[0]?.reason, "overloaded");
});

test("without a route, a backend or a ready endpoint the client is reset", () => {
  const without = setUp();
  without.place.route = undefined;
  for (const world of [without, setUp({ pool: poolOver([]) })]) {
    world.accept();
    assert.ok(world.client.aborted);
    assert.equal(world.observer.records[0]?.reason, "noBackend");
    assert.equal(world.relays.size, 0);
  }
});

test("a reset of either side resets the other", () => {
  for (const side of ["client", "endpoint"] as const) {
    const { accept, client, observer, open } = setUp();
    accept();
    const upstream = open();
    (side === "client" ? client : upstream).reset();
    assert.ok((side === "client" ? upstream : client).aborted);
    assert.equal(observer.records[0]?.reason, `${side}Reset`);
  }
});

test("an endpoint that resets after its end has given all it had: the client is closed in order", () => {
  const { accept, client, observer, open } = setUp();
  accept();
  const upstream = open();
  upstream.receive("whole");
  upstream.endInput();
  upstream.reset();
  assert.ok(client.closed && !client.aborted);
  assert.equal(observer.records[0]?.reason, "endpointReset");
});

test("a client that leaves while the endpoint is asked is nobody's failure", () => {
  const { accept, client, dialed, observer, pool, upstreams } = setUp();
  accept();
  client.reset();
  assert.ok(upstreams[0]!.aborted);
  assert.equal(dialed.length, 1);
  assert.equal(pool.endpoints[0]!.failures, 0);
  assert.equal(pool.endpoints[0]!.inFlight, 0);
  assert.equal(observer.records[0]?.reason, "clientReset");
});

test("silence for the idle timeout ends the connection, a byte begins it anew", () => {
  const { accept, client, observer, open } = setUp();
  accept();
  const upstream = open();
  assert.deepEqual(client.armed, { kind: 1, ms: 250 });
  assert.equal(upstream.keptAlive, 0, "a short connection needs no keepalive");
  for (let i = 0; i < 3; i++) client.expire();
  assert.equal(upstream.keptAlive, 1);
  upstream.receive("x");
  for (let i = 0; i < 4; i++) client.expire();
  assert.ok(!client.closed);
  assert.equal(observer.sentBytes, 1, "long connections report as they go");
  client.expire();
  assert.ok(client.aborted && upstream.aborted);
  assert.equal(observer.records[0]?.reason, "idle");
});

test("a stop ends it at once", () => {
  const { accept, client, observer, open } = setUp();
  const relay = accept();
  const upstream = open();
  relay.abort();
  assert.ok(client.aborted && upstream.aborted);
  assert.equal(observer.records[0]?.reason, "shutdown");
});
