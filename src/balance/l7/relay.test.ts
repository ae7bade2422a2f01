/** The relay over real sockets: node's client in front, node's own servers and misbehaving ones behind. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import http, { type IncomingMessage, type RequestOptions } from "node:http";
import net from "node:net";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { BackendPool } from "#src/balance/pool.ts";
import type { EndpointConfig, HttpRuleConfig } from "#src/config/model.ts";
import { HttpDate } from "#src/http/engine/http-date.ts";
import { HttpEngine } from "#src/http/engine/http-engine.ts";
import { DEFAULT_LIMITS } from "#src/http/engine/limits.ts";
import { OutBuffer } from "#src/http/engine/out-buffer.ts";
import type { EngineServices } from "#src/http/engine/services.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import { makeOpenH1 } from "#src/http/h1/open.ts";
import { makeOpenH2 } from "#src/http/h2/open.ts";
import { HttpUpstreamPool } from "#src/http/upstream/http-upstream-pool.ts";
import { DEFAULT_UPSTREAM_LIMITS } from "#src/http/upstream/options.ts";
import { tcpConnect } from "#src/http/upstream/tcp-connect.ts";
import { UpstreamServices } from "#src/http/upstream/services.ts";
import { PartList } from "#src/reactor/parts.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Slab } from "#src/reactor/slab.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { TcpListener } from "#src/reactor/tcp-listener.ts";
import { RouteCompiler } from "./compile-routes.ts";
import { RelayServices } from "./relay.ts";

interface Answer {
  readonly status: number;
  readonly message: IncomingMessage;
  readonly body: Buffer;
}

type Ask = RequestOptions & { readonly body?: Buffer | readonly Buffer[] };

/** A proxy in front of the given endpoints, and everything that must end with it. */
class World implements AsyncDisposable {
  readonly notes: string[] = [];
  /** Of all exchanges that have ended. */
  retries = 0;
  readonly port: number;
  readonly agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly relay: RelayServices;
  readonly #faults: unknown[] = [];
  readonly #poller = new Poller({ onFault: (error) => this.#faults.push(error) });
  readonly #tcp = new Tcp(this.#poller);
  readonly #listener: TcpListener;
  readonly #pool: HttpUpstreamPool;
  readonly #servers: net.Server[];
  readonly #host: string;

