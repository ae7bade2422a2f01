/** WebSockets over HTTP/2 (RFC 8441) through `fairway up`: node's HTTP/2 client in front, `ws` and raw sockets behind. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { createCertificate } from "#src/net/self-signed.ts";
import { formatYaml } from "#src/resource/yaml.ts";
import { freePort } from "#src/testing/service-process.ts";
import { Up } from "#src/testing/up.ts";

const NAMES = ["balancerAdmin", "http", "https", "cdn", "cdns", "dead"] as const;
const MEGABYTE = Buffer.alloc(1_000_003, "0123456789abcdef-");
const PIECE = Buffer.alloc(256 * 1024, 7);
const FLOOD = 32 * 1024 * 1024;

const directory = mkdtempSync(join(tmpdir(), "fairway-websocket-"));
const port = {} as Record<(typeof NAMES)[number], number>;
let up: Up;

// --- the backend

const backend = createServer((_request, response) => void response.end("plain\n"));
const sockets = new WebSocketServer({ noServer: true });
/** Sockets of the raw upgrades, by path. */
const raw = new Map<string, PromiseWithResolvers<Socket>>();
const rawSocket = (path: string): PromiseWithResolvers<Socket> => {
  const known = raw.get(path) ?? Promise.withResolvers<Socket>();
  raw.set(path, known);
  return known;
};

backend.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
  const path = request.url!;
  if (path.startsWith("/ws/")) {
    sockets.handleUpgrade(request, socket, head, (server) => {
      server.on("message", (message, isBinary) => server.send(message, { binary: isBinary }));
      if (path === "/ws/bye") server.close(4001, "bye");
      else server.send("welcome");
    });
    return;
  }
  socket.on("error", () => undefined);
  if (path === "/refuse") {
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX-Why: no\r\n\r\nno\n");
    return;
  }
  const key = path === "/liar" ? "another" : request.headers["sec-websocket-key"]!;
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  rawSocket(path).resolve(socket);
});

const objects = (backendPort: number): string => `
apiVersion: fairway.dev/v1alpha1
kind: DataPlane
metadata: { name: balancer }
spec: { engine: balancer, accessLog: { mode: full }, http: { maxBodyBytes: 1000 }, tcp: { idleTimeout: 3s } }
---
apiVersion: fairway.dev/v1alpha1
kind: DataPlane
metadata: { name: edge }
spec: { engine: edge, accessLog: { mode: full } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: fairway }
spec:
  controllerName: fairway.dev/gateway
  parametersRef: { group: fairway.dev, kind: DataPlane, name: balancer, namespace: default }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: fairway-edge }
spec:
  controllerName: fairway.dev/gateway
  parametersRef: { group: fairway.dev, kind: DataPlane, name: edge, namespace: default }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front }
spec:
  gatewayClassName: fairway
  listeners:
    - { name: http, protocol: HTTP, port: ${port.http} }
    - { name: https, protocol: HTTPS, port: ${port.https}, tls: { certificateRefs: [{ name: web }] } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: cdn }
spec:
  gatewayClassName: fairway-edge
  listeners:
    - { name: http, protocol: HTTP, port: ${port.cdn} }
    - { name: https, protocol: HTTPS, port: ${port.cdns}, tls: { certificateRefs: [{ name: web }] } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: talk }
spec:
  parentRefs: [{ name: front }, { name: cdn }]
  hostnames: [talk.x.test]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /dead }, method: GET }]
      backendRefs: [{ group: fairway.dev, kind: Backend, name: dead }]
    - matches: [{ method: GET }]
      backendRefs: [{ group: fairway.dev, kind: Backend, name: talk }]
---
apiVersion: fairway.dev/v1alpha1
kind: Backend
metadata: { name: talk }
spec: { endpoints: [{ address: 127.0.0.1, port: ${backendPort} }] }
---
apiVersion: fairway.dev/v1alpha1
kind: Backend
metadata: { name: dead }
spec: { endpoints: [{ address: 127.0.0.1, port: ${port.dead} }] }
`;

