import assert from "node:assert/strict";
import { test } from "node:test";
import { Slab } from "#src/reactor/slab.ts";
import { FakeParts, FakeStream } from "#src/testing/fake-stream.ts";
import { HttpDate } from "../engine/http-date.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import { OutBuffer } from "../engine/out-buffer.ts";
import type { EngineServices } from "../engine/services.ts";
import type { Exchange, PreparedResponse, UpgradedStream } from "../exchange.ts";
import { FieldEdits } from "../field-edits.ts";
import { FIELD } from "../field.ts";
import { BODY, Message } from "../message.ts";
import type { Stage } from "../stage.ts";
import { makeOpenH1 } from "./open.ts";

function serve(onRequest: Stage["onRequest"], capacity = Infinity) {
  const stream = new FakeStream({ capacity });
  const finished: string[] = [];
  const refused: string[] = [];
  const loop = { now: 0 };
  const services: EngineServices = {
    loop,
    limits: DEFAULT_LIMITS,
    date: new HttpDate(() => 0),
    observer: {
      onConnection: () => undefined,
      onConnectionEnd: () => finished.push("connection"),
      onRequest: () => undefined,
      onFinish: ({ status, aborted }) => finished.push(`${status} ${aborted}`.trim()),
      onRefused: (reason) => refused.push(reason),
    },
    out: new OutBuffer(new Slab(32_768)),
    parts: new FakeParts(),
    edits: new FieldEdits(),
  };
  stream.handler = makeOpenH1(services)(stream, { current: { secure: false, stages: [{ onRequest }] } }, services);
  return { stream, finished, refused, loop };
}

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const DATE = "Thu, 01 Jan 1970 00:00:00 GMT";
const source = { onDrain: () => undefined, onAbort: () => undefined };

const ok = (exchange: Exchange): "done" => {
  exchange.respondText(200, "ok", undefined);
  return "done";
};
const never = (exchange: Exchange): "wait" => {
  exchange.source = source;
  return "wait";
};
function head(status: number, body: Message["body"], contentLength = -1): Message {
  const message = new Message();
  message.status = status;
  message.body = body;
  message.contentLength = contentLength;
  return message;
}

test("deadlines: a head that does not end is 408, an idle connection closes, a body that stops is 408", () => {
  const trickle = serve(ok);
  assert.equal(trickle.stream.armed?.ms, DEFAULT_LIMITS.headMs);
  trickle.stream.receive("GET / HT");
  trickle.stream.expire();
  assert.match(trickle.stream.sent, /^HTTP\/1\.1 408 .*connection: close\r\n/s);
  assert.deepEqual(trickle.refused, ["headTimeout"]);

  const silent = serve(ok);
  silent.stream.expire();
  assert.deepEqual([silent.stream.sent, silent.stream.closeReason], ["", "timeout"]);

  const idle = serve(ok);
  idle.stream.receive(GET);
  assert.equal(idle.stream.armed?.ms, DEFAULT_LIMITS.idleMs);
  idle.stream.expire();
  assert.deepEqual([idle.stream.closeReason, idle.finished], ["timeout", ["200", "connection"]]);

  const aborts: string[] = [];
  const body = serve((exchange) => {
    exchange.source = { onDrain: () => undefined, onAbort: (_exchange, reason) => aborts.push(reason) };
    exchange.readBody({ onBody: () => true, onBodyEnd: () => undefined });
    return "wait";
  });
  body.stream.receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123");
  assert.equal(body.stream.armed?.ms, DEFAULT_LIMITS.bodyMs);
  body.stream.expire();
  assert.match(body.stream.sent, /^HTTP\/1\.1 408 /);
  assert.deepEqual([aborts, body.refused], [["clientTimeout"], ["bodyTimeout"]]);
  assert.ok(body.stream.closed);
});

test("a client that does not read is given up, unless it has read something since", () => {
  const { stream, finished, loop } = serve(ok, 10);
  stream.receive(GET);
  assert.equal(stream.armed?.ms, DEFAULT_LIMITS.writeMs);
  stream.drain(20);
  loop.now = DEFAULT_LIMITS.writeMs;
  stream.expire();
  assert.ok(!stream.closed, "there was progress");
  stream.expire();
  assert.ok(stream.closed);
  assert.ok(stream.aborted, "what it does not read is dropped");
  assert.deepEqual(finished, ["200", "connection"]);
});