  constructor(
    host: string,
    endpoints: readonly EndpointConfig[],
    servers: net.Server[],
    change: Partial<HttpRuleConfig>,
  ) {
    this.#host = host;
    this.#servers = servers;
    const poller = this.#poller;
    const health = { type: "none", path: "/", intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 } as const;
    const backend = new BackendPool(
      { kind: "backend", id: "ns/web:80", endpoints, health, tls: undefined },
      { clock: poller, health: { targetOf: () => -1, isHealthy: () => true }, random: Math.random },
    );
    const upstream = new UpstreamServices(poller, new PartList());
    this.#pool = new HttpUpstreamPool(backend, tcpConnect(this.#tcp), upstream, DEFAULT_UPSTREAM_LIMITS);
    this.relay = new RelayServices(poller, 10_000);
    const stages = this.#compile(change);
    const services = this.#services();
    const openH1 = makeOpenH1(services);
    const engine = new HttpEngine({ services, openH1, openH2: makeOpenH2(services) });
    poller.atBatchEnd(engine.flush);
    this.#listener = new TcpListener(this.#tcp, {
      host,
      port: 0,
      onStream: (stream) => engine.accept(stream, { current: { secure: false, stages } }),
    });
    this.port = this.#listener.bound.port;
  }

  ask(options: Ask = {}): Promise<Answer> {
    const { body, ...rest } = options;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const request = http.request({ host: this.#host, port: this.port, agent: this.agent, ...rest }, (message) => {
      const pieces: Buffer[] = [];
      message.on("data", (piece: Buffer) => pieces.push(piece));
      message.on("error", reject);
      message.on("end", () => resolve({ status: message.statusCode ?? 0, message, body: Buffer.concat(pieces) }));
    });
    request.on("error", reject);
    if (Buffer.isBuffer(body)) request.end(body);
    else {
      for (const piece of body ?? []) request.write(piece);
      request.end();
    }
    return promise;
  }

  get upstreamCounts() {
    return this.#pool.counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.agent.destroy();
    this.#listener[Symbol.dispose]();
    this.#poller.run(() => this.#pool.close());
    for (const server of this.#servers) {
      if (server instanceof http.Server) server.closeAllConnections();
      server.close();
    }
    await this.#poller[Symbol.asyncDispose]();
    this.#tcp[Symbol.dispose]();
    assert.deepEqual(this.#faults, []);
  }

  #compile(change: Partial<HttpRuleConfig>) {
    const only: HttpRuleConfig = {
      name: "",
      matches: [{ path: { type: "PathPrefix", value: "/" }, method: "", headers: [], queryParams: [] }],
      filters: [],
      backends: [{ backend: "backend/ns/Service/web/80", weight: 1 }],
      requestTimeoutMs: 0,
      backendTimeoutMs: 0,
      ...change,
    };
    const listeners = [{ id: "ns/gw/http", gateway: "ns/gw", hostname: "", certificates: [] }];
    const place = { engine: "balancer", port: 80, publicPort: 80, protocol: "HTTP", addresses: [] } as const;
    const port = { kind: "port", ...place, listeners } as const;
    const route = {
      kind: "httpRoute",
      id: "ns/r",
      createdAt: "",
      attachments: [{ listener: "ns/gw/http", hostnames: [""] }],
      rules: [only],
    } as const;
    const compiler = new RouteCompiler({ upstreamOf: () => this.#pool, relay: this.relay });
    return compiler.compile([port], [route]).get(80)!.stages;
  }

  #services(): EngineServices {
    return {
      loop: this.#poller,
      limits: DEFAULT_LIMITS,
      date: new HttpDate(),
      observer: {
        onConnection: () => undefined,
        onConnectionEnd: () => undefined,
        onRequest: () => undefined,
        onFinish: ({ status, aborted, notes }) => {
          this.notes.push(`${status} ${notes.backend} ${aborted} ${notes.reason}`.trimEnd());
          this.retries += notes.retries;
        },
        onRefused: (reason) => this.notes.push(`refused ${reason}`),
      },
      out: new OutBuffer(new Slab(128 * 1024)),
      parts: new PartList(),
      edits: new FieldEdits(),
    };
  }
}

async function portOf(server: net.Server, host: string): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === "object");
  return bound.port;
}

/** A proxy in front of `server`, or of nothing. */
async function inFrontOf(
  server: net.Server | undefined,
  change: Partial<HttpRuleConfig> = {},
  host = "127.0.0.1",
): Promise<World> {
  if (server === undefined) return new World(host, [], [], change);
  const port = await portOf(server, host);
  return new World(host, [{ address: host, port, weight: 1, ready: true }], [server], change);
}

const echo = (): http.Server =>
  http.createServer((request, response) => {
    response.setHeader("x-method", request.method ?? "");
    if (request.headers["content-length"] !== undefined) {
      response.setHeader("content-length", request.headers["content-length"]);
    }
    request.pipe(response);
  });

const MEGABYTE = Buffer.alloc(1_000_003, "0123456789abcdef-");

