import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BackendPool } from "#src/balance/pool.ts";
import type { BackendConfig } from "#src/config/model.ts";
import type { LateTask } from "#src/reactor/poller.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { CloseReason, Stream, StreamHandler } from "#src/reactor/stream.ts";
import { TimerWheel } from "#src/reactor/timer-wheel.ts";
import { FakeParts, FakeStream } from "#src/testing/fake-stream.ts";
import { parseRequest } from "../h1/parse.ts";
import { BODY, Message } from "../message.ts";
import type { UpstreamCall, UpstreamReceiver } from "../upstream.ts";
import { HttpUpstreamPool } from "./http-upstream-pool.ts";
import { DEFAULT_UPSTREAM_LIMITS, type UpstreamLimits } from "./options.ts";
import { UpstreamServices } from "./services.ts";

const HEAD_LIMITS = { headBytes: 65_536, fields: 256 };
const GET = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const WIRE = "GET /a HTTP/1.1\r\nhost: x\r\n\r\n";

/** Writes down all that a receiver is told. */
class Recorder implements UpstreamReceiver {
  readonly events: string[] = [];
  accepts = true;
  upgraded: Stream | undefined = undefined;

  onInform(_call: UpstreamCall, head: Message): void {
    this.events.push(`inform ${head.status}`);
  }
  onResponse(_call: UpstreamCall, head: Message): void {
    this.events.push(`head ${head.status}`);
  }
  onBody(_call: UpstreamCall, slab: Slab, start: number, end: number): boolean {
    this.events.push(`body ${Buffer.from(slab.bytes.slice(start, end)).toString()}`);
    return this.accepts;
  }
  onBodyEnd(_call: UpstreamCall, trailers: Message | undefined): void {
    this.events.push(trailers === undefined ? "end" : `end ${trailers.name(0)}=${trailers.value(0)}`);
  }
  onUpgrade(_call: UpstreamCall, head: Message, stream: Stream, rest: Uint8Array): void {
    this.upgraded = stream;
    this.events.push(`upgrade ${head.status} ${Buffer.from(rest).toString()}`);
  }
  onFail(_call: UpstreamCall, error: { source: string; retryable: boolean; detail: string }): void {
    this.events.push(`fail ${error.source}${error.retryable ? " retryable" : ""}: ${error.detail}`);
  }
  onDrain(): void {
    this.events.push("drain");
  }
}

function setUp(endpoints = 1, changed: Partial<UpstreamLimits> = {}) {
  const late: LateTask[] = [];
  const wheelLoop = {
    now: 1000,
    startTick: () => {},
    cancelTick: () => {},
    fault: (error: unknown) => assert.fail(String(error)),
  };
  const deadlines = new TimerWheel(wheelLoop);
  const loop = {
    get now() {
      return wheelLoop.now;
    },
    deadlines,
    late: (task: LateTask) => void late.push(task),
  };
  const config: BackendConfig = {
    kind: "backend",
    id: "default/web:80",
    endpoints: Array.from({ length: endpoints }, (_, i) => ({
      address: `192.0.2.${i + 1}`,
      port: 80,
      weight: 1,
      ready: true,
    })),
    health: { type: "none", path: "/", intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 },
    tls: undefined,
  };
  const health = { targetOf: () => -1, isHealthy: () => true };
  const backend = new BackendPool(config, { clock: loop, health, random: () => 0 });
  const streams: FakeStream[] = [];
  /** Set: connecting fails at once with it. */
  const refusal: { reason: CloseReason | undefined } = { reason: undefined };
  const connect = (address: { host: string }, handler: StreamHandler): Stream | CloseReason => {
    if (refusal.reason !== undefined) return refusal.reason;
    const stream = new FakeStream({ peer: { family: 4, host: address.host, port: 80 } });
    stream.handler = handler;
    streams.push(stream);
    return stream;
  };
  const limits = { ...DEFAULT_UPSTREAM_LIMITS, ...changed };
  const services = new UpstreamServices(loop, new FakeParts());
  const pool = new HttpUpstreamPool(backend, connect, services, limits);
  const request = (text = GET, headTimeoutMs = 0) => {
    const bytes = Buffer.from(text);
    const head = new Message();
    assert.ok(parseRequest(bytes, 0, bytes.length, head, HEAD_LIMITS) > 0);
    const receiver = new Recorder();
    const hasBody = head.body === BODY.chunked || head.contentLength > 0;
    const call = pool.request({ head, edits: undefined, hasBody, key: 0, headTimeoutMs }, receiver);
    return { call, receiver, events: receiver.events };
  };
  const open = (index: number): FakeStream => {
    const stream = streams[index]!;
    stream.handler.onOpen(stream);
    return stream;
  };
  const batchEnd = (): void => late.splice(0).forEach((task) => task.runLate());
  /** A first request, answered, which leaves one idle connection. */
  const warm = (): FakeStream => {
    request();
    const stream = open(0);
    stream.receive("HTTP/1.1 204 No Content\r\n\r\n");
    stream.takeSent();
    return stream;
  };
  const advance = (ms: number): void => {
    wheelLoop.now += ms;
    deadlines.tick();
  };
  return { pool, backend, services, streams, refusal, request, open, batchEnd, warm, advance };
}

