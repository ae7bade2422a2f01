/** Bodies both ways, upgrades and TLS over real sockets against node's own servers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { BackendPool } from "#src/balance/pool.ts";
import { createCertificate } from "#src/net/self-signed.ts";
import { PartList } from "#src/reactor/parts.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { Stream } from "#src/reactor/stream.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { Tls } from "#src/reactor/tls/tls.ts";
import { createTlsClient, TlsClient } from "#src/reactor/tls/tls-client.ts";
import { parseRequest } from "../h1/parse.ts";
import { BODY, Message } from "../message.ts";
import type { UpstreamCall, UpstreamReceiver } from "../upstream.ts";
import { HttpUpstreamPool } from "./http-upstream-pool.ts";
import { type Connect, DEFAULT_UPSTREAM_LIMITS } from "./options.ts";
import { UpstreamServices } from "./services.ts";
import { tcpConnect, tlsConnect } from "./tcp-connect.ts";

const HOSTS = ["127.0.0.1", "::1"] as const;
const VALID = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) };
const AUTHORITY = createCertificate({ names: ["Test Authority"], isAuthority: true, ...VALID });
const SERVER = createCertificate({ names: ["a.test"], issuer: AUTHORITY, ...VALID });

/** A poller, a server and a pool to it, which end together. */
class World implements AsyncDisposable {
  readonly faults: unknown[] = [];
  readonly poller = new Poller({ onFault: (error) => this.faults.push(error) });
  readonly tcp = new Tcp(this.poller);
  readonly tls = new Tls(this.poller);
  readonly server: Server;
  #pool: HttpUpstreamPool | undefined;

  constructor(server: Server) {
    this.server = server;
  }

  async open(host: string, connect: Connect = tcpConnect(this.tcp)): Promise<HttpUpstreamPool> {
    this.server.listen(0, host);
    await once(this.server, "listening");
    const bound = this.server.address();
    assert.ok(bound !== null && typeof bound === "object");
    const config = {
      kind: "backend",
      id: "default/web:80",
      endpoints: [{ address: host, port: bound.port, weight: 1, ready: true }],
      health: { type: "none", path: "/", intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 },
      tls: undefined,
    } as const;
    const health = { targetOf: () => -1, isHealthy: () => true };
    const backend = new BackendPool(config, { clock: this.poller, health, random: Math.random });
    const services = new UpstreamServices(this.poller, new PartList());
    this.#pool = new HttpUpstreamPool(backend, connect, services, DEFAULT_UPSTREAM_LIMITS);
    return this.#pool;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.poller.run(() => this.#pool?.close());
    this.server.close();
    for (let waited = 0; this.tcp.open > 0 && waited < 400; waited++) await setTimeout(5);
    await this.poller[Symbol.asyncDispose]();
    this.tcp[Symbol.dispose]();
    this.tls[Symbol.dispose]();
    assert.equal(this.tcp.open, 0, "every connection has ended");
    assert.deepEqual(this.faults, []);
  }
}

/** Sends a request whose body is `size` bytes in pieces, as fast as it is taken, and reads the response with pauses. */
class Exchange implements UpstreamReceiver {
  received = 0;
  drains = 0;
  pauses = 0;
  last = "";
  upgraded: Stream | undefined = undefined;
  readonly ended = Promise.withResolvers<void>();
  readonly #poller: Poller;
  readonly #piece = new Slab(100_000);
  #left: number;
  #call: UpstreamCall | undefined;

  constructor(poller: Poller, size: number) {
    this.#poller = poller;
    this.#left = size;
  }