for (const host of ["127.0.0.1", "::1"]) {
  test(`requests of every framing over one connection each side, ${host}`, async () => {
    await using world = await inFrontOf(echo(), {}, host);
    for (const method of ["GET", "HEAD", "DELETE"]) {
      const { status, message, body } = await world.ask({ method });
      assert.deepEqual([status, body.length, message.headers["x-method"]], [200, 0, method]);
      assert.equal(message.headers["via"], "1.1 fairway");
    }
    const sized = await world.ask({ method: "POST", headers: { "content-length": 5 }, body: Buffer.from("hello") });
    assert.equal(sized.body.toString(), "hello");
    assert.equal(sized.message.headers["content-length"], "5");
    const chunked = await world.ask({ method: "PUT", body: [Buffer.from("a"), Buffer.from("bc")] });
    assert.equal(chunked.body.toString(), "abc");
    assert.equal(chunked.message.headers["transfer-encoding"], "chunked");
    for (const body of [MEGABYTE, [MEGABYTE.subarray(0, 400_000), MEGABYTE.subarray(400_000)]]) {
      const headers = Buffer.isBuffer(body) ? { "content-length": body.length } : {};
      const large = await world.ask({ method: "POST", headers, body });
      assert.ok(large.body.equals(MEGABYTE));
    }
    assert.equal(world.upstreamCounts.opened, 1);
    assert.equal(world.relay.spare.length, 1);
  });
}

test("many requests at once, each gets its own answer", async () => {
  await using world = await inFrontOf(echo());
  const asked = Array.from({ length: 100 }, (_, i) => {
    const body = Buffer.from(`${i}`.repeat(i * 50));
    return world.ask({ method: "POST", agent: false, body }).then((answer) => answer.body.equals(body));
  });
  assert.ok((await Promise.all(asked)).every((same) => same));
  assert.ok(world.relay.spare.length > 0);
  assert.equal(new Set(world.relay.spare).size, world.relay.spare.length);
});

test("interim responses, trailers of both sides, 100 Continue", async () => {
  const server = http.createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      response.setHeader("trailer", "x-sum");
      response.write("body");
      response.addTrailers({ "x-sum": request.trailers["x-in"] ?? "none" });
      response.end();
    });
  });
  await using world = await inFrontOf(server);
  const hints: unknown[] = [];
  const request = http.request({
    host: "127.0.0.1",
    port: world.port,
    method: "POST",
    headers: { expect: "100-continue", "transfer-encoding": "chunked", trailer: "x-in" },
  });
  request.on("information", ({ statusCode }) => hints.push(statusCode));
  request.flushHeaders();
  await once(request, "continue");
  request.write("x");
  request.addTrailers({ "x-in": "7" });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  assert.deepEqual(response.trailers, { "x-sum": "7" });
  assert.deepEqual(hints, [100, 103]);
  request.destroy();
});

test("a WebSocket echoes both ways, large messages too, and closes in order", async () => {
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    // At once, so that it comes behind the 101.
    socket.send("welcome");
  });
  await using world = await inFrontOf(server);
  const client = new WebSocket(`ws://127.0.0.1:${world.port}/chat`);
  const [welcome] = (await once(client, "message")) as [Buffer];
  assert.equal(welcome.toString(), "welcome");
  for (const message of [Buffer.from("x"), MEGABYTE]) {
    client.send(message);
    const [back] = (await once(client, "message")) as [Buffer];
    assert.ok(back.equals(message));
  }
  client.close(4000, "bye");
  const [code] = await once(client, "close");
  assert.equal(code, 4000);
  assert.deepEqual(world.notes, ["101 ns/web:80"]);
  sockets.close();
});

test("an upgraded connection passes an end on and lets the other side finish", async () => {
  const server = http.createServer();
  server.on("upgrade", (_request, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: lines\r\n\r\nhello ");
    let seen = "";
    socket.on("data", (piece: Buffer) => (seen += piece.toString()));
    socket.on("end", () => socket.end(`got ${seen}`));
  });
  await using world = await inFrontOf(server);
  const client = net.connect({ port: world.port, host: "127.0.0.1", allowHalfOpen: true });
  client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: lines\r\n\r\nearly ");
  let seen = "";
  let isAnswered = false;
  client.on("data", (piece: Buffer) => {
    seen += piece.toString();
    if (isAnswered || !seen.endsWith("hello ")) return;
    isAnswered = true;
    client.end("question");
  });
  await once(client, "end");
  assert.match(seen, /^HTTP\/1\.1 101 .*\r\n\r\nhello got early question$/s);
  client.destroy();
});

