/**
 * A million generated requests, the same ones each time: never an exception, always an end, no memory kept; and some
 * of them over real sockets: no descriptor kept, and a response cut short seen as a reset.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { PartList } from "#src/reactor/parts.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { Parts } from "#src/reactor/stream.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { TcpListener } from "#src/reactor/tcp-listener.ts";
import { FakeParts, FakeStream } from "#src/testing/fake-stream.ts";
import { keptMemory } from "#src/testing/kept-memory.ts";
import { HttpDate } from "../engine/http-date.ts";
import { HttpEngine } from "../engine/http-engine.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import { OutBuffer } from "../engine/out-buffer.ts";
import type { EngineLoop, EngineServices } from "../engine/services.ts";
import type { Exchange } from "../exchange.ts";
import { FieldEdits } from "../field-edits.ts";
import { BODY, Message } from "../message.ts";
import { makeOpenH1 } from "./open.ts";

const SEED = 0x5eed;
const INPUTS = 1_000_000;
const SOCKET_INPUTS = 1000;
const GROWTH_BYTES = 1024 * 1024;

const FRAGMENTS = [
  "GET",
  "POST",
  "HEAD",
  "CONNECT",
  "OPTIONS",
  "BREW",
  " ",
  "  ",
  "\t",
  "/",
  "/a%20b?c",
  "*",
  "http://b/x",
  "b:443",
  " HTTP/1.1\r\n",
  " HTTP/1.0\r\n",
  " HTTP/2.0\r\n",
  " HTTP/1.9\r\n",
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  "\0",
  "\xff",
  "Host: x\r\n",
  "Host: x\r\n\r\n",
  "Host: \r\n",
  "Host: [::1]:80\r\n",
  "Host : x\r\n",
  " folded\r\n",
  "X: y\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 5, 5\r\n",
  "Content-Length: -1\r\n",
  "Content-Length: 99999999999\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  "Expect: 100-continue\r\n",
  "TE: trailers\r\n",
  "Connection: close\r\n",
  "Connection: x, host\r\n",
  "Connection: upgrade\r\nUpgrade: websocket\r\n",
  "Cookie: a\r\n",
  "5\r\nhello\r\n",
  "0\r\n\r\n",
  "0\r\nt: 1\r\n\r\n",
  "ffffffff\r\n",
  '5;x="y"\r\n',
  "hello",
  "x".repeat(300),
  ":",
  "=",
];
const GOOD = [
  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /short HTTP/1.0\r\n\r\n",
  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
  "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
];

/** Numbers from 0 up to, without, `below`: xorshift32. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A good request with changed bytes, or fragments one behind the other. */
function inputOf(pick: (below: number) => number): Buffer {
  let text = pick(4) === 0 ? "" : GOOD[pick(GOOD.length)]!;
  for (let more = pick(4); more > 0; more--) {
    const anywhere = pick(text.length + 1);
    const at = pick(3) === 0 ? anywhere : text.indexOf("\n", anywhere) + 1;
    text = text.slice(0, at) + FRAGMENTS[pick(FRAGMENTS.length)]! + text.slice(at + (pick(4) === 0 ? 1 : 0));
  }
  const bytes = Buffer.from(text, "latin1");
  if (pick(4) === 0 && bytes.length > 0) bytes[pick(bytes.length)] = pick(256);
  return bytes;
}

const piece = new Slab(4);

/** Answers with the path, with the body's length, or with a body that breaks off. */
function onRequest(exchange: Exchange): "done" | "wait" {
  exchange.source = { onDrain: () => undefined, onAbort: () => undefined };
  if (exchange.request.path === "/short") {
    const head = new Message(1);
    head.status = 200;
    head.body = BODY.untilClose;
    exchange.respond(head, undefined);
    exchange.write(piece, 0, 4);
    exchange.fail(502, "upstreamFailed", "");
    return "done";
  }
  if (!exchange.hasBody) {
    exchange.respondText(200, exchange.request.path, undefined);
    return "done";
  }
  let length = 0;
  exchange.readBody({
    onBody: (_exchange, _slab, start, end) => {
      length += end - start;
      return true;
    },
    onBodyEnd: () => exchange.respondText(200, String(length), undefined),
  });
  return "wait";
}