test("a response cut short is reset, whatever delimits its body, and never ends as if it were whole", () => {
  const cases: readonly (readonly [string, Message["body"], number])[] = [
    ["GET / HTTP/1.0\r\n\r\n", BODY.untilClose, -1],
    ["GET / HTTP/1.0\r\n\r\n", BODY.chunked, -1],
    [GET, BODY.untilClose, -1],
    [GET, BODY.chunked, -1],
    [GET, BODY.length, 10],
  ];
  const piece = new Slab(4);
  for (const [request, body, length] of cases) {
    for (const ending of ["fail", "short"] as const) {
      if (ending === "short" && body !== BODY.length) continue;
      const exchanges: Exchange[] = [];
      const { stream, finished } = serve((exchange) => {
        exchanges.push(exchange);
        return never(exchange);
      });
      stream.receive(request);
      const exchange = exchanges[0]!;
      exchange.respond(head(200, body, length), undefined);
      exchange.write(piece, 0, 4);
      if (ending === "fail") exchange.fail(502, "upstreamFailed", "reset");
      else exchange.end();
      assert.ok(stream.aborted, request);
      assert.ok(!stream.sent.endsWith("0\r\n\r\n"), "no last chunk");
      assert.deepEqual(finished, [ending === "fail" ? "200 upstreamFailed" : "200 error", "connection"]);
    }
  }
});

test("an upgrade answers 101 and hands the stream over with what the client sent behind its head", () => {
  const upgraded: (UpgradedStream | undefined)[] = [];
  const { stream, finished } = serve((exchange) => {
    const bytes = Buffer.from("upgradewebsocket");
    const answer = head(101, BODY.none);
    answer.bytes = bytes;
    answer.addField(FIELD.upgrade, 0, 7, 7, 16);
    upgraded.push(exchange.upgrade(answer, undefined));
    stream.handler = {
      onOpen: () => undefined,
      onData: (_stream, slab, start, end) => {
        raw.push(Buffer.from(slab.bytes.subarray(start, end)).toString());
        return end - start;
      },
      onEnd: () => undefined,
      onDrain: () => undefined,
      onDeadline: () => undefined,
      onClose: () => undefined,
    };
    stream.resumeReading();
    return "done";
  });
  const raw: string[] = [];
  stream.receive("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
  stream.receive("second");
  assert.match(
    stream.sent,
    /^HTTP\/1\.1 101 Switching Protocols\r\n.*connection: upgrade\r\nupgrade: websocket\r\n\r\n$/s,
  );
  assert.equal(raw.join(""), "firstsecond");
  assert.equal(upgraded[0]?.stream, stream);
  assert.equal(stream.armed, undefined, "no deadline of ours is left");
  assert.deepEqual(finished, ["101", "connection"]);
});

/** A stored response with a body of this size. */
function prepared(size: number): { response: PreparedResponse; releases: () => number } {
  const headText = `HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: ${size}\r\n`;
  const slab = new Slab(headText.length + size);
  slab.bytes.set(Buffer.from(headText));
  slab.bytes.fill(0x61, headText.length);
  let released = 0;
  const response: PreparedResponse = {
    status: 200,
    slab,
    h1Start: 0,
    h1End: headText.length,
    h2Start: 0,
    h2End: 0,
    bodyStart: headText.length,
    bodyEnd: headText.length + size,
    age: 7,
    held: { release: () => released++ },
  };
  return { response, releases: () => released };
}

test("a prepared response is held until its last byte has left, and released once", () => {
  for (const size of [0, 100, 200_000]) {
    for (const capacity of [10, Infinity]) {
      const { response, releases } = prepared(size);
      const { stream, finished } = serve((exchange) => {
        exchange.respondPrepared(response);
        return "done";
      }, capacity);
      stream.receive(GET);
      if (capacity === 10 && size === 200_000) assert.equal(releases(), 0, "still being sent");
      stream.drain();
      assert.equal(releases(), 1, `${size} ${capacity}`);
      assert.equal(
        stream.sent,
        `HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: ${size}\r\nage: 7\r\ndate: ${DATE}\r\n\r\n${"a".repeat(size)}`,
      );
      assert.deepEqual(finished, ["200"]);
    }
  }
});

test("a prepared response is released when the client goes and when only the head was asked for", () => {
  const gone = prepared(200_000);
  const lost = serve((exchange) => {
    exchange.respondPrepared(gone.response);
    return "done";
  }, 1000);
  lost.stream.receive(GET);
  assert.equal(gone.releases(), 0);
  lost.stream.reset();
  assert.equal(gone.releases(), 1);

  const short = prepared(100);
  const bare = serve((exchange) => {
    exchange.respondPrepared(short.response);
    return "done";
  });
  bare.stream.receive(GET.replace("GET", "HEAD"));
  assert.match(bare.stream.sent, /content-length: 100\r\nage: 7\r\n.*\r\n\r\n$/s);
  assert.equal(short.releases(), 1);
});