test("what was tried again is noted, whether it helped or not", async () => {
  const [closed, live] = [net.createServer(), echo()];
  const [dead, port] = [await portOf(closed, "127.0.0.1"), await portOf(live, "127.0.0.1")];
  closed.close();
  await once(closed, "close");
  const endpointAt = (at: number) => ({ address: "127.0.0.1", port: at, weight: 1, ready: true });
  await using world = new World("127.0.0.1", [endpointAt(dead), endpointAt(port)], [live], {});
  for (let count = 0; count < 4; count++) assert.equal((await world.ask()).status, 200);
  assert.ok(world.upstreamCounts.retries > 0);
  assert.equal(world.retries, world.upstreamCounts.retries);
  await using none = new World("127.0.0.1", [endpointAt(dead), { ...endpointAt(dead), address: "::1" }], [], {});
  assert.equal((await none.ask()).status, 502);
  assert.equal(none.retries, 1);
});

test("no endpoint 503, a dead one 502, a mute one 504, one that closes 502, one that talks nonsense 502", async () => {
  {
    await using world = await inFrontOf(undefined);
    assert.equal((await world.ask()).status, 503);
    assert.deepEqual(world.notes, ["503 ns/web:80  noEndpoint: no endpoint is ready"]);
  }
  {
    const closed = net.createServer();
    const port = await portOf(closed, "127.0.0.1");
    closed.close();
    await once(closed, "close");
    await using world = new World("127.0.0.1", [{ address: "127.0.0.1", port, weight: 1, ready: true }], [], {});
    assert.equal((await world.ask()).status, 502);
    assert.deepEqual(world.notes, ["502 ns/web:80  connect: connection refused"]);
    assert.equal((await world.ask({ method: "POST", body: MEGABYTE })).status, 502);
  }
  const mute = (): net.Server => net.createServer((socket) => void socket.resume().on("error", () => undefined));
  for (const change of [{ backendTimeoutMs: 60 }, { requestTimeoutMs: 60 }]) {
    await using world = await inFrontOf(mute(), change);
    assert.equal((await world.ask()).status, 504);
    assert.match(world.notes[0]!, /^504 ns\/web:80 {2}timeout: /);
    assert.equal(world.relay.spare.length, 1);
  }
  for (const said of ["", "nonsense\r\n\r\n"]) {
    await using world = await inFrontOf(
      net.createServer(
        (socket) =>
          void socket
            .resume()
            .on("error", () => undefined)
            .end(said),
      ),
    );
    assert.equal((await world.ask({ method: "POST" })).status, 502);
    assert.match(world.notes[0]!, /^502 ns\/web:80 {2}head: /);
  }
});

test("a response that breaks off is cut for the client too, and never whole", async () => {
  for (const told of ["Content-Length: 10", "Transfer-Encoding: chunked"]) {
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.write(`HTTP/1.1 200 OK\r\n${told}\r\n\r\n5\r\nab`, () => socket.end()));
    });
    await using world = await inFrontOf(server);
    await assert.rejects(world.ask(), /aborted|hang up|reset/i);
    assert.match(world.notes[0]!, /^200 ns\/web:80 upstreamFailed body: /);
  }
});

test("a response that does not end within the request's time is cut", async () => {
  const server = http.createServer((_request, response) => void response.write("a beginning"));
  await using world = await inFrontOf(server, { requestTimeoutMs: 80 });
  await assert.rejects(world.ask(), /aborted|hang up|reset/i);
  assert.match(world.notes[0]!, /^200 ns\/web:80 upstreamTimeout timeout: /);
  assert.equal(world.relay.spare.length, 1);
});