const text = (value: string): Slab => new Slab(new Uint8Array(Buffer.from(value)));

const responses: readonly [name: string, bytes: string, events: readonly string[], reused: boolean][] = [
  ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", ["head 200", "body abc", "end"], true],
  ["without content", "HTTP/1.1 204 No Content\r\n\r\n", ["head 204", "end"], true],
  ["of length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ["head 200", "end"], true],
  ["304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", ["head 304", "end"], true],
  [
    "that closes",
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
    ["head 200", "body a", "end"],
    false,
  ],
  ["of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", ["head 200", "body a", "end"], false],
  ["longer than it said", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", ["head 200", "body a", "end"], false],
  [
    "after interim ones",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ["inform 103", "head 204", "end"],
    true,
  ],
  [
    "chunked with trailers",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nx-sum: 7\r\n\r\n",
    ["head 200", "body ab", "body c", "end x-sum=7"],
    true,
  ],
];

for (const [name, bytes, events, reused] of responses) {
  test(`a response ${name}, whole and byte by byte`, () => {
    for (const size of [bytes.length, 1]) {
      const { request, open, pool } = setUp();
      const { events: seen } = request();
      const stream = open(0);
      assert.equal(stream.sent, WIRE);
      for (let at = 0; at < bytes.length && !stream.closed; at += size) stream.receive(bytes.slice(at, at + size));
      const joined = seen
        .join("|")
        .replaceAll(/\|body (?=[a-z])/g, "~")
        .replaceAll(/(?<=~[a-z]+)~/g, "");
      const wanted = events
        .join("|")
        .replaceAll(/\|body (?=[a-z])/g, "~")
        .replaceAll(/(?<=~[a-z]+)~/g, "");
      assert.equal(joined, wanted);
      assert.deepEqual(pool.connections, size === 1 || reused ? [0, stream.closed ? 0 : 1] : [0, 0]);
      assert.equal(stream.closed, !reused);
    }
  });
}

test("a response until the close ends with it", () => {
  const { request, open } = setUp();
  const { events } = request();
  const stream = open(0);
  stream.receive("HTTP/1.1 200 OK\r\n\r\nab");
  stream.endInput();
  assert.deepEqual(events, ["head 200", "body ab", "end"]);
});

const broken: readonly [name: string, bytes: string, how: "endInput" | "reset", last: string][] = [
  [
    "shorter than it said",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
    "endInput",
    "fail body: closed before the response's end",
  ],
  [
    "cut within a chunk",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "endInput",
    "fail body: closed before the response's end",
  ],
  ["until the close, reset", "HTTP/1.1 200 OK\r\n\r\nab", "reset", "fail body: reset before the response's end"],
  ["cut within its head", "HTTP/1.1 200", "endInput", "fail head: closed before a response"],
];
for (const [name, bytes, how, last] of broken) {
  test(`a response ${name} fails and is never whole`, () => {
    const { request, open, pool } = setUp();
    const { events } = request();
    const stream = open(0);
    stream.receive(bytes);
    stream[how]();
    assert.equal(events.at(-1), last);
    assert.ok(!events.includes("end"));
    assert.deepEqual(pool.connections, [0, 0]);
  });
}

test("what is not HTTP fails the call and the connection", () => {
  const { request, open } = setUp();
  const { events } = request();
  const stream = open(0);
  stream.receive("SSH-2.0-OpenSSH\r\n\r\n");
  assert.match(events.join(), /^fail head: /);
  assert.ok(stream.aborted);
});

test("the connection used last is used first, by one send", () => {
  const { request, streams, warm } = setUp();
  const stream = warm();
  const before = stream.sends;
  request();
  assert.equal(streams.length, 1);
  assert.equal(stream.sent, WIRE);
  assert.equal(stream.sends - before, 1);
});

test("an idle connection closes on any input, on its end and after its time", () => {
  for (const act of ["input", "end", "time"] as const) {
    const { pool, warm } = setUp();
    const stream = warm();
    assert.deepEqual(pool.connections, [0, 1]);
    if (act === "input") stream.receive("HTTP/1.1 200 OK\r\n\r\n");
    else if (act === "end") stream.endInput();
    else stream.expire();
    assert.ok(stream.closed);
    assert.deepEqual(pool.connections, [0, 0]);
  }
});

test("a used connection that was closed before a response: a GET goes again on a fresh one", () => {
  const { request, streams, open, warm, pool } = setUp();
  const stream = warm();
  const { events } = request();
  stream.reset();
  assert.equal(streams.length, 2);
  open(1).receive("HTTP/1.1 204 No Content\r\n\r\n");
  assert.equal(streams[1]!.sent, WIRE);
  assert.deepEqual(events, ["head 204", "end"]);
  assert.equal(pool.counts.retries, 1);
  assert.equal(pool.backend.endpoints[0]!.inFlight, 0);
});

test("a POST that may have been processed does not go again", () => {
  const { request, warm, streams } = setUp();
  const stream = warm();
  const { events } = request("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  stream.endInput();
  assert.deepEqual(events, ["fail head: closed before a response"]);
  assert.equal(streams.length, 1);
});

test("a refused connection: the request goes to another endpoint, then fails", () => {
  const { request, streams, batchEnd, backend } = setUp(2);
  const { events } = request();
  const refuse = (index: number): void => streams[index]!.close("refused");
  refuse(0);
  assert.notEqual(streams[1]!.peer.host, streams[0]!.peer.host);
  refuse(1);
  batchEnd();
  assert.deepEqual(events, ["fail connect retryable: connection refused"]);
  assert.deepEqual(
    backend.endpoints.map(({ failures, inFlight }) => [failures, inFlight]),
    [
      [1, 0],
      [1, 0],
    ],
  );
});

test("without an endpoint the failure comes at the batch's end, not within request", () => {
  const { request, batchEnd } = setUp(0);
  const { events } = request();
  assert.deepEqual(events, []);
  batchEnd();
  assert.deepEqual(events, ["fail noEndpoint retryable: no endpoint is ready"]);
});

test("a head leaves together with the first body bytes, or at the batch's end", () => {
  const { request, warm, batchEnd } = setUp();
  const stream = warm();
  const post = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n";
  const wire = "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n";
  const before = stream.sends;
  const first = request(post);
  assert.equal(stream.sent, "");
  first.call.write(text("ab"), 0, 2);
  first.call.end();
  assert.equal(stream.takeSent(), `${wire}ab`);
  assert.equal(stream.sends - before, 1);
  stream.receive("HTTP/1.1 204 No Content\r\n\r\n");
  request(post);
  batchEnd();
  assert.equal(stream.sent, wire);
});

test("a chunked body with trailers, begun before there is a connection", () => {
  const { request, open } = setUp();
  const { call, events } = request("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  assert.equal(call.write(text("abc"), 0, 3), false);
  const stream = open(0);
  assert.deepEqual(events, ["drain"]);
  call.write(text("d"), 0, 1);
  call.end();
  assert.ok(stream.sent.endsWith("\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"), stream.sent);
});

test("a response before the request's end costs the connection", () => {
  const { request, open } = setUp();
  const { events } = request("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
  const stream = open(0);
  stream.receive("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  assert.deepEqual(events, ["head 413", "end"]);
  assert.ok(stream.closed);
});

test("a receiver that asks for a pause gets no more until it resumes", () => {
  const { request, open } = setUp();
  const { call, receiver, events } = request();
  const stream = open(0);
  receiver.accepts = false;
  stream.receive("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  assert.deepEqual(events, ["head 200", "body a"]);
  assert.ok(stream.paused);
  receiver.accepts = true;
  call.resume();
  assert.deepEqual(events, ["head 200", "body a", "body b", "end"]);
});

test("101 hands the stream over with what came behind it", () => {
  const { request, open, pool } = setUp();
  const { receiver, events } = request(
    "GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  const stream = open(0);
  assert.match(stream.sent, /connection: upgrade\r\nupgrade: websocket\r\n/);
  stream.receive("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhey");
  assert.deepEqual(events, ["upgrade 101 hey"]);
  assert.deepEqual(stream.userTimeouts, [0]);
  assert.equal(receiver.upgraded, stream);
  assert.ok(!stream.closed);
  assert.deepEqual(pool.connections, [0, 0]);
});

test("101 that was not asked for fails", () => {
  const { request, open } = setUp();
  const { events } = request();
  open(0).receive("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  assert.deepEqual(events, ["fail head: an upgrade that was not asked for"]);
});

test("no response in time fails without another attempt", () => {
  const { request, open, streams } = setUp(2);
  const { events } = request(GET, 100);
  open(0).expire();
  assert.deepEqual(events, ["fail timeout retryable: no response in time"]);
  assert.equal(streams.length, 1);
});

test("a cancelled call closes its connection and says nothing more", () => {
  const { request, open, pool } = setUp();
  const { call, events } = request();
  const stream = open(0);
  call.cancel();
  assert.ok(stream.closed);
  assert.deepEqual(events, []);
  assert.deepEqual(pool.connections, [0, 0]);
  assert.equal(pool.backend.endpoints[0]!.inFlight, 0);
});

test("beyond the connections requests wait in order, within a bound and for a time", () => {
  const { request, open, streams, advance, batchEnd } = setUp(1, { connections: 1, pending: 2 });
  const first = request();
  const second = request();
  const third = request();
  const fourth = request();
  batchEnd();
  assert.deepEqual(fourth.events, ["fail limit retryable: too many requests wait for a connection"]);
  const stream = open(0);
  stream.receive("HTTP/1.1 204 No Content\r\n\r\n");
  assert.deepEqual([first.events.length, second.events.length], [2, 0]);
  stream.receive("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n");
  assert.equal(streams.length, 1);
  advance(6000);
  assert.deepEqual(third.events, ["fail limit retryable: no free connection in time"]);
});

test("an endpoint that leaves: its idle connections close, one in use closes after its response", () => {
  const { pool, backend, request, open, streams } = setUp();
  const { events } = request();
  const stream = open(0);
  backend.update({ ...backend.config, endpoints: [] });
  stream.receive("HTTP/1.1 204 No Content\r\n\r\n");
  assert.deepEqual(events, ["head 204", "end"]);
  assert.ok(streams[0]!.closed);
  assert.deepEqual(pool.connections, [0, 0]);
});

const POST = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n";
const NO_CONTENT = "HTTP/1.1 204 No Content\r\n\r\n";

const malformed: readonly [name: string, bytes: string, last: string][] = [
  ["bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "fail head: malformed: badStatusLine"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "manyContentLengths"],
  [
    "length and coding",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "codingAndLength",
  ],
  ["a signed length", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", "badContentLength"],
  ["a head without end", `HTTP/1.1 200 OK\r\nA: ${"a".repeat(70_000)}`, "headTooLarge"],
  [
    "a bad chunk size",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "fail body: malformed chunked coding",
  ],
  [
    "no line end behind a chunk",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
    "malformed chunked coding",
  ],
  [
    "a bad trailer",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na b\r\n\r\n",
    "malformed chunked coding",
  ],
  ["interim ones without end", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17), "too many interim responses"],
];
for (const [name, bytes, last] of malformed) {
  test(`a response with ${name} fails, not to be repeated, and its connection is cut`, () => {
    const { request, open, pool, backend } = setUp(1, { headBytes: 32_768 });
    const { events } = request();
    const stream = open(0);
    stream.receive(bytes);
    const told = events.at(-1) ?? "nothing";
    assert.ok(told.endsWith(last), told);
    assert.ok(!events.includes("end") && !told.includes("retryable"));
    assert.ok(stream.aborted);
    assert.equal(backend.endpoints[0]!.failures, 1);
    assert.deepEqual(pool.connections, [0, 0]);
  });
}

test("a long head byte by byte is understood", () => {
  const { request, open, pool } = setUp();
  const { events } = request();
  const stream = open(0);
  const head = `HTTP/1.1 200 OK\r\n${`x-filler: ${"f".repeat(80)}\r\n`.repeat(40)}Content-Length: 1\r\n\r\na`;
  for (const character of head) stream.receive(character);
  assert.deepEqual(events, ["head 200", "body a", "end"]);
  assert.deepEqual(pool.connections, [0, 1]);
});

test("HEAD: a length without a body leaves the connection usable, bytes behind it do not", () => {
  for (const [behind, idle] of [
    ["", 1],
    ["x", 0],
  ] as const) {
    const { request, open, pool } = setUp();
    const { events } = request("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
    open(0).receive(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${behind}`);
    assert.deepEqual(events, ["head 200", "end"]);
    assert.deepEqual(pool.connections, [0, idle]);
  }
});

test("a fresh connection that closes without a response: nothing goes again, but the requester may", () => {
  const { request, open, streams, backend } = setUp(2);
  const { events } = request();
  open(0).endInput();
  assert.deepEqual(events, ["fail head retryable: closed before a response"]);
  assert.equal(streams.length, 1);
  assert.deepEqual(
    backend.endpoints.map(({ failures }) => failures).toSorted((a, b) => a - b),
    [0, 1],
  );
});

test("a request goes again once only, and on a fresh connection", () => {
  const { request, warm, open, streams, backend, pool } = setUp();
  const first = warm();
  const blocker = request();
  assert.equal(streams.length, 1);
  const other = request();
  open(1).receive(NO_CONTENT);
  first.receive(NO_CONTENT);
  assert.deepEqual([blocker.events, other.events].flat(), ["head 204", "end", "head 204", "end"]);
  assert.deepEqual(pool.connections, [0, 2]);
  const { events } = request();
  first.reset();
  assert.equal(streams.length, 3, "not on the other idle one");
  assert.equal(backend.endpoints[0]!.failures, 0, "a stale connection is no fault");
  open(2).reset();
  assert.deepEqual(events, ["fail head retryable: reset before a response"]);
  assert.equal(pool.counts.retries, 1);
});

test("a request that goes again on a used connection after all does not go a third time", () => {
  const { request, warm, open, streams } = setUp(1, { connections: 1 });
  const stream = warm();
  const { events } = request();
  const waiting = request();
  stream.reset();
  assert.equal(streams.length, 2, "the place goes to the one that waited");
  const second = open(1);
  second.receive(NO_CONTENT);
  assert.deepEqual(waiting.events, ["head 204", "end"]);
  assert.equal(second.sent, WIRE + WIRE);
  second.reset();
  assert.deepEqual(events, ["fail head retryable: reset before a response"]);
});

test("an idle connection that broke in this batch, which was not told yet, is not used", () => {
  const { request, warm, streams } = setUp();
  warm().closed = true;
  request();
  assert.equal(streams.length, 2);
});

test("a POST whose body had not begun goes again on a fresh connection, one whose body had does not", () => {
  const early = setUp();
  const stale = early.warm();
  const first = early.request(POST);
  early.batchEnd();
  assert.equal(stale.sent, "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n");
  stale.reset();
  assert.equal(first.call.write(text("abcd"), 0, 4), false, "kept until there is a connection");
  first.call.end();
  const fresh = early.open(1);
  assert.ok(fresh.sent.endsWith("content-length: 4\r\n\r\nabcd"));
  fresh.receive(NO_CONTENT);
  assert.deepEqual(first.events, ["drain", "head 204", "end"]);
  const late = setUp();
  const used = late.warm();
  const second = late.request(POST);
  second.call.write(text("ab"), 0, 2);
  used.reset();
  assert.deepEqual(second.events, ["fail send: reset before the request's end"]);
  assert.equal(late.streams.length, 1);
});

test("a connection that cannot even be started is told at the batch's end", () => {
  const { request, refusal, batchEnd, backend } = setUp();
  refusal.reason = "overloaded";
  const { events } = request();
  assert.deepEqual(events, []);
  batchEnd();
  assert.deepEqual(events, ["fail connect retryable: cannot connect: overloaded"]);
  assert.deepEqual([backend.endpoints[0]!.failures, backend.endpoints[0]!.inFlight], [1, 0]);
});

test("connecting takes too long: another endpoint; no more than so many", () => {
  const { request, streams, batchEnd } = setUp(5, { attempts: 2, connectMs: 70 });
  const { events, call } = request();
  assert.deepEqual(streams[0]!.armed?.ms, 70);
  streams[0]!.expire();
  assert.ok(streams[0]!.closed);
  assert.notEqual(call.endpoint, "192.0.2.1:80");
  streams[1]!.expire();
  batchEnd();
  assert.deepEqual(events, ["fail connect retryable: no connection in time"]);
  assert.equal(streams.length, 2);
});

test("the head's time counts while connecting, and is no reason to try elsewhere", () => {
  const { request, streams, advance } = setUp(2);
  const { events } = request(GET, 200);
  assert.equal(streams[0]!.armed?.ms, 200);
  advance(200);
  streams[0]!.expire();
  assert.deepEqual(events, ["fail timeout retryable: no connection in time"]);
  assert.equal(streams.length, 1);
});

test("TLS failures have their own source", () => {
  const { request, streams, batchEnd } = setUp();
  const { events } = request();
  streams[0]!.close("tlsFailed");
  batchEnd();
  assert.deepEqual(events, ["fail tls retryable: TLS handshake failed"]);
});

test("the head's time runs from the request's end", () => {
  const { request, warm } = setUp();
  const stream = warm();
  const { call } = request(POST, 100);
  assert.equal(stream.armed, undefined);
  call.write(text("abcd"), 0, 4);
  assert.equal(stream.armed, undefined);
  call.end();
  assert.equal(stream.armed!.ms, 100);
});

test("a body that is not what its length said ends the call and the connection", () => {
  for (const [body, last] of [
    ["abcde", "fail send: the request's body is longer than it said"],
    ["abc", "fail send: the request's body is shorter than it said"],
  ] as const) {
    const { request, warm, batchEnd, backend } = setUp();
    const stream = warm();
    const { call, events } = request(POST);
    call.write(text(body), 0, body.length);
    call.end();
    assert.deepEqual(events, []);
    batchEnd();
    assert.deepEqual(events, [last]);
    assert.ok(stream.aborted);
    assert.equal(backend.endpoints[0]!.failures, 0);
    assert.equal(backend.endpoints[0]!.inFlight, 0);
  }
});

test("body before there is a connection is kept up to a bound; a held piece is released", () => {
  const { request, batchEnd } = setUp(1, { earlyBodyBytes: 10 });
  const { call, events } = request("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n");
  let released = 0;
  const held = { release: () => void released++ };
  call.write(text("12345678"), 0, 8, held);
  call.write(text("12345678"), 0, 8, held);
  batchEnd();
  assert.deepEqual(events, ["fail send: too much body before there was a connection"]);
  assert.equal(released, 2);
});

test("a head that is too large is refused, a large one is sent", () => {
  const { request, open, batchEnd } = setUp(1, { requestHeadBytes: 20_000 });
  const { events } = request(`GET /a HTTP/1.1\r\nHost: x\r\nx-large: ${"y".repeat(15_000)}\r\n\r\n`);
  assert.match(open(0).sent, /y{15000}\r\n\r\n$/);
  const large = request(`GET /a HTTP/1.1\r\nHost: x\r\nx-large: ${"y".repeat(21_000)}\r\n\r\n`);
  batchEnd();
  assert.deepEqual(large.events, ["fail send: the request's head is too large"]);
  assert.deepEqual(events, []);
});

test("a request without a target is refused", () => {
  const { request, batchEnd } = setUp();
  const { events } = request("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n");
  batchEnd();
  assert.deepEqual(events, ["fail send: the request has no target"]);
});

test("back-pressure of the request: write says no, drain follows, standstill ends it", () => {
  const { request, warm } = setUp();
  const stream = warm();
  stream.capacity = 10;
  const { call, events } = request("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
  assert.equal(call.write(text("abc"), 0, 3), false);
  stream.drain();
  assert.deepEqual(events, ["drain"]);
  assert.equal(stream.armed, undefined);
  assert.equal(call.write(text("def"), 0, 3), false);
  stream.expire();
  assert.deepEqual(events, ["drain", "fail timeout retryable: the request's body is not taken"]);
});

test("the kernel's user timeout is raised once for a body that waits, or is large, and is back when idle", () => {
  for (const [capacity, bytes] of [
    [10, 20],
    [Infinity, 40_000],
  ] as const) {
    const { request, warm } = setUp();
    const stream = warm();
    stream.capacity = capacity;
    const { call } = request(`PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 * bytes}\r\n\r\n`);
    for (let i = 0; i < 2; i++) call.write(text("x".repeat(bytes)), 0, bytes);
    call.end();
    assert.deepEqual(stream.userTimeouts, [300_000]);
    stream.drain();
    stream.receive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert.deepEqual(stream.userTimeouts, [300_000, 11_000]);
  }
});

test("a request's body that moves on slowly is waited for", () => {
  const { request, warm } = setUp();
  const stream = warm();
  stream.capacity = 0;
  const { call, events } = request(POST);
  call.write(text("abc"), 0, 3);
  const kind = stream.armed!.kind;
  stream.drain(5);
  stream.armed ??= { kind, ms: 1 };
  stream.expire();
  assert.ok(!events.some((event) => event.startsWith("fail")), events.join());
});

test("a pause asked for with the last piece does not keep the response from ending", () => {
  const { request, open, pool } = setUp();
  const { receiver, events } = request();
  receiver.accepts = false;
  const stream = open(0);
  stream.receive("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
  assert.deepEqual(events, ["head 200", "body a", "end"]);
  assert.ok(!stream.paused);
  assert.deepEqual(pool.connections, [0, 1]);
});

test("a response that stops fails, unless it is the receiver that pauses", () => {
  const { request, open } = setUp();
  const { call, events } = request();
  const stream = open(0);
  stream.receive("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na");
  call.pause();
  assert.equal(stream.armed, undefined);
  call.resume();
  stream.expire();
  assert.deepEqual(events, ["head 200", "body a", "fail timeout: the response stopped"]);
});

test("cancelled while connecting: the connection serves the next request", () => {
  const { request, open, streams, pool, backend } = setUp();
  request().call.cancel();
  assert.equal(backend.endpoints[0]!.inFlight, 0);
  const stream = open(0);
  assert.equal(stream.sent, "");
  assert.deepEqual(pool.connections, [0, 1]);
  request();
  assert.equal(stream.sent, WIRE);
  assert.equal(streams.length, 1);
});

test("cancelled before its failure is told: nothing is told", () => {
  const { request, batchEnd } = setUp(0);
  const { call, events } = request();
  call.cancel();
  batchEnd();
  assert.deepEqual(events, []);
});

test("a full endpoint: another healthy one is taken, and none that is ejected", () => {
  const { request, streams, backend, pool } = setUp(2, { connections: 1 });
  request();
  request();
  assert.notEqual(streams[0]!.peer.host, streams[1]!.peer.host);
  const ejected = setUp(2, { connections: 1 });
  ejected.backend.endpoints[1]!.ejectedUntil = Infinity;
  ejected.request();
  ejected.request();
  assert.equal(ejected.streams.length, 1);
  assert.equal(ejected.pool.pending, 1);
  assert.deepEqual([pool.pending, backend.endpoints[0]!.inFlight], [0, 1]);
});

test("who waits: is not started once cancelled, takes the place of a broken connection, follows to another endpoint", () => {
  const { request, open, streams, pool, backend } = setUp(1, { connections: 1 });
  const first = request();
  const second = request();
  const third = request();
  second.call.cancel();
  open(0).reset();
  assert.deepEqual(first.events, ["fail head retryable: reset before a response"]);
  assert.equal(streams.length, 2);
  const fourth = request();
  assert.equal(pool.pending, 1);
  const elsewhere = { address: "192.0.2.9", port: 80, weight: 1, ready: true };
  backend.update({ ...backend.config, endpoints: [elsewhere] });
  assert.equal(pool.pending, 0);
  assert.equal(fourth.call.endpoint, "192.0.2.9:80");
  open(2).receive(NO_CONTENT);
  open(1).receive(NO_CONTENT);
  assert.deepEqual([...third.events, ...fourth.events], ["head 204", "end", "head 204", "end"]);
  assert.deepEqual(second.events, []);
  assert.deepEqual([streams[1]!.closed, streams[2]!.closed], [true, false], "the old endpoint keeps none");
  assert.equal(backend.endpoints[0]!.inFlight, 0);
});

test("ending in order: idle closes, waiting fails, what is under way goes on; closing cuts it", () => {
  const { request, open, pool, batchEnd, streams } = setUp(1, { connections: 2 });
  const first = request();
  const second = request();
  const third = request();
  const stream = open(0);
  stream.receive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
  open(1);
  pool[Symbol.dispose]();
  assert.deepEqual(third.events, ["fail noEndpoint retryable: the backend is no longer in use"]);
  stream.receive("b");
  assert.deepEqual(first.events, ["head 200", "body a", "body b", "end"]);
  assert.ok(stream.closed);
  const late = request();
  batchEnd();
  assert.deepEqual(late.events, ["fail noEndpoint retryable: the backend is no longer in use"]);
  pool.close();
  assert.deepEqual(second.events, ["fail head retryable: shut down"]);
  assert.ok(streams.every(({ closed }) => closed));
});

test("a call without a body is used again once it is over, a cancelled one or one with a body is not", () => {
  const { request, warm } = setUp();
  const stream = warm();
  const first = request();
  assert.notEqual(request().call, first.call);
  stream.receive(NO_CONTENT);
  const second = request();
  assert.equal(second.call, first.call);
  first.call.cancel();
  const other = setUp();
  const used = other.warm();
  const post = other.request(POST);
  post.call.write(text("abcd"), 0, 4);
  post.call.end();
  used.receive(NO_CONTENT);
  assert.equal(other.services.spare.includes(post.call as (typeof other.services.spare)[number]), false);
  const third = other.request();
  assert.notEqual(third.call, post.call);
  post.call.cancel();
  used.receive(NO_CONTENT);
  assert.deepEqual(third.events, ["head 204", "end"]);
});

test("a request made while a response is being told takes the same connection", () => {
  const { request, warm, streams } = setUp();
  const stream = warm();
  const { receiver, events } = request();
  let next: ReturnType<typeof request> | undefined = undefined;
  receiver.onBodyEnd = () => void (next = request());
  stream.takeSent();
  stream.receive(NO_CONTENT);
  assert.equal(stream.sent, WIRE);
  stream.receive("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz");
  assert.deepEqual([...events, ...next!.events], ["head 204", "head 200", "body z", "end"]);
  assert.equal(streams.length, 1);
});

type Step =
  | { readonly do: "request"; readonly text: string; readonly headMs: number }
  | { readonly do: "open" | "input" | "end" | "reset" | "refuse" | "expire" | "drain"; readonly stream: number }
  | { readonly do: "write" | "finish" | "cancel" | "pause" | "resume"; readonly call: number }
  | { readonly do: "batchEnd" | "update" };

const CHUNKED_POST = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
const which = fc.nat({ max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("request" as const),
    text: fc.constantFrom(GET, GET, POST, CHUNKED_POST),
    headMs: fc.constantFrom(0, 100),
  }),
  fc.record({
    do: fc.constantFrom("open", "open", "input", "input", "end", "reset", "refuse", "expire", "drain"),
    stream: which,
  }),
  fc.record({ do: fc.constantFrom("write", "finish", "cancel", "pause", "resume"), call: which }),
  fc.record({ do: fc.constantFrom("batchEnd" as const, "update" as const) }),
);
const pieces = fc.constantFrom(
  NO_CONTENT,
  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
  "2\r\nhi\r\n0\r\n\r\n",
  "HTTP/1.1 200 OK\r\n\r\nxyz",
  "HTTP/1.1 20",
);

test("whatever happens in whatever order, every call that is not cancelled ends once, and nothing stays counted", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(step, pieces), { maxLength: 60 }), (steps) => {
      const { pool, backend, streams, request, batchEnd } = setUp(2, { connections: 1, pending: 2 });
      const first = backend.endpoints.slice();
      const calls: (ReturnType<typeof request> & { isCancelled: boolean })[] = [];
      const opened = new Set<FakeStream>();
      const isOver = (events: readonly string[]): boolean => /^(end|fail|upgrade)/.test(events.at(-1) ?? "");
      const onStream = (kind: string, stream: FakeStream, input: string): void => {
        if (stream.closed) return;
        if (kind === "open" && !opened.has(stream)) {
          opened.add(stream);
          stream.handler.onOpen(stream);
        } else if (kind === "refuse" && !opened.has(stream)) stream.close("refused");
        else if (kind === "expire") stream.expire();
        else if (!opened.has(stream)) return;
        else if (kind === "input") stream.receive(input);
        else if (kind === "end") stream.endInput();
        else if (kind === "reset") stream.reset();
        else if (kind === "drain") stream.drain();
      };
      const onCall = (kind: string, one: (typeof calls)[number]): void => {
        if (one.isCancelled || isOver(one.events)) return;
        if (kind === "write") one.call.write(text("ab"), 0, 2);
        else if (kind === "finish") one.call.end();
        else if (kind === "pause") one.call.pause();
        else if (kind === "resume") one.call.resume();
        else {
          one.isCancelled = true;
          one.events.push("cancelled");
          one.call.cancel();
        }
      };
      for (const [action, input] of steps) {
        if (action.do === "request") calls.push({ ...request(action.text, action.headMs), isCancelled: false });
        else if (action.do === "batchEnd") batchEnd();
        else if (action.do === "update")
          backend.update({ ...backend.config, endpoints: backend.config.endpoints.slice(1) });
        else if ("stream" in action) {
          const stream = streams[streams.length - 1 - action.stream];
          if (stream !== undefined) onStream(action.do, stream, input);
        } else if ("call" in action) {
          const one = calls[calls.length - 1 - action.call];
          if (one !== undefined) onCall(action.do, one);
        }
      }
      pool.close();
      batchEnd();
      for (const { events, isCancelled } of calls) {
        const last = isCancelled ? "cancelled" : "end, fail or upgrade";
        assert.ok(isCancelled ? events.at(-1) === last : isOver(events), events.join());
        assert.equal(events.filter((event) => isOver([event])).length, isCancelled ? 0 : 1, events.join());
      }
      for (const endpoint of first) assert.equal(endpoint.inFlight, 0);
      assert.deepEqual([pool.connections, pool.pending], [[0, 0], 0]);
      assert.ok(streams.every(({ closed }) => closed));
    }),
    { numRuns: 500 },
  );
});
