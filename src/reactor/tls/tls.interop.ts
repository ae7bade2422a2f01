/** TLS against clients that are not ours: openssl s_client and curl; and 5,000 handshakes that leave nothing behind. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createCertificate } from "#src/net/self-signed.ts";
import { keptMemory } from "#src/testing/kept-memory.ts";
import { connectTcp } from "../connector.ts";
import { Poller } from "../poller.ts";
import { Slab } from "../slab.ts";
import type { CloseReason, Stream, StreamHandler } from "../stream.ts";
import { Tcp } from "../tcp.ts";
import { TcpListener } from "../tcp-listener.ts";
import { TcpStream } from "../tcp-stream.ts";
import { CertificateTable } from "./certificate-store.ts";
import { Tls } from "./tls.ts";
import { createTlsClient, TlsClient } from "./tls-client.ts";
import { createIdentity, TlsIdentity } from "./tls-identity.ts";
import { TlsServer } from "./tls-server.ts";

const run = promisify(execFile);
const OPENSSL = "openssl";
const VALID = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) };
const AUTHORITY = createCertificate({ names: ["Test Authority"], isAuthority: true, ...VALID });
const ECDSA = createCertificate({ names: ["a.test", "localhost"], issuer: AUTHORITY, ...VALID });

const BODY = "x".repeat(200_000);
const RESPONSE = new Slab(new TextEncoder().encode(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`));

/** Answers anything with one response, then closes. */
const handler: StreamHandler = {
  onOpen: () => {},
  onData(stream, _slab, start, end) {
    stream.send(RESPONSE, 0, RESPONSE.length);
    stream.close("done");
    return end - start;
  },
  onEnd: (stream) => stream.close("done"),
  onDrain: () => {},
  onDeadline: (stream) => stream.close("timeout"),
  onClose: () => {},
};

class Server implements AsyncDisposable {
  readonly poller = new Poller({
    onFault: (error) => {
      throw error;
    },
  });
  readonly tcp = new Tcp(this.poller);
  readonly tls = new Tls(this.poller);
  readonly #made: Disposable[] = [];
  readonly port: number;

  constructor(...certificates: { certificatePem: string; keyPem: string }[]) {
    const table = new CertificateTable();
    table.replace(
      certificates.map((one) => {
        const identity = createIdentity(this.tls, { chainPem: one.certificatePem, keyPem: one.keyPem });
        assert.ok(identity instanceof TlsIdentity);
        this.#made.push(identity);
        return { name: "", identity };
      }),
    );
    const options = {
      certificates: table,
      alpn: ["http/1.1"],
      ticketKeys: new Uint8Array(80).fill(1),
      handshakeMs: 5000,
    };
    const server = new TlsServer(this.tls, options);
    const onStream = (stream: TcpStream): StreamHandler => server.accept(stream, handler);
    const listener = new TcpListener(this.tcp, { host: "127.0.0.1", port: 0, onStream });
    this.#made.push(server);
    this.#made.unshift(listener);
    this.port = listener.bound.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let waited = 0; this.tcp.open > 0 && waited < 1000; waited++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(this.tcp.open, 0);
    assert.equal(this.tls.counts.leftovers, 0);
    for (const made of this.#made) made[Symbol.dispose]();
    this.tcp[Symbol.dispose]();
    await this.poller[Symbol.asyncDispose]();
    this.tls[Symbol.dispose]();
  }
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fairway-tls-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What openssl s_client prints when it sends one line. */
async function speak(port: number, ...options: string[]): Promise<string> {
  const child = spawn(OPENSSL, ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "a.test", ...options]);
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  child.stdin.on("error", () => {});
  child.stdin.write("GET / HTTP/1.0\r\n\r\n");
  await new Promise((resolve) => child.on("close", resolve));
  return text;
}

test("openssl s_client: both versions, verification, resumption, RSA and ECDSA by what the client can verify", async () => {
  await withFolder(async (folder) => {
    const path = (name: string): string => join(folder, name);
    writeFileSync(path("ca.pem"), AUTHORITY.certificatePem);
    await run(OPENSSL, [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=rsa.test",
      "-keyout",
      path("key.pem"),
      "-out",
      path("rsa.pem"),
    ]);
    const rsa = {
      certificatePem: readFileSync(path("rsa.pem"), "utf8"),
      keyPem: readFileSync(path("key.pem"), "utf8"),
    };
    await using server = new Server(ECDSA, rsa);
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const text = await speak(
        server.port,
        version,
        "-CAfile",
        path("ca.pem"),
        "-verify_hostname",
        "a.test",
        "-alpn",
        "http/1.1",
      );
      assert.match(text, /Verify return code: 0 \(ok\)/);
      assert.match(text, /ALPN protocol: http\/1\.1/);
      assert.ok(text.includes(BODY), "the whole body");
      await speak(server.port, version, "-sess_out", path("session"));
      assert.match(await speak(server.port, version, "-sess_in", path("session")), /^Reused, TLSv1/m);
    }
    assert.match(await speak(server.port, "-sigalgs", "rsa_pss_rsae_sha256"), /CN ?= ?rsa\.test/);
    assert.match(await speak(server.port, "-sigalgs", "ecdsa_secp256r1_sha256"), /CN ?= ?a\.test/);
    assert.match(await speak(server.port, "-tls1_1"), /alert protocol version|no protocols available/);
  });
});

