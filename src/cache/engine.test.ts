/** The cache between real sockets: node's clients of both HTTP versions in front, node's server behind. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage, type RequestListener } from "node:http";
import http2 from "node:http2";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { BackendPool } from "#src/balance/pool.ts";
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
import { UpstreamServices } from "#src/http/upstream/services.ts";
import { tcpConnect } from "#src/http/upstream/tcp-connect.ts";
import { SPAN_BYTES } from "#src/memory/layout.ts";
import { Segment } from "#src/memory/segment.ts";
import { PartList } from "#src/reactor/parts.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Slab } from "#src/reactor/slab.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { TcpListener } from "#src/reactor/tcp-listener.ts";
import { CacheProcess } from "./cache-process.ts";
import { CacheStage } from "./request.ts";
import { MAX_OBJECT_BYTES } from "./route.ts";
import { CacheWriter } from "./store/cache-writer.ts";

class World implements AsyncDisposable {
  readonly verdicts: string[] = [];
  readonly faults: unknown[] = [];
  readonly process: CacheProcess;
  readonly port: number;
  readonly #poller = new Poller({ onFault: (error) => this.faults.push(error) });
  readonly #tcp = new Tcp(this.#poller);
  readonly #listener: TcpListener;
  readonly #pool: HttpUpstreamPool;
  readonly #origin: http.Server;

  constructor(origin: http.Server, host: string, port: number) {
    this.#origin = origin;
    const poller = this.#poller;
    const layout = { counters: 0, gauges: 0, healthTargets: 0, slots: 256, arenaBytes: SPAN_BYTES * 16 };
    const segment = Segment.local({ processes: 2, ...layout });
    const turn = (): void => {
      writer.onWake();
      this.process.lessee.onWake();
    };
    const writer = new CacheWriter({ segment, wake: () => poller.defer(turn) });
    this.process = new CacheProcess({
      loop: poller,
      segment,
      row: 1,
      counters: { onOutcome: (outcome) => this.verdicts.push(outcome), onOriginBytes: () => {} },
      wakeMain: () => poller.defer(turn),
      wall: Date.now,
      maxGatheredBytes: 1 << 26,
    });
    const { reader } = this.process.reader;
    poller.atBatchStart(() => reader.enter());
    poller.atBatchEnd(() => reader.leave());
    const health = { type: "none", path: "/", intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 } as const;
    const endpoints = [{ address: host, port, weight: 1, zone: "", ready: true, draining: false }];
    const backend = new BackendPool(
      { kind: "backend", id: "ns/web:80", endpoints, health, tls: undefined },
      { clock: poller, health: { targetOf: () => -1, isHealthy: () => true }, random: Math.random },
    );
    const upstream = new UpstreamServices(poller, new PartList());
    this.#pool = new HttpUpstreamPool(backend, tcpConnect(this.#tcp), upstream, DEFAULT_UPSTREAM_LIMITS);
    const stage = new CacheStage(this.process, {
      partition: 0,
      pool: this.#pool,
      editRequest: () => {},
      headTimeoutMs: 5000,
      requestTimeoutMs: 0,
      maxObjectBytes: MAX_OBJECT_BYTES,
    });
    const services = this.#services();
    const engine = new HttpEngine({ services, openH1: makeOpenH1(services), openH2: makeOpenH2(services) });
    poller.atBatchEnd(engine.flush);
    this.#listener = new TcpListener(this.#tcp, {
      host,
      port: 0,
      onStream: (stream) => engine.accept(stream, { current: { secure: false, stages: [stage] } }),
    });
    this.port = this.#listener.bound.port;
  }

  async stored(): Promise<void> {
    while (this.process.open.size > 0) await wait(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener[Symbol.dispose]();
    this.#poller.run(() => this.#pool.close());
    this.#origin.closeAllConnections();
    this.#origin.close();
    await this.#poller[Symbol.asyncDispose]();
    assert.deepEqual(this.faults, []);
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
        onFinish: () => undefined,
        onRefused: () => undefined,
      },
      out: new OutBuffer(new Slab(128 * 1024)),
      parts: new PartList(),
      edits: new FieldEdits(),
    };
  }
}

async function open(host: string, listener: RequestListener): Promise<World> {
  const origin = http.createServer(listener).listen(0, host);
  await once(origin, "listening");
  const address = origin.address();
  assert.ok(address !== null && typeof address === "object");
  return new World(origin, host, address.port);
}

async function get(host: string, port: number, path: string): Promise<{ head: IncomingMessage; body: Buffer }> {
  const request = http.get({ host, port, path, agent: false });
  const [head] = (await once(request, "response")) as [IncomingMessage];
  return { head, body: Buffer.concat(await head.toArray()) };
}

async function getH2(
  host: string,
  port: number,
  path: string,
): Promise<{ status: unknown; age: unknown; body: Buffer }> {
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const session = http2.connect(`http://${authority}`);
  // Of itself node's client leaves the brackets of an IPv6 address out.
  const stream = session.request({ ":path": path, ":authority": authority });
  const [fields] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
  const body = Buffer.concat(await stream.toArray());
  session.close();
  await once(session, "close");
  return { status: fields[":status"], age: fields.age, body };
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`miss, hit over both versions, small and as a chain, chunked and with a length (${host})`, async () => {
    const bodies: Record<string, Buffer> = {
      "/small": Buffer.from("hello"),
      "/middle": Buffer.alloc(40_000, "m"),
      "/chain": Buffer.alloc(3_000_000, "0123456789abcdef-"),
      "/chunked": Buffer.alloc(500_000, "c"),
    };
    let asked = 0;
    await using world = await open(host, (request, response) => {
      asked++;
      const body = bodies[request.url!]!;
      response.setHeader("cache-control", "max-age=60");
      if (request.url === "/chunked")
        for (let at = 0; at < body.length; at += 50_000) response.write(body.subarray(at, at + 50_000));
      else response.setHeader("content-length", body.length).write(body);
      response.end();
    });
    for (const [path, body] of Object.entries(bodies)) {
      const [miss, joined] = await Promise.all([get(host, world.port, path), get(host, world.port, path)]);
      assert.ok(miss.body.equals(body) && joined.body.equals(body), path);
      await world.stored();
      const hit = await get(host, world.port, path);
      assert.ok(hit.body.equals(body), path);
      assert.match(hit.head.headers["cache-status"] as string, /hit/);
      assert.equal(hit.head.headers["content-length"], String(body.length));
      const second = await getH2(host, world.port, path);
      // Host and :authority are the same, so the object is.
      assert.deepEqual([second.status, second.age], [200, hit.head.headers.age], path);
      assert.ok(second.body.equals(body), path);
    }
    assert.equal(asked, 4);
    assert.equal(world.verdicts.filter((one) => one === "hit").length >= 8, true);
    assert.equal(world.process.gatheredBytes, 0);
  });
}