function servicesOf(loop: EngineLoop, parts: Parts) {
  const counts = { begun: 0, finished: 0, connections: 0, refused: 0 };
  const services: EngineServices = {
    loop,
    limits: DEFAULT_LIMITS,
    date: new HttpDate(() => 0),
    observer: {
      onConnection: () => void counts.connections++,
      onConnectionEnd: () => void counts.connections--,
      onRequest: () => void counts.begun++,
      onFinish: () => void counts.finished++,
      onRefused: () => void counts.refused++,
    },
    out: new OutBuffer(new Slab(131_072)),
    parts,
    edits: new FieldEdits(),
  };
  return { services, counts };
}

const port = { current: { secure: false, stages: [{ onRequest }] } };

test("a million generated requests: an end each, and no memory kept", async () => {
  const { services, counts } = servicesOf({ now: 0 }, new FakeParts());
  const open = makeOpenH1(services);
  const pick = generator(SEED);
  let before = 0;
  for (let i = 0; i < INPUTS; i++) {
    const stream = new FakeStream({ inputBytes: 4096 });
    stream.handler = open(stream, port, services);
    const bytes = inputOf(pick);
    const cut = pick(bytes.length + 1);
    if (cut > 0) stream.receive(bytes.subarray(0, cut));
    if (!stream.closed && cut < bytes.length) stream.receive(bytes.subarray(cut));
    stream.endInput();
    if (!stream.closed) stream.reset();
    assert.ok(stream.sent === "" || /^HTTP\/1\.1 (100|200|4\d\d|50[15]) /.test(stream.sent), `input ${i}`);
    if (i % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (i === INPUTS / 2) before = await keptMemory();
  }
  assert.equal(counts.finished, counts.begun);
  assert.equal(counts.connections, 0);
  assert.ok(counts.refused > INPUTS / 10 && counts.begun - counts.refused > INPUTS / 10, JSON.stringify(counts));
  const growth = (await keptMemory()) - before;
  assert.ok(growth < GROWTH_BYTES, `grew by ${growth} bytes`);
});

/** Sends an input and its end; resolves to how the connection ended. */
async function send(host: string, to: number, input: Buffer | string): Promise<"end" | "reset"> {
  const socket: Socket = connect({ host, port: to, allowHalfOpen: true });
  let isReset = false;
  socket.on("error", (error: NodeJS.ErrnoException) => (isReset ||= error.code === "ECONNRESET"));
  socket.on("data", () => undefined).on("end", () => socket.destroy());
  socket.end(input);
  await new Promise((resolve) => socket.on("close", resolve));
  return isReset ? "reset" : "end";
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`over sockets at ${host}: descriptors are given back, and a cut response is a reset`, async () => {
    const faults: unknown[] = [];
    await using poller = new Poller({ onFault: (error) => faults.push(error) });
    using tcp = new Tcp(poller);
    const { services, counts } = servicesOf(poller, new PartList());
    const openH1 = makeOpenH1(services);
    const engine = new HttpEngine({ services, openH1, openH2: openH1 });
    poller.atBatchEnd(engine.flush);
    using listener = new TcpListener(tcp, { host, port: 0, onStream: (stream) => engine.accept(stream, port) });
    assert.equal(await send(host, listener.bound.port, "GET /short HTTP/1.0\r\n\r\n"), "reset");
    const descriptors = readdirSync("/proc/self/fd").length;
    const pick = generator(SEED);
    for (let i = 0; i < SOCKET_INPUTS; i += 20) {
      await Promise.all(Array.from({ length: 20 }, () => send(host, listener.bound.port, inputOf(pick))));
    }
    assert.equal(await send(host, listener.bound.port, GOOD[0]!), "end");
    while (tcp.open > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(readdirSync("/proc/self/fd").length <= descriptors + 1, "descriptors");
    assert.deepEqual([faults, counts.connections, counts.finished], [[], 0, counts.begun]);
  });
}
