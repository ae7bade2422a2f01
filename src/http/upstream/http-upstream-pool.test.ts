import assert from "node:assert/strict";
import { test } from "node:test";
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
  const connect = (address: { host: string }, handler: StreamHandler): Stream | CloseReason => {
    const stream = new FakeStream({ peer: { family: 4, host: address.host, port: 80 } });
    stream.handler = handler;
    streams.push(stream);
    return stream;
  };
  const limits = { ...DEFAULT_UPSTREAM_LIMITS, ...changed };
  const pool = new HttpUpstreamPool(backend, connect, new UpstreamServices(loop, new FakeParts()), limits);
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
  return { pool, backend, streams, request, open, batchEnd, warm, advance };
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