function secret(): string {
  const now = Date.now();
  const { certificatePem, keyPem } = createCertificate({
    names: ["*.x.test"],
    notBefore: new Date(now - 86_400_000),
    notAfter: new Date(now + 86_400_000),
  });
  const encode = (pem: string): string => Buffer.from(pem).toString("base64");
  const data = { "tls.crt": encode(certificatePem), "tls.key": encode(keyPem) };
  return formatYaml({ apiVersion: "v1", kind: "Secret", metadata: { name: "web" }, type: "kubernetes.io/tls", data });
}

before(async () => {
  for (const name of NAMES) port[name] = await freePort();
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  writeFileSync(join(directory, "all.yaml"), objects((backend.address() as AddressInfo).port));
  writeFileSync(join(directory, "secret.yaml"), secret());
  up = new Up(["-f", directory], {
    FAIRWAY_DNS_PORT: String(await freePort()),
    FAIRWAY_DNS_ADMIN_PORT: "0",
    FAIRWAY_RESOLVER_PORT: String(await freePort()),
    FAIRWAY_RESOLVER_ADMIN_PORT: "0",
    FAIRWAY_BALANCER_ADMIN_PORT: String(port.balancerAdmin),
    FAIRWAY_EDGE_ADMIN_PORT: "0",
  });
  await up.line(/^all services ready/);
});

after(async () => {
  await up.stop();
  for (const server of sockets.clients) server.terminate();
  for (const { promise } of raw.values()) void promise.then((socket) => socket.destroy());
  backend.closeAllConnections();
  backend.close();
  rmSync(directory, { recursive: true, force: true });
});

// --- the client

