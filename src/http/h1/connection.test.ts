import assert from "node:assert/strict";
import { test } from "node:test";
import { Slab } from "#src/reactor/slab.ts";
import { FakeParts, FakeStream } from "#src/testing/fake-stream.ts";
import { HttpDate } from "../engine/http-date.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import { OutBuffer } from "../engine/out-buffer.ts";
import type { EngineServices } from "../engine/services.ts";
import type { Exchange } from "../exchange.ts";
import { FieldEdits } from "../field-edits.ts";
import type { Stage } from "../stage.ts";
import { makeOpenH1 } from "./open.ts";

interface Bench {
  readonly stream: FakeStream;
  readonly finished: string[];
  readonly refused: string[];
}

function serve(onRequest: Stage["onRequest"], capacity = Infinity): Bench {
  const stream = new FakeStream({ capacity });
  const finished: string[] = [];
  const refused: string[] = [];
  const services: EngineServices = {
    loop: { now: 0 },
    limits: { ...DEFAULT_LIMITS, bodyBytes: 100, discardBytes: 20 },
    date: new HttpDate(() => 0),
    observer: {
      onConnection: () => undefined,
      onConnectionEnd: () => undefined,
      onRequest: () => undefined,
      onFinish: (exchange) =>
        finished.push(`${exchange.status} ${exchange.bytesIn} ${exchange.bytesOut} ${exchange.aborted}`),
      onRefused: (reason) => refused.push(reason),
    },
    out: new OutBuffer(new Slab(32_768)),
    parts: new FakeParts(),
    edits: new FieldEdits(),
  };
  const port = { current: { secure: false, stages: [{ onRequest }] } };
  stream.handler = makeOpenH1(services)(stream, port, services);
  return { stream, finished, refused };
}

const text = (exchange: Exchange): "done" => {
  exchange.respondText(200, exchange.request.path, undefined);
  return "done";
};
const bodies = (sent: string): string[] => [...sent.matchAll(/\r\n\r\n([^H]*)/g)].map(([, body]) => body!);
const statuses = (sent: string): string[] => [...sent.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status!);

test("pipelined requests are answered in order by one send, whole or byte by byte", () => {
  const input = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
  const whole = serve(text);
  whole.stream.receive(input);
  assert.deepEqual(bodies(whole.stream.sent), ["/a", "/b"]);
  assert.equal(whole.stream.sends, 1);
  const split = serve(text);
  for (const character of input) split.stream.receive(character);
  assert.equal(split.stream.sent, whole.stream.sent);
  assert.deepEqual(split.finished, ["200 0 2 ", "200 0 2 "]);
});

test("HEAD has no body, HTTP/1.0 closes, a malformed request is answered and closed", () => {
  const head = serve(text);
  head.stream.receive("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.match(head.stream.sent, /content-length: 4\r\n.*\r\n\r\n$|content-length: 4\r\n\r\n$/s);
  const old = serve(text);
  old.stream.receive("GET / HTTP/1.0\r\n\r\n");
  assert.match(old.stream.sent, /connection: close/);
  assert.equal(old.stream.closeReason, "done");
  const bad = serve(text);
  bad.stream.receive("GET / HTTP/1.1\r\nHost : x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.deepEqual(statuses(bad.stream.sent), ["400"]);
  assert.deepEqual(bad.refused, ["spaceBeforeColon"]);
  assert.ok(bad.stream.closed);
});

test("a chunked body is echoed chunked, with 100 Continue, and the next request is served", () => {
  const { stream, finished } = serve((exchange) => {
    if (!exchange.hasBody) return text(exchange);
    exchange.source = { onDrain: () => undefined, onAbort: () => undefined };
    const pieces: string[] = [];
    exchange.readBody({
      onBody: (_exchange, slab, start, end) => {
        pieces.push(Buffer.from(slab.bytes.subarray(start, end)).toString());
        return true;
      },
      onBodyEnd: () => exchange.respondText(200, pieces.join(""), undefined),
    });
    return "wait";
  });
  stream.receive("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  assert.match(stream.takeSent(), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  for (const character of "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: 1\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n") {
    stream.receive(character);
  }
  assert.deepEqual(bodies(stream.sent), ["abcde", "/next"]);
  assert.deepEqual(finished, ["200 5 5 ", "200 0 5 "]);
});

test("bodies: too large is 413, a bad chunk is 400, an unread rest is dropped or closes", () => {
  const large = serve(text);
  large.stream.receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
  assert.deepEqual(statuses(large.stream.sent), ["413"]);
  const small = serve(text);
  small.stream.receive(
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345GET /b HTTP/1.1\r\nHost: x\r\n\r\n",
  );
  assert.deepEqual(bodies(small.stream.sent), ["/", "/b"]);
  const rest = serve(text);
  rest.stream.receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n12345");
  assert.match(rest.stream.sent, /connection: close/);
  assert.ok(rest.stream.closed);
  const bad = serve((exchange) => {
    exchange.readBody({ onBody: () => true, onBodyEnd: () => undefined });
    return "wait";
  });
  bad.stream.receive("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  assert.deepEqual(statuses(bad.stream.sent), ["400"]);
  assert.deepEqual(bad.refused, ["badChunk"]);
});

test("output that waits stops reading until it has left; a client that goes away aborts", () => {
  const { stream } = serve(text, 10);
  stream.receive("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  stream.receive("GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.ok(stream.paused);
  stream.drain();
  stream.drain();
  assert.deepEqual(bodies(stream.sent), ["/a", "/b"]);
  const aborts: string[] = [];
  const gone = serve((exchange) => {
    exchange.source = { onDrain: () => undefined, onAbort: (_exchange, reason) => aborts.push(reason) };
    return "wait";
  });
  gone.stream.receive("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  gone.stream.reset();
  assert.deepEqual(aborts, ["clientReset"]);
  assert.deepEqual(gone.finished, ["0 0 0 clientReset"]);
});