  send(pool: HttpUpstreamPool, text: string): void {
    const bytes = Buffer.from(text);
    const head = new Message();
    assert.ok(parseRequest(bytes, 0, bytes.length, head, { headBytes: 4096, fields: 16 }) > 0);
    const hasBody = head.body === BODY.chunked || head.contentLength > 0;
    this.#poller.run(() => {
      this.#call = pool.request({ head, edits: undefined, hasBody, key: 0, headTimeoutMs: 0 }, this);
      if (hasBody) this.#write(this.#call);
    });
  }

  onInform(): void {}
  onResponse(): void {}

  onBody(call: UpstreamCall, _slab: Slab, start: number, end: number): boolean {
    this.received += end - start;
    if (++this.pauses % 4 !== 0) return true;
    setImmediate(() => this.#poller.run(() => call.resume()));
    return false;
  }

  onBodyEnd(): void {
    this.#finish("end");
  }

  onUpgrade(_call: UpstreamCall, head: Message, stream: Stream, rest: Uint8Array): void {
    this.upgraded = stream;
    this.#finish(`${head.status} ${Buffer.from(rest).toString()}`);
  }

  onFail(_call: UpstreamCall, error: { source: string; detail: string }): void {
    this.#finish(`${error.source}: ${error.detail}`);
  }

  onDrain(call: UpstreamCall): void {
    this.drains++;
    this.#write(call);
  }

  #write(call: UpstreamCall): void {
    while (this.#left > 0) {
      const length = Math.min(this.#left, this.#piece.length);
      this.#left -= length;
      if (!call.write(this.#piece, 0, length)) return;
    }
    call.end();
  }

  /** Promises do not run inside a batch: the outcome is handed over behind it. */
  #finish(last: string): void {
    this.last = last;
    this.#poller.defer(() => this.ended.resolve());
  }
}

for (const host of HOSTS) {
  for (const framing of ["Content-Length: 16000000", "Transfer-Encoding: chunked"]) {
    test(`sixteen megabytes go there and back (${framing}), ${host}`, async () => {
      await using world = new World(
        createHttpServer((request, response) => void setTimeout(10).then(() => request.pipe(response))),
      );
      const pool = await world.open(host);
      for (let round = 0; round < 2; round++) {
        const exchange = new Exchange(world.poller, 16_000_000);
        exchange.send(pool, `POST /echo HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`);
        await exchange.ended.promise;
        assert.deepEqual([exchange.last, exchange.received], ["end", 16_000_000]);
        assert.ok(exchange.drains > 0, "it was ahead of the server");
      }
      assert.equal(pool.counts.opened, 1);
    });
  }

  test(`an answer before the request's end arrives, and costs the connection, ${host}`, async () => {
    const refuse = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      socket.once("data", () => socket.pause().write(refuse));
    });
    await using world = new World(server);
    const pool = await world.open(host);
    const exchange = new Exchange(world.poller, 16_000_000);
    exchange.send(pool, "PUT /large HTTP/1.1\r\nHost: x\r\nContent-Length: 16000000\r\n\r\n");
    await exchange.ended.promise;
    assert.equal(exchange.last, "end");
    assert.deepEqual(pool.connections, [0, 0]);
    for (const socket of sockets) socket.destroy();
  });

  test(`an upgrade hands over a stream that goes on, ${host}`, async () => {
    const server = createHttpServer().on("upgrade", (_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhi");
      socket.on("error", () => {}).pipe(socket);
    });
    await using world = new World(server);
    const pool = await world.open(host);
    const exchange = new Exchange(world.poller, 0);
    exchange.send(pool, "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    await exchange.ended.promise;
    assert.equal(exchange.last, "101 hi");
    assert.deepEqual(pool.connections, [0, 0]);
    const stream = exchange.upgraded!;
    const echoed = Promise.withResolvers<string>();
    const hello = new Slab(new Uint8Array(Buffer.from("hello")));
    stream.handler = {
      onOpen: () => {},
      onData: (_stream, slab, start, end) => {
        const bytes = Buffer.from(slab.bytes.slice(start, end)).toString();
        world.poller.defer(() => echoed.resolve(bytes));
        return end - start;
      },
      onEnd: () => {},
      onDrain: () => {},
      onDeadline: () => {},
      onClose: () => {},
    };
    world.poller.run(() => stream.send(hello, 0, 5));
    assert.equal(await echoed.promise, "hello");
    world.poller.run(() => stream.abort("done"));
  });

  test(`over TLS, to the right server only, ${host}`, async () => {
    const options = { key: SERVER.keyPem, cert: SERVER.certificatePem };
    const server = createHttpsServer(options, (request, response) => void request.pipe(response));
    server.on("tlsClientError", () => {});
    await using world = new World(server);
    const authorities = { pem: AUTHORITY.certificatePem };
    const client = createTlsClient(world.tls, { authorities, alpn: ["http/1.1"], handshakeMs: 5000 });
    assert.ok(client instanceof TlsClient);
    const names = ["a.test", "b.test"];
    const pool = await world.open(host, (address, handler) =>
      tlsConnect(world.tcp, client, names[0]!)(address, handler),
    );
    for (let round = 0; round < 2; round++) {
      const exchange = new Exchange(world.poller, 500_000);
      exchange.send(pool, "POST /echo HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
      await exchange.ended.promise;
      assert.deepEqual([exchange.last, exchange.received], ["end", 500_000]);
    }
    assert.equal(pool.counts.opened, 1);
    names.shift();
    server.closeIdleConnections();
    const wrong = new Exchange(world.poller, 0);
    wrong.send(pool, "DELETE /x HTTP/1.1\r\nHost: b.test\r\n\r\n");
    await wrong.ended.promise;
    assert.equal(wrong.last, "tls: TLS handshake failed");
    client[Symbol.dispose]();
  });
}