/** A frame as a client sends it (RFC 6455 section 5.2), masked with zeros. */
function clientFrame(opcode: number, payload: Buffer): Buffer {
  const isShort = payload.length < 126;
  const head = Buffer.alloc(isShort ? 6 : 14);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (isShort ? payload.length : 127);
  if (!isShort) head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

interface Received {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** What a server sends, frame by frame. */
async function* serverFrames(stream: ClientHttp2Stream): AsyncGenerator<Received> {
  let pending = Buffer.alloc(0);
  for await (const piece of stream as AsyncIterable<Buffer>) {
    pending = Buffer.concat([pending, piece]);
    for (;;) {
      const told = pending[1] ?? 0;
      const start = told === 127 ? 10 : told === 126 ? 4 : 2;
      if (pending.length < start) break;
      const length = told === 127 ? Number(pending.readBigUInt64BE(2)) : told === 126 ? pending.readUInt16BE(2) : told;
      if (pending.length < start + length) break;
      yield { opcode: pending[0]! & 15, payload: pending.subarray(start, start + length) };
      pending = pending.subarray(start + length);
    }
  }
  assert.equal(pending.length, 0, "whole frames only");
}

interface Place {
  readonly name: string;
  readonly url: () => string;
}

const PLACES: readonly Place[] = [
  { name: "balancer, prior knowledge, IPv4", url: () => `http://127.0.0.1:${port.http}` },
  { name: "balancer, prior knowledge, IPv6", url: () => `http://[::1]:${port.http}` },
  { name: "balancer, TLS, IPv4", url: () => `https://127.0.0.1:${port.https}` },
  { name: "balancer, TLS, IPv6", url: () => `https://[::1]:${port.https}` },
  { name: "edge, prior knowledge, IPv6", url: () => `http://[::1]:${port.cdn}` },
  { name: "edge, TLS, IPv4", url: () => `https://127.0.0.1:${port.cdns}` },
];
const FRONT = PLACES[0]!;
const EDGE = PLACES[5]!;

/** A session, and what it takes to ask on it. */
class Client implements Disposable {
  readonly session: ClientHttp2Session;
  readonly #scheme: string;

  constructor({ url }: Place) {
    this.#scheme = new URL(url()).protocol.slice(0, -1);
    this.session = http2.connect(url(), { rejectUnauthorized: false, servername: "talk.x.test" });
  }

  async open(path: string, fields: Readonly<Record<string, string>> = {}) {
    if (!this.session.remoteSettings?.enableConnectProtocol) await once(this.session, "remoteSettings");
    assert.equal(this.session.remoteSettings.enableConnectProtocol, true);
    const stream = this.session.request(
      {
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":scheme": this.#scheme,
        ":path": path,
        ":authority": "talk.x.test",
        "sec-websocket-version": "13",
        ...fields,
      },
      { endStream: false },
    );
    // A reset shows in rstCode.
    stream.on("error", () => undefined);
    const [head] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status": number }];
    return { stream, head, status: head[":status"] };
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

async function bodyOf(stream: ClientHttp2Stream): Promise<string> {
  let text = "";
  for await (const piece of stream as AsyncIterable<Buffer>) text += piece.toString();
  return text;
}

const closedOf = async (stream: ClientHttp2Stream): Promise<number | undefined> => {
  if (!stream.closed) await once(stream, "close");
  return stream.rstCode;
};

for (const place of PLACES) {
  test(`a WebSocket echoes 1 MB and closes in order: ${place.name}`, async () => {
    using client = new Client(place);
    const { stream, head, status } = await client.open("/ws/chat", { "sec-websocket-protocol": "chat" });
    assert.equal(status, 200);
    assert.equal(head["sec-websocket-protocol"], "chat");
    for (const name of ["sec-websocket-accept", "upgrade", "connection"]) assert.equal(head[name], undefined, name);
    const frames = serverFrames(stream);
    assert.equal((await frames.next()).value?.payload.toString(), "welcome");
    for (const message of [Buffer.from("x"), MEGABYTE, MEGABYTE]) {
      stream.write(clientFrame(2, message));
      const { value } = await frames.next();
      assert.ok(value?.payload.equals(message));
    }
    const bye = Buffer.from("\x0f\xa0bye", "latin1");
    stream.write(clientFrame(8, bye));
    const { value } = await frames.next();
    assert.deepEqual([value?.opcode, value?.payload.readUInt16BE(0)], [8, 4000]);
    // The server's FIN has become END_STREAM.
    assert.equal((await frames.next()).done, true);
    stream.end();
    assert.equal(await closedOf(stream), 0);
    const plain = client.session.request({ ":path": "/plain", ":authority": "talk.x.test" });
    assert.equal(await bodyOf(plain), "plain\n");
  });
}

test("it is logged and counted as the GET that routes see", async () => {
  const line = JSON.parse(await up.line(/"path":"\/ws\/chat"/)) as Record<string, unknown>;
  const { method, status, version, route, backend: name, endpoint } = line;
  assert.deepEqual(
    [method, status, version, route, name],
    ["GET", 200, "2", "default/talk", "default/talk"],
    JSON.stringify(line),
  );
  assert.match(String(endpoint), /^127\.0\.0\.1:\d+$/);
  const metrics = await (await fetch(`http://127.0.0.1:${port.balancerAdmin}/metrics`)).text();
  assert.match(metrics, /^fairway_http_requests_total\{.*route="default\/talk".*code="2..".*\} \d+$/m);
  assert.match(metrics, /^fairway_http_requests_in_flight 0$/m);
});

test("the server closes first", async () => {
  using client = new Client(FRONT);
  const { stream } = await client.open("/ws/bye");
  const frames = serverFrames(stream);
  const { value } = await frames.next();
  assert.deepEqual([value?.opcode, value?.payload.readUInt16BE(0)], [8, 4001]);
  stream.write(clientFrame(8, value!.payload));
  assert.equal((await frames.next()).done, true);
  stream.end();
  assert.equal(await closedOf(stream), 0);
});

test("each side may end and go on reading", async () => {
  using client = new Client(FRONT);
  const { stream } = await client.open("/half/client");
  const socket = await rawSocket("/half/client").promise;
  let seen = "";
  socket.on("data", (piece: Buffer) => (seen += piece.toString()));
  socket.on("end", () => socket.end(`got ${seen}`));
  stream.end("question");
  assert.equal(await bodyOf(stream), "got question");
  assert.equal(await closedOf(stream), 0);

  const other = await client.open("/half/server");
  const server = await rawSocket("/half/server").promise;
  server.end("answer");
  assert.equal(await bodyOf(other.stream), "answer");
  other.stream.end("still here");
  let late = "";
  server.on("data", (piece: Buffer) => (late += piece.toString()));
  await once(server, "end");
  assert.equal(late, "still here");
});

test("a reset reaches the other side as one", async () => {
  using client = new Client(FRONT);
  const { stream } = await client.open("/reset/client");
  const socket = await rawSocket("/reset/client").promise;
  socket.resume();
  const failed = Promise.withResolvers<string | undefined>();
  socket.on("error", (error: NodeJS.ErrnoException) => failed.resolve(error.code));
  stream.close(http2.constants.NGHTTP2_CANCEL);
  // node's client ends the stream before it resets it: after a mere end writing would go on.
  const writing = setInterval(() => socket.write("x"), 10);
  assert.match((await failed.promise) ?? "", /^(?:ECONNRESET|EPIPE)$/);
  clearInterval(writing);

  const other = await client.open("/reset/server");
  (await rawSocket("/reset/server").promise).resetAndDestroy();
  assert.equal(await closedOf(other.stream), http2.constants.NGHTTP2_CANCEL);

  const last = await client.open("/reset/session");
  const orphan = await rawSocket("/reset/session").promise;
  orphan.resume();
  const gone = Promise.withResolvers<string | undefined>();
  orphan.on("error", (error: NodeJS.ErrnoException) => gone.resolve(error.code));
  last.stream.resume();
  client.session.destroy();
  assert.equal(await gone.promise, "ECONNRESET");
});

/** Counts what `write` takes until nothing moves any more. */
async function untilStill(written: () => number): Promise<number> {
  for (let last = -1; last !== written();) {
    last = written();
    await wait(150);
  }
  return written();
}

interface Writer {
  write(piece: Buffer): boolean;
  end(): unknown;
  once(event: "drain", then: () => void): unknown;
}

function flood(to: Writer): () => number {
  let written = 0;
  const more = (): void => {
    while (written < FLOOD) {
      written += PIECE.length;
      if (!to.write(PIECE)) return void to.once("drain", more);
    }
    to.end();
  };
  more();
  return () => written;
}

test("whoever reads slowly holds the other side back, and gets all in the end", async () => {
  using client = new Client(FRONT);
  const { stream } = await client.open("/slow/client");
  const socket = await rawSocket("/slow/client").promise;
  const fromServer = flood(socket);
  assert.ok((await untilStill(fromServer)) < FLOOD);
  let seen = 0;
  stream.on("data", (piece: Buffer) => (seen += piece.length));
  await once(stream, "end");
  assert.equal(seen, FLOOD);

  const other = await client.open("/slow/server");
  const server = await rawSocket("/slow/server").promise;
  const fromClient = flood(other.stream);
  assert.ok((await untilStill(fromClient)) < FLOOD);
  // Other streams of the connection are not held back.
  assert.equal(await bodyOf(client.session.request({ ":path": "/plain", ":authority": "talk.x.test" })), "plain\n");
  let taken = 0;
  server.on("data", (piece: Buffer) => (taken += piece.length));
  await once(server, "end");
  assert.equal(taken, FLOOD);
});

test("a backend that refuses, lies or is dead; another protocol; no route", async () => {
  for (const place of [FRONT, EDGE]) {
    using client = new Client(place);
    const refused = await client.open("/refuse");
    assert.deepEqual([refused.status, refused.head["x-why"]], [403, "no"]);
    assert.equal(await bodyOf(refused.stream), "no\n");
    assert.equal(await closedOf(refused.stream), 0);
    assert.equal((await client.open("/liar")).status, 502);
    assert.match(await up.line(/"path":"\/liar"/), /"status":502.*wrong Sec-WebSocket-Accept/);
    assert.equal((await client.open("/dead")).status, 502);
    assert.equal((await client.open("/ws/chat", { ":protocol": "connect-udp" })).status, 501);
    assert.equal((await client.open("/ws/chat", { ":authority": "other.x.test" })).status, 404);
  }
});

test("a tunnel without a byte is closed after its idle time", async () => {
  using client = new Client(FRONT);
  const { stream } = await client.open("/idle");
  const socket = await rawSocket("/idle").promise;
  const ended = once(socket, "end");
  socket.resume();
  const since = performance.now();
  assert.equal(await bodyOf(stream), "");
  assert.equal(await closedOf(stream), 0);
  await ended;
  assert.ok(performance.now() - since > 2000);
});