test("curl verifies and reads everything", async () => {
  await withFolder(async (folder) => {
    writeFileSync(join(folder, "ca.pem"), AUTHORITY.certificatePem);
    await using server = new Server(ECDSA);
    const resolve = ["--resolve", `a.test:${server.port}:127.0.0.1`];
    const { stdout } = await run("curl", [
      "-s",
      "--cacert",
      join(folder, "ca.pem"),
      ...resolve,
      `https://a.test:${server.port}/`,
    ]);
    assert.equal(stdout, BODY);
  });
});

test("5,000 handshakes leave no descriptor and no memory behind", { timeout: 120_000 }, async () => {
  await using server = new Server(ECDSA);
  const client = createTlsClient(server.tls, {
    authorities: { pem: AUTHORITY.certificatePem },
    alpn: [],
    handshakeMs: 5000,
  });
  assert.ok(client instanceof TlsClient);
  const handshakes = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 50) await Promise.all(Array.from({ length: 50 }, () => once(server, client)));
  };
  await handshakes(1500);
  const before = { memory: await residentBytes(), descriptors: readdirSync("/proc/self/fd").length };
  await handshakes(5000);
  assert.equal(server.tls.counts.handshakes, 13_000);
  assert.ok(readdirSync("/proc/self/fd").length <= before.descriptors + 2);
  const grown = (await residentBytes()) - before.memory;
  assert.ok(grown < 16 * 1024 * 1024, `grown by ${grown} bytes`);
  client[Symbol.dispose]();
});

/** One handshake, one request, one end. */
function once(server: Server, client: TlsClient): Promise<CloseReason> {
  const { promise, resolve } = Promise.withResolvers<CloseReason>();
  const request = new Slab(new TextEncoder().encode("x"));
  const requester: StreamHandler = {
    ...handler,
    onOpen: (stream: Stream) => void stream.send(request, 0, 1),
    onData: (_stream, _slab, start, end) => end - start,
    onClose: (_stream, reason) => resolve(reason),
  };
  server.poller.run(() => {
    const target = { address: { family: 4, host: "127.0.0.1", port: server.port }, timeoutMs: 5000 } as const;
    const below = connectTcp(server.tcp, target, requester);
    assert.ok(below instanceof TcpStream);
    client.connect(below, "a.test", requester);
  });
  return promise;
}

/** OpenSSL's own memory is in no heap of V8. */
async function residentBytes(): Promise<number> {
  await keptMemory();
  return process.memoryUsage.rss();
}