test("a slow reader holds the backend back, and gets all in the end", async () => {
  let written = 0;
  const total = 64 * 1024 * 1024;
  const piece = Buffer.alloc(256 * 1024, 7);
  const server = http.createServer((_request, response) => {
    const more = (): void => {
      while (written < total) {
        written += piece.length;
        if (!response.write(piece)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  });
  await using world = await inFrontOf(server);
  const request = http.get({ host: "127.0.0.1", port: world.port, agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.pause();
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(written < total, `${written} bytes were taken from the backend for a client that reads none`);
  let seen = 0;
  response.on("data", (data: Buffer) => (seen += data.length));
  response.resume();
  await once(response, "end");
  assert.equal(seen, total);
});

test("a slow backend holds the client back", async () => {
  const paused = Promise.withResolvers<IncomingMessage>();
  const server = http.createServer((request, response) => {
    paused.resolve(request);
    request.on("end", () => response.end("ok"));
  });
  await using world = await inFrontOf(server);
  const total = 64 * 1024 * 1024;
  const request = http.request({ host: "127.0.0.1", port: world.port, method: "POST", agent: false });
  const piece = Buffer.alloc(256 * 1024, 7);
  let written = 0;
  const more = (): void => {
    while (written < total) {
      written += piece.length;
      if (!request.write(piece)) return void request.once("drain", more);
    }
    request.end();
  };
  more();
  const incoming = await paused.promise;
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(written < total, `${written} bytes were taken from the client for a backend that reads none`);
  incoming.resume();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  response.resume();
  await once(response, "end");
});

test("a client that goes takes its request to the backend with it", async () => {
  const gone = Promise.withResolvers<void>();
  const here = Promise.withResolvers<void>();
  const server = http.createServer((request) => {
    here.resolve();
    request.socket.on("close", () => gone.resolve());
  });
  await using world = await inFrontOf(server);
  const client = net.connect(world.port, "127.0.0.1");
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await here.promise;
  client.resetAndDestroy();
  await gone.promise;
  assert.equal(world.relay.spare.length, 1);
});

/** The answer to one request on an HTTP/2 session. */
async function askH2(session: ClientHttp2Session, method: string, body: Buffer | undefined) {
  const stream: ClientHttp2Stream = session.request({ ":method": method, ":path": "/" });
  const answered = once(stream, "response");
  const pieces: Buffer[] = [];
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  stream.end(body);
  const [head] = (await answered) as [Record<string, unknown>];
  await once(stream, "close");
  return { head, body: Buffer.concat(pieces), reset: stream.rstCode };
}

test("HTTP/2 clients: bodies both ways, HEAD, failures", async () => {
  await using world = await inFrontOf(echo());
  const session = http2.connect(`http://127.0.0.1:${world.port}`);
  for (const method of ["GET", "HEAD"]) {
    const { head, body } = await askH2(session, method, undefined);
    assert.deepEqual([head[":status"], head["x-method"], body.length], [200, method, 0]);
  }
  const sent = [Buffer.from("small"), MEGABYTE, MEGABYTE];
  const answers = await Promise.all(sent.map((body) => askH2(session, "POST", body)));
  assert.ok(answers.every(({ body, reset }, i) => reset === 0 && body.equals(sent[i]!)));
  session.close();
  await once(session, "close");
  await using empty = await inFrontOf(undefined);
  const other = http2.connect(`http://127.0.0.1:${empty.port}`);
  assert.equal((await askH2(other, "POST", MEGABYTE)).head[":status"], 503);
  other.close();
  await once(other, "close");
  assert.equal(empty.relay.spare.length, 1);
});

test("an answer that comes before the request's body is complete reaches the client", async () => {
  const server = http.createServer((_request, response) => void response.writeHead(413).end("too much"));
  await using world = await inFrontOf(server);
  const request = http.request({ host: "127.0.0.1", port: world.port, method: "POST", agent: false });
  request.on("error", () => undefined);
  request.write("some");
  const [response] = (await once(request, "response")) as [IncomingMessage];
  assert.equal(response.statusCode, 413);
  response.resume();
  await once(response, "end");
  request.destroy();
  assert.equal(world.relay.spare.length, 1);
});
