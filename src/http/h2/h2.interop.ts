/** HTTP/2 against peers that are not ours: h2spec, curl, h2load; a corpus of hostile connections; over plain TCP and TLS. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createCertificate } from "#src/net/self-signed.ts";
import { PartList } from "#src/reactor/parts.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { StreamHandler } from "#src/reactor/stream.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { TcpListener } from "#src/reactor/tcp-listener.ts";
import type { TcpStream } from "#src/reactor/tcp-stream.ts";
import { CertificateTable } from "#src/reactor/tls/certificate-store.ts";
import { Tls } from "#src/reactor/tls/tls.ts";
import { createIdentity, TlsIdentity } from "#src/reactor/tls/tls-identity.ts";
import { TlsServer } from "#src/reactor/tls/tls-server.ts";
import { HttpDate } from "../engine/http-date.ts";
import { HttpEngine } from "../engine/http-engine.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import { OutBuffer } from "../engine/out-buffer.ts";
import type { EngineServices } from "../engine/services.ts";
import type { BodySink, Exchange, PreparedResponse } from "../exchange.ts";
import { FieldEdits } from "../field-edits.ts";
import { makeOpenH1 } from "../h1/open.ts";
import { BODY, Message } from "../message.ts";
import type { Stage } from "../stage.ts";
import { PREFACE } from "./frame.ts";
import { encodeStatus } from "./hpack/encoder.ts";
import { makeOpenH2 } from "./open.ts";

const run = promisify(execFile);
const CORPUS = join(process.env["FAIRWAY_CORPORA"] ?? "", "http2-frames");

const preparedSlab = new Slab(4096);
const HIT: PreparedResponse = {
  status: 200,
  slab: preparedSlab,
  h1Start: 0,
  h1End: 0,
  h2Start: 0,
  h2End: encodeStatus(preparedSlab.bytes, 0, 200),
  bodyStart: 1024,
  bodyEnd: 2048,
  age: 1,
  held: undefined,
};

/** Sends a request's body back. */
const echo: BodySink = {
  onBody: (exchange, slab, start, end) => exchange.write(slab, start, end),
  onBodyEnd: (exchange) => exchange.end(),
};

const stage: Stage = {
  onRequest(exchange: Exchange) {
    if (!exchange.hasBody) {
      exchange.respondPrepared(HIT);
      return "done";
    }
    const head = new Message();
    head.status = 200;
    head.body = BODY.chunked;
    exchange.source = { onDrain: () => exchange.resumeBody(), onAbort: () => undefined };
    exchange.respond(head, undefined);
    exchange.readBody(echo);
    return "wait";
  },
};

class Server implements AsyncDisposable {
  readonly faults: unknown[] = [];
  readonly poller = new Poller({ onFault: (error) => this.faults.push(error) });
  readonly tcp = new Tcp(this.poller);
  readonly tls = new Tls(this.poller);
  requests = 0;
  finished = 0;
  /** Plain TCP, either version; plain TCP, HTTP/2 alone; TLS. */
  readonly plainPort: number;
  readonly priorPort: number;
  readonly tlsPort: number;
  readonly #made: Disposable[] = [];

