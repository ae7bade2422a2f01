import assert from "node:assert/strict";
import { test } from "node:test";
import { Slab } from "#src/reactor/slab.ts";
import type { TlsInfo } from "#src/reactor/stream.ts";
import { FakeParts, FakeStream } from "#src/testing/fake-stream.ts";
import type { Exchange } from "../exchange.ts";
import { FieldEdits } from "../field-edits.ts";
import { makeOpenH1 } from "../h1/open.ts";
import { makeOpenH2 } from "../h2/open.ts";
import { HttpDate } from "./http-date.ts";
import { HttpEngine } from "./http-engine.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { OutBuffer } from "./out-buffer.ts";
import type { EngineServices, PortPlace } from "./services.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS = "\0\0\0\x04\0\0\0\0\0";
const SETTINGS = 4;
const GOAWAY = 7;

function bench() {
  const versions: string[] = [];
  const waiting: Exchange[] = [];
  const services: EngineServices = {
    loop: { now: 0 },
    limits: DEFAULT_LIMITS,
    date: new HttpDate(() => 0),
    observer: {
      onConnection: (version) => versions.push(version),
      onConnectionEnd: (version) => versions.push(`${version} ended`),
      onRequest: () => undefined,
      onFinish: () => undefined,
      onRefused: () => undefined,
    },
    out: new OutBuffer(new Slab(32_768)),
    parts: new FakeParts(),
    edits: new FieldEdits(),
  };
  const engine = new HttpEngine({ services, openH1: makeOpenH1(services), openH2: makeOpenH2(services) });
  const onRequest = (exchange: Exchange): "done" | "wait" => {
    if (exchange.request.path === "/wait") {
      waiting.push(exchange);
      exchange.source = { onDrain: () => undefined, onAbort: () => undefined };
      return "wait";
    }
    exchange.respondText(200, "ok", undefined);
    return "done";
  };
  const port: PortPlace = { current: { secure: false, stages: [{ onRequest }] } };
  const accept = (tls?: TlsInfo): FakeStream => {
    const stream = tls === undefined ? new FakeStream() : new FakeStream({ tls });
    stream.handler = engine.accept(stream, port);
    return stream;
  };
  return { engine, versions, waiting, accept, port };
}

const tlsWith = (alpn: string): TlsInfo => ({
  version: "TLSv1.3",
  cipher: "TLS_AES_128_GCM_SHA256",
  serverName: "a.example",
  alpn,
  clientCertificate: undefined,
  resumed: false,
});

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
/** Types of the HTTP/2 frames that were sent. */
function frameTypes(bytes: Uint8Array): number[] {
  const types: number[] = [];
  for (let at = 0; at < bytes.length;) {
    types.push(bytes[at + 3]!);
    at += 9 + ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!);
  }
  return types;
}

test("over TLS, ALPN decides; without it HTTP/1.1 is spoken", () => {
  for (const [alpn, version] of [
    ["h2", "h2"],
    ["http/1.1", "h1"],
    ["", "h1"],
  ] as const) {
    const { accept, versions, engine } = bench();
    const stream = accept(tlsWith(alpn));
    assert.deepEqual(versions, [], "nothing before the handshake is done");
    stream.handler.onOpen(stream);
    assert.deepEqual(versions, [version], alpn);
    if (version === "h1") stream.receive(get("/"));
    else stream.receive(PREFACE + EMPTY_SETTINGS);
    engine.flush();
    if (version === "h1") assert.match(stream.sent, /^HTTP\/1\.1 200 OK/);
    else assert.equal(frameTypes(stream.sentBytes)[0], SETTINGS);
  }
});

test("over plain TCP, the preface decides, whole or byte by byte", () => {
  for (const step of [1, 7, 1000]) {
    const { accept, versions, engine } = bench();
    const h2 = accept();
    const input = PREFACE + EMPTY_SETTINGS;
    for (let at = 0; at < input.length; at += step) h2.receive(input.slice(at, at + step));
    engine.flush();
    assert.equal(frameTypes(h2.sentBytes)[0], SETTINGS, `step ${step}`);
    const h1 = accept();
    for (let at = 0; at < get("/").length; at += step) h1.receive(get("/").slice(at, at + step));
    assert.match(h1.sent, /^HTTP\/1\.1 200 OK/);
    const similar = accept();
    for (const character of "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n") if (!similar.closed) similar.receive(character);
    assert.match(similar.sent, /^HTTP\/1\.1 (400|505) /);
    assert.deepEqual(versions.slice(0, 3), ["h2", "h1", "h1"]);
  }
});

test("a client that says nothing, or leaves before it has chosen, is closed", () => {
  const { accept, versions } = bench();
  const silent = accept();
  assert.equal(silent.armed?.ms, DEFAULT_LIMITS.headMs);
  silent.expire();
  assert.equal(silent.closeReason, "timeout");
  const left = accept();
  left.receive("PRI * ");
  left.endInput();
  assert.equal(left.closeReason, "peerClosed");
  assert.deepEqual(versions, []);
});

test("draining closes idle connections, lets the others finish and serves new ones once", () => {
  const { accept, engine, waiting, port } = bench();
  const [idle, busy, h2] = [accept(), accept(), accept()];
  idle.receive(get("/"));
  busy.receive(get("/wait"));
  h2.receive(PREFACE + EMPTY_SETTINGS);
  engine.flush();
  h2.takeSent();
  assert.equal(engine.connections, 3);
  engine.drain();
  engine.flush();
  assert.ok(idle.closed);
  assert.ok(!busy.closed);
  assert.ok(frameTypes(h2.sentBytes).includes(GOAWAY), "GOAWAY");
  waiting[0]!.respondText(200, "late", undefined);
  engine.flush();
  assert.match(busy.sent, /connection: close\r\n\r\nlate$/);
  assert.ok(busy.closed);
  for (const late of [accept(), accept(tlsWith("http/1.1"))]) {
    if (late.tls !== undefined) late.handler.onOpen(late);
    late.receive(get("/"));
    engine.flush();
    assert.match(late.sent, /^HTTP\/1\.1 200 OK/, "a request that has arrived is answered");
    assert.ok(late.closed);
  }
  engine.forget(port);
  assert.ok(engine.connections <= 1, "only HTTP/2's, until its client has seen the GOAWAY");
});

test("connections that have ended are forgotten", () => {
  const { accept, engine } = bench();
  for (let i = 0; i < 1000; i++) {
    const stream = accept();
    stream.receive(get("/"));
    stream.reset();
  }
  assert.equal(engine.connections, 0);
});
