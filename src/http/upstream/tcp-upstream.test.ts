/** The pool over real sockets against node's own server, which misbehaves where the test wants it to. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { createServer as createHttpServer } from "node:http";
import { test } from "node:test";
import { BackendPool } from "#src/balance/pool.ts";
import { PartList } from "#src/reactor/parts.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { parseRequest } from "../h1/parse.ts";
import { Message } from "../message.ts";
import type { UpstreamReceiver } from "../upstream.ts";
import { HttpUpstreamPool } from "./http-upstream-pool.ts";
import { DEFAULT_UPSTREAM_LIMITS } from "./options.ts";
import { UpstreamServices } from "./services.ts";
import { tcpConnect } from "./tcp-connect.ts";

interface Outcome {
  readonly status: number;
  readonly bytes: number;
  /** "end", or the failure's source. */
  readonly last: string;
}

/** Runs `use` with a pool whose only endpoint is `server`. */
async function withPool(
  server: Server,
  host: string,
  use: (get: (path: string, headMs?: number) => Promise<Outcome>, pool: HttpUpstreamPool) => Promise<void>,
): Promise<void> {
  server.listen(0, host);
  await once(server, "listening");
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === "object");
  const faults: unknown[] = [];
  const poller = new Poller({ onFault: (error) => faults.push(error) });
  const tcp = new Tcp(poller);
  const health = { type: "none", path: "/", intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 } as const;
  const endpoints = [{ address: host, port: bound.port, weight: 1, ready: true }];
  const backend = new BackendPool(
    { kind: "backend", id: "default/web:80", endpoints, health, tls: undefined },
    { clock: poller, health: { targetOf: () => -1, isHealthy: () => true }, random: Math.random },
  );
  const services = new UpstreamServices(poller, new PartList());
  const pool = new HttpUpstreamPool(backend, tcpConnect(tcp), services, DEFAULT_UPSTREAM_LIMITS);
  const get = (path: string, headTimeoutMs = 0): Promise<Outcome> => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const seen = { status: 0, bytes: 0 };
    // Promises do not run inside a batch: the outcome is handed over behind it.
    const done = (last: string): void => poller.defer(() => resolve({ ...seen, last }));
    const receiver: UpstreamReceiver = {
      onInform: () => {},
      onResponse: (_call, head) => void (seen.status = head.status),
      onBody: (_call, _slab, start, end) => (seen.bytes += end - start) >= 0,
      onBodyEnd: () => done("end"),
      onUpgrade: () => done("upgrade"),
      onFail: (_call, error) => done(error.source),
      onDrain: () => {},
    };
    const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const head = new Message();
    assert.ok(parseRequest(bytes, 0, bytes.length, head, { headBytes: 4096, fields: 16 }) > 0);
    poller.run(() => pool.request({ head, edits: undefined, hasBody: false, key: 0, headTimeoutMs }, receiver));
    return promise;
  };
  try {
    await use(get, pool);
  } finally {
    poller.run(() => pool[Symbol.dispose]());
    server.close();
    await poller[Symbol.asyncDispose]();
    tcp[Symbol.dispose]();
  }
  assert.deepEqual(faults, []);
}

const HOSTS = ["127.0.0.1", "::1"];

for (const host of HOSTS) {
  test(`small and large responses over one connection, ${host}`, async () => {
    const server = createHttpServer((request, response) => response.end(Buffer.alloc(Number(request.url!.slice(1)))));
    await withPool(server, host, async (get, pool) => {
      for (const size of [0, 1, 1000, 3_000_000, 1000]) {
        assert.deepEqual(await get(`/${size}`), { status: 200, bytes: size, last: "end" });
      }
      assert.equal(pool.counts.opened, 1);
      server.closeAllConnections();
    });
  });
}

for (const host of HOSTS) {
  test(`a backend that closes its kept connections loses no request, ${host}`, async () => {
    const server = createHttpServer((_request, response) => response.end("ok"));
    await withPool(server, host, async (get) => {
      for (let i = 0; i < 20; i++) {
        const next = get("/");
        assert.deepEqual(await next, { status: 200, bytes: 2, last: "end" });
        // The close and the next request cross each other.
        server.closeAllConnections();
      }
    });
  });
}

for (const host of HOSTS) {
  test(`a backend that lies about its length, closes early, says nothing or is dead, ${host}`, async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (data) => {
        const path = data.toString().split(" ")[1];
        if (path === "/lies") socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        else if (path === "/early") socket.end();
        else if (path === "/slow") setTimeout(() => socket.destroy(), 1000);
      });
    });
    await withPool(server, host, async (get) => {
      assert.deepEqual(await get("/lies"), { status: 200, bytes: 3, last: "body" });
      assert.deepEqual(await get("/early"), { status: 0, bytes: 0, last: "head" });
      assert.deepEqual(await get("/slow", 50), { status: 0, bytes: 0, last: "timeout" });
      server.close();
      assert.deepEqual(await get("/"), { status: 0, bytes: 0, last: "connect" });
    });
  });
}