  constructor() {
    const services: EngineServices = {
      loop: this.poller,
      limits: DEFAULT_LIMITS,
      date: new HttpDate(),
      observer: {
        onConnection: () => undefined,
        onConnectionEnd: () => undefined,
        onRequest: () => this.requests++,
        onFinish: () => this.finished++,
        onRefused: () => undefined,
      },
      out: new OutBuffer(new Slab(256 * 1024)),
      parts: new PartList(),
      edits: new FieldEdits(),
    };
    const openH2 = makeOpenH2(services);
    const engine = new HttpEngine({ services, openH1: makeOpenH1(services), openH2 });
    this.poller.atBatchEnd(engine.flush);
    const certificate = createCertificate({
      names: ["localhost"],
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 86_400_000),
    });
    const identity = createIdentity(this.tls, { chainPem: certificate.certificatePem, keyPem: certificate.keyPem });
    assert.ok(identity instanceof TlsIdentity);
    const certificates = new CertificateTable();
    certificates.replace([{ name: "", identity }]);
    const server = new TlsServer(this.tls, {
      certificates,
      alpn: ["h2", "http/1.1"],
      ticketKeys: new Uint8Array(80).fill(1),
      handshakeMs: 5000,
    });
    const plain = { current: { secure: false, stages: [stage] } };
    const secure = { current: { secure: true, stages: [stage] } };
    const listen = (onStream: (stream: TcpStream) => StreamHandler): number => {
      const listener = new TcpListener(this.tcp, { host: "127.0.0.1", port: 0, onStream });
      this.#made.push(listener);
      return listener.bound.port;
    };
    this.plainPort = listen((stream) => engine.accept(stream, plain));
    this.priorPort = listen((stream) => openH2(stream, plain, services));
    this.tlsPort = listen((stream) => {
      const secured = server.accept(stream);
      secured.handler = engine.accept(secured, secure);
      return secured;
    });
    this.#made.push(server, identity);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let waited = 0; this.tcp.open > 0 && waited < 1000; waited++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(this.tcp.open, 0, "every connection has ended");
    assert.equal(this.finished, this.requests, "every exchange has ended");
    for (const made of this.#made) made[Symbol.dispose]();
    this.tcp[Symbol.dispose]();
    await this.poller[Symbol.asyncDispose]();
    this.tls[Symbol.dispose]();
    assert.deepEqual(this.faults, []);
    assert.equal(this.tls.counts.leftovers, 0);
  }
}

test("h2spec, every test, by prior knowledge and over TLS", { timeout: 120_000 }, async () => {
  await using server = new Server();
  for (const options of [[`${server.priorPort}`], [`${server.tlsPort}`, "-t", "-k"]]) {
    const { stdout } = await run("h2spec", ["-S", "-h", "127.0.0.1", "-p", ...options]).catch(
      (error: { stdout: string }) => error,
    );
    assert.match(stdout, /146 tests, 146 passed, 0 skipped, 0 failed/);
  }
});

test("curl: a hit, and 100 MB both ways, by prior knowledge and by ALPN", { timeout: 120_000 }, async () => {
  await using server = new Server();
  const folder = mkdtempSync(join(tmpdir(), "fairway-h2-"));
  const file = join(folder, "body");
  writeFileSync(file, Buffer.alloc(100 * 1024 * 1024, "0123456789abcdef"));
  const cases = [
    ["--http2-prior-knowledge", `http://127.0.0.1:${server.plainPort}/`],
    ["-k", `https://127.0.0.1:${server.tlsPort}/`],
  ];
  for (const target of cases) {
    const hit = await run("curl", [
      "-s",
      "-w",
      "%{http_version} %{http_code} %{size_download}",
      "-o",
      "/dev/null",
      ...target,
    ]);
    assert.equal(hit.stdout, "2 200 1024");
    const out = join(folder, "out");
    await run("curl", ["-s", "--data-binary", `@${file}`, "-o", out, ...target]);
    assert.ok(readFileSync(out).equals(readFileSync(file)));
  }
  rmSync(folder, { recursive: true });
});

test("h2load: many streams at once, over both", { timeout: 60_000 }, async () => {
  await using server = new Server();
  for (const url of [`http://127.0.0.1:${server.plainPort}/`, `https://127.0.0.1:${server.tlsPort}/`]) {
    const { stdout } = await run("h2load", ["-n", "50000", "-c", "16", "-m", "50", url]);
    assert.match(stdout, /50000 succeeded, 0 failed, 0 errored/);
  }
});

test("hostile connections: each is answered or closed, and the next is served", { timeout: 120_000 }, async () => {
  await using server = new Server();
  const files = readdirSync(CORPUS);
  assert.ok(files.length > 100);
  const send = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ port: server.plainPort, host: "127.0.0.1" }, () => socket.end(bytes));
      socket.on("data", () => undefined);
      socket.on("error", () => undefined);
      socket.on("close", () => resolve());
    });
  for (const file of files) {
    const bytes = readFileSync(join(CORPUS, file));
    await Promise.all([
      send(bytes),
      send(Buffer.concat([PREFACE, bytes])),
      send(Buffer.concat([PREFACE, new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0]), bytes])),
    ]);
  }
  const { stdout } = await run("curl", [
    "-s",
    "-w",
    "%{http_code}",
    "-o",
    "/dev/null",
    "--http2-prior-knowledge",
    `http://127.0.0.1:${server.plainPort}/`,
  ]);
  assert.equal(stdout, "200");
});
