import assert from "node:assert/strict";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import tls, { type ConnectionOptions, type TLSSocket } from "node:tls";
import fc from "fast-check";
import { createCertificate } from "#src/net/self-signed.ts";
import { connectTcp } from "../connector.ts";
import { PartList } from "../parts.ts";
import { Poller } from "../poller.ts";
import { Slab } from "../slab.ts";
import type { CloseReason, Stream, StreamHandler } from "../stream.ts";
import { Tcp } from "../tcp.ts";
import { TcpListener } from "../tcp-listener.ts";
import { TcpStream } from "../tcp-stream.ts";
import { CertificateTable } from "./certificate-store.ts";
import { algorithmsOf, serverNameOf } from "./client-hello.ts";
import { Tls } from "./tls.ts";
import { createTlsClient, TlsClient, type TlsClientOptions } from "./tls-client.ts";
import { createIdentity, type IdentityOptions, TlsIdentity } from "./tls-identity.ts";
import { TICKET_KEY_BYTES, TlsServer, type TlsServerOptions } from "./tls-server.ts";
import type { TlsStream } from "./tls-stream.ts";

const VALID = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) };
const EXPIRED = { notBefore: new Date(Date.now() - 90_000), notAfter: new Date(Date.now() - 60_000) };
const AUTHORITY = createCertificate({ names: ["Test Authority"], isAuthority: true, ...VALID });
const SERVER = createCertificate({ names: ["a.test", "127.0.0.1", "::1"], issuer: AUTHORITY, ...VALID });
const OTHER = createCertificate({ names: ["b.test", "*.wild.test"], issuer: AUTHORITY, ...VALID });
const CLIENT = createCertificate({ names: ["client.test"], issuer: AUTHORITY, ...VALID });
const KEYS = new Uint8Array(TICKET_KEY_BYTES).map((_, i) => i * 3);

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const pemOf = (made: { certificatePem: string; keyPem: string }): IdentityOptions => ({
  chainPem: made.certificatePem,
  keyPem: made.keyPem,
});

/** A poller with its TCP and TLS, and everything made on it, which ends together. */
class World implements AsyncDisposable {
  readonly faults: unknown[] = [];
  readonly poller = new Poller({ onFault: (error) => this.faults.push(error) });
  readonly tcp = new Tcp(this.poller);
  readonly tls = new Tls(this.poller);
  readonly table = new CertificateTable();
  readonly #made: Disposable[] = [];

  identity(options: IdentityOptions): TlsIdentity {
    const made = createIdentity(this.tls, options);
    assert.ok(made instanceof TlsIdentity, "reason" in made ? made.reason : "");
    this.#made.push(made);
    return made;
  }

  client(options: Partial<TlsClientOptions> = {}): TlsClient {
    const made = createTlsClient(this.tls, {
      authorities: { pem: AUTHORITY.certificatePem },
      alpn: [],
      handshakeMs: 5000,
      ...options,
    });
    assert.ok(made instanceof TlsClient, "reason" in made ? made.reason : "");
    this.#made.push(made);
    return made;
  }

  server(options: Partial<TlsServerOptions> = {}): TlsServer {
    const server = new TlsServer(this.tls, {
      certificates: this.table,
      alpn: ["h2", "http/1.1"],
      ticketKeys: KEYS,
      handshakeMs: 5000,
      ...options,
    });
    this.#made.push(server);
    return server;
  }

  /** Listens with a handler for each connection; the port. */
  listen(server: TlsServer, makeHandler: () => StreamHandler, host = "127.0.0.1"): number {
    const listener = new TcpListener(this.tcp, {
      host,
      port: 0,
      onStream: (stream) => server.accept(stream, makeHandler()),
    });
    this.#made.unshift(listener);
    return listener.bound.port;
  }

  connect(client: TlsClient, port: number, serverName: string, handler: StreamHandler): TlsStream {
    return this.poller.run(() => {
      const address = { family: 4, host: "127.0.0.1", port } as const;
      const below = connectTcp(this.tcp, { address, timeoutMs: 5000 }, handler);
      assert.ok(below instanceof TcpStream);
      return client.connect(below, serverName, handler);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let waited = 0; this.tcp.open > 0 && waited < 400; waited++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(this.tcp.open, 0, "every connection has ended");
    for (const made of this.#made) made[Symbol.dispose]();
    this.tcp[Symbol.dispose]();
    await this.poller[Symbol.asyncDispose]();
    this.tls[Symbol.dispose]();
    assert.equal(this.tls.counts.leftovers, 0, "no bytes of one connection were left for another");
    assert.deepEqual(this.faults, []);
  }
}

/** Collects what arrives; answers by `reply`. */
class Recorder implements StreamHandler {
  text = "";
  opened: Stream | undefined = undefined;
  ends = 0;
  drains = 0;
  reason: CloseReason | undefined = undefined;
  readonly closed = Promise.withResolvers<CloseReason>();
  readonly open = Promise.withResolvers<void>();
  onText: (stream: Stream, text: string) => void = () => {};
  consume: (length: number) => number = (length) => length;

  onOpen(stream: Stream): void {
    this.opened = stream;
    this.open.resolve();
  }
  onData(stream: Stream, slab: Slab, start: number, end: number): number {
    const consumed = this.consume(end - start);
    const text = Buffer.from(slab.bytes.subarray(start, start + consumed)).toString("latin1");
    this.text += text;
    this.onText(stream, text);
    return consumed;
  }
  onEnd(stream: Stream): void {
    this.ends++;
    stream.close("done");
  }
  onDrain(): void {
    this.drains++;
  }
  onDeadline(stream: Stream): void {
    stream.close("timeout");
  }
  onClose(_stream: Stream, reason: CloseReason): void {
    this.reason = reason;
    this.closed.resolve(reason);
  }
}

function echo(): Recorder {
  const recorder = new Recorder();
  recorder.onText = (stream, text) => void stream.send(new Slab(octets(text)), 0, text.length);
  return recorder;
}

const dial = (port: number, options: ConnectionOptions = {}): TLSSocket =>
  tls.connect({ port, host: "127.0.0.1", servername: "a.test", ca: AUTHORITY.certificatePem, ...options });

/** Sends `text` and returns what comes back until the other end closes. */
async function exchange(socket: TLSSocket, text: string, length = text.length): Promise<string> {
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString("latin1");
    if (answer.length >= length) socket.end();
  });
  socket.write(Buffer.from(text, "latin1"));
  await once(socket, "close");
  return answer;
}

/** What a client meets that is not welcome. */
async function refusal(socket: TLSSocket): Promise<string> {
  socket.on("data", () => socket.end());
  socket.on("secureConnect", () => socket.write("x"));
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on("close", () => resolve("closed"));
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  const outcome = await promise;
  socket.destroy();
  return outcome;
}

test("client hello: names and algorithms, and any octets at all", () => {
  const name = (text: string): Uint8Array => Uint8Array.from([0, text.length + 3, 0, 0, text.length, ...octets(text)]);
  assert.equal(serverNameOf(name("Www.Example.COM.")), "www.example.com");
  assert.equal(serverNameOf(Uint8Array.of(0, 0)), "");
  for (const bad of [
    name("a b"),
    name("a\0b"),
    name("é"),
    Uint8Array.of(0, 9, 0, 0, 1, 97),
    Uint8Array.of(0),
    Uint8Array.of(0, 3, 0, 0, 0),
  ]) {
    assert.equal(serverNameOf(bad), undefined);
  }
  assert.deepEqual(algorithmsOf(Uint8Array.of(0, 4, 4, 3, 8, 4)), { ecdsa: true, rsa: true });
  assert.deepEqual(algorithmsOf(Uint8Array.of(0, 2, 8, 5)), { ecdsa: false, rsa: true });
  assert.deepEqual(algorithmsOf(Uint8Array.of(0, 2, 8, 7)), { ecdsa: false, rsa: false });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      algorithmsOf(bytes);
      assert.ok(serverNameOf(bytes) === undefined || /^[a-z0-9._-]*$/.test(serverNameOf(bytes)!));
    }),
  );
});

test("certificates that cannot be used are reasons", async () => {
  await using world = new World();
  const cases: [string, IdentityOptions][] = [
    ["there is no certificate in it", { ...pemOf(SERVER), chainPem: "nothing" }],
    [
      "a certificate of the chain cannot be read",
      { ...pemOf(SERVER), chainPem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" },
    ],
    ["the private key cannot be read", { ...pemOf(SERVER), keyPem: "nothing" }],
    ["the private key is not the certificate's", { chainPem: SERVER.certificatePem, keyPem: OTHER.keyPem }],
    ["the chain is larger than 65536 bytes", { ...pemOf(SERVER), chainPem: SERVER.certificatePem.repeat(200) }],
    [
      "there is no authority's certificate in it",
      { ...pemOf(SERVER), clients: { authoritiesPem: "", mode: "require" } },
    ],
  ];
  for (const [reason, options] of cases) assert.deepEqual(createIdentity(world.tls, options), { reason });
  assert.deepEqual(world.identity(pemOf(OTHER)).names, ["b.test", "*.wild.test"]);
});

test("the nearest name wins: exact, wildcard, every name; then the key type that the client can verify", async () => {
  await using world = new World();
  const [one, two, three] = [
    world.identity(pemOf(SERVER)),
    world.identity(pemOf(OTHER)),
    world.identity(pemOf(CLIENT)),
  ];
  const both = { ecdsa: true, rsa: true };
  world.table.replace([
    { name: "a.test", identity: one },
    { name: "*.test", identity: two },
  ]);
  assert.equal(world.table.select("a.test", both), one);
  assert.equal(world.table.select("x.y.test", both), two);
  assert.equal(world.table.select("test", both), undefined);
  assert.equal(world.table.select("", both), undefined);
  world.table.replace([{ name: "", identity: three }]);
  assert.equal(world.table.select("a.test", { ecdsa: false, rsa: true }), three);
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  for (const host of ["127.0.0.1", "::1"]) {
    test(`${version} over ${host}: an echo, its names and protocol, an orderly end`, async () => {
      await using world = new World();
      world.table.replace([{ name: "a.test", identity: world.identity(pemOf(SERVER)) }]);
      const handler = echo();
      const port = world.listen(world.server(), () => handler, host);
      const socket = dial(port, { host, minVersion: version, maxVersion: version, ALPNProtocols: ["http/1.1", "h2"] });
      const text = "0123456789".repeat(30_000);
      assert.equal(await exchange(socket, text), text);
      assert.equal(await handler.closed.promise, "done");
      assert.equal(handler.ends, 1);
      const info = handler.opened!.tls!;
      assert.deepEqual([info.version, info.serverName, info.alpn, info.resumed], [version, "a.test", "h2", false]);
      assert.match(info.cipher, /GCM|CHACHA20/);
    });
  }
}

test("certificates follow the name, and a swap is seen by the next handshake", async () => {
  await using world = new World();
  const [first, second] = [world.identity(pemOf(SERVER)), world.identity(pemOf(OTHER))];
  world.table.replace([
    { name: "a.test", identity: first },
    { name: "b.test", identity: second },
    { name: "*.wild.test", identity: second },
  ]);
  const port = world.listen(world.server(), echo);
  const shown = async (servername: string): Promise<string> => {
    const socket = dial(port, { servername, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { subject } = socket.getPeerCertificate();
    await exchange(socket, "x");
    return String(subject.CN);
  };
  assert.deepEqual(
    [await shown("a.test"), await shown("B.test"), await shown("x.wild.test")],
    ["a.test", "b.test", "b.test"],
  );
  assert.equal(await refusal(dial(port, { servername: "nobody.test" })), "ERR_SSL_TLSV1_UNRECOGNIZED_NAME");
  first[Symbol.dispose]();
  assert.equal(await refusal(dial(port)), "ERR_SSL_TLSV1_UNRECOGNIZED_NAME", "disposed of, though still in the table");
  world.table.replace([{ name: "a.test", identity: second }]);
  first[Symbol.dispose]();
  assert.equal(await shown("a.test"), "b.test");
});

test("a protocol that only one side speaks is refused; a client that offers none is served", async () => {
  await using world = new World();
  world.table.replace([{ name: "", identity: world.identity(pemOf(SERVER)) }]);
  const handlers: Recorder[] = [];
  const port = world.listen(world.server({ alpn: ["dot"] }), () => {
    handlers.push(echo());
    return handlers.at(-1)!;
  });
  assert.equal(await refusal(dial(port, { ALPNProtocols: ["h2"] })), "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
  assert.equal(await exchange(dial(port), "plain"), "plain");
  assert.deepEqual(
    handlers.map((handler) => handler.opened?.tls?.alpn),
    [undefined, ""],
  );
  assert.equal(await handlers[0]!.closed.promise, "tlsFailed");
});

test("sessions resume at another server with the same ticket keys, and not with others", async () => {
  await using world = new World();
  world.table.replace([{ name: "", identity: world.identity(pemOf(SERVER)) }]);
  const port = world.listen(world.server(), echo);
  const same = world.listen(world.server(), echo);
  const other = world.listen(world.server({ ticketKeys: new Uint8Array(TICKET_KEY_BYTES).fill(9) }), echo);
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const options: ConnectionOptions = { minVersion: version, maxVersion: version };
    const socket = dial(port, options);
    let session: Buffer | undefined;
    socket.on("session", (ticket: Buffer) => (session = ticket));
    await exchange(socket, "x");
    const resumes = async (to: number): Promise<boolean> => {
      const again = dial(to, { ...options, session: session! });
      let isReused = false;
      again.on("secureConnect", () => (isReused = again.isSessionReused()));
      await exchange(again, "y");
      return isReused;
    };
    assert.deepEqual([await resumes(port), await resumes(same), await resumes(other)], [true, true, false], version);
  }
  assert.ok(world.tls.counts.resumed >= 4);
});

test("client certificates: demanded, verified, shown; a ticket from a name without them is no way in", async () => {
  await using world = new World();
  const clients = { authoritiesPem: AUTHORITY.certificatePem, mode: "require" } as const;
  world.table.replace([
    { name: "a.test", identity: world.identity(pemOf(SERVER)) },
    { name: "b.test", identity: world.identity({ ...pemOf(OTHER), clients }) },
  ]);
  const handlers: Recorder[] = [];
  const port = world.listen(world.server(), () => {
    handlers.push(echo());
    return handlers.at(-1)!;
  });
  const own = { cert: CLIENT.certificatePem, key: CLIENT.keyPem };
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const options: ConnectionOptions = { minVersion: version, maxVersion: version };
    const stranger = createCertificate({ names: ["client.test"], ...VALID });
    assert.match(await refusal(dial(port, { ...options, servername: "b.test" })), /^(ERR_SSL|ECONNRESET)/);
    const forged = { cert: stranger.certificatePem, key: stranger.keyPem };
    assert.match(await refusal(dial(port, { ...options, servername: "b.test", ...forged })), /^(ERR_SSL|ECONNRESET)/);

    const open = dial(port, options);
    let session: Buffer | undefined;
    open.on("session", (ticket: Buffer) => (session = ticket));
    await exchange(open, "x");
    const intruder = dial(port, {
      ...options,
      servername: "b.test",
      session: session!,
      checkServerIdentity: () => undefined,
    });
    assert.match(await refusal(intruder), /^(ERR_SSL|ECONNRESET)/);
    assert.equal(handlers.at(-1)!.opened, undefined, "no handshake without a certificate");

    let named: Buffer | undefined;
    const known = dial(port, { ...options, servername: "b.test", ...own });
    known.on("session", (ticket: Buffer) => (named = ticket));
    assert.equal(await exchange(known, "in"), "in");
    assert.ok(handlers.at(-1)!.opened!.tls!.clientCertificate!.length > 100);
    const again = dial(port, { ...options, servername: "b.test", ...own, session: named! });
    assert.equal(await exchange(again, "in"), "in");
    assert.equal(handlers.at(-1)!.opened!.tls!.resumed, true);
    assert.ok(handlers.at(-1)!.opened!.tls!.clientCertificate!.length > 100, "the certificate is in the ticket");
  }
});

test("as a client: a good server is reached, others are refused with a reason", async () => {
  await using world = new World();
  const expired = createCertificate({ names: ["a.test"], issuer: AUTHORITY, ...EXPIRED });
  const selfMade = createCertificate({ names: ["a.test"], ...VALID });
  const serve = async (made: { certificatePem: string; keyPem: string }): Promise<tls.Server> => {
    const server = tls.createServer(
      { cert: made.certificatePem, key: made.keyPem, ALPNProtocols: ["h2"] },
      (socket) => {
        socket.on("error", () => {});
        socket.pipe(socket);
      },
    );
    server.on("tlsClientError", () => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  const cases: [{ certificatePem: string; keyPem: string }, string, string][] = [
    [SERVER, "a.test", ""],
    [SERVER, "127.0.0.1", ""],
    [SERVER, "other.test", "certificate is for another host name"],
    [SERVER, "127.0.0.9", "certificate is for another IP address"],
    [expired, "a.test", "certificate has expired"],
    [selfMade, "a.test", "self-signed certificate"],
  ];
  const client = world.client({ alpn: ["h2", "http/1.1"] });
  for (const [made, name, failure] of cases) {
    const server = await serve(made);
    const handler = new Recorder();
    const { port } = server.address() as { port: number };
    const stream = world.connect(client, port, name, handler);
    if (failure === "") {
      handler.onText = (one, text) => text.includes("!") && one.close("done");
      world.poller.run(() => stream.send(new Slab(octets("sent before the handshake!")), 0, 26));
      assert.equal(await handler.closed.promise, "done");
      assert.equal(handler.text, "sent before the handshake!");
      assert.equal(stream.tls!.alpn, "h2");
    } else {
      assert.equal(await handler.closed.promise, "tlsFailed");
      assert.equal(stream.failure, failure);
      assert.equal(handler.opened, undefined);
    }
    server.close();
    await once(server, "close");
  }
  for (const authorities of ["none", "system"] as const) {
    const server = await serve(selfMade);
    const handler = new Recorder();
    const stream = world.connect(
      world.client({ authorities }),
      (server.address() as { port: number }).port,
      "wrong.test",
      handler,
    );
    await Promise.race([handler.open.promise, handler.closed.promise]);
    assert.equal(handler.opened !== undefined, authorities === "none");
    if (authorities === "none") world.poller.run(() => stream.close("done"));
    await handler.closed.promise;
    server.close();
    await once(server, "close");
  }
});

test("our client and our server: bulk both ways with back-pressure, files, parts, half-close, kept rests", async () => {
  await using world = new World();
  const file = join(tmpdir(), `fairway-tls-${process.pid}`);
  writeFileSync(file, "f".repeat(300_000));
  const fd = openSync(file, "r");
  world.table.replace([{ name: "a.test", identity: world.identity(pemOf(SERVER)) }]);
  const bulk = new Slab(new Uint8Array(16_000_000).fill(0x62));
  let released = 0;
  const served = new Recorder();
  served.consume = (length) => (length >= 8 ? length - (length % 8) : 0);
  served.onEnd = (stream) => {
    served.ends++;
    const parts = new PartList();
    parts.add(new Slab(octets("one")), 0, 3);
    parts.add(new Slab(octets("two")), 0, 3);
    stream.sendParts(parts);
    stream.sendFile(fd, 100_000, 200_000);
    assert.equal(stream.send(bulk, 0, bulk.length, { release: () => released++ }), false);
    stream.sendParts(parts);
    stream.close("done");
    assert.equal(stream.closed, true);
  };
  const port = world.listen(world.server(), () => served);
  const handler = new Recorder();
  handler.onEnd = () => handler.ends++;
  const stream = world.connect(world.client(), port, "a.test", handler);
  await handler.open.promise;
  world.poller.run(() => {
    for (let i = 0; i < 1000; i++) stream.send(new Slab(octets(`${i}`.padStart(7, "."))), 0, 7);
    stream.send(new Slab(octets("........")), 0, 8);
    stream.endWriting();
    stream.pauseReading();
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(handler.text, "", "paused");
  world.poller.run(() => stream.resumeReading());
  assert.equal(await handler.closed.promise, "done");
  assert.equal(served.text.length, 7008);
  assert.equal(served.ends, 1);
  assert.equal(handler.ends, 1);
  assert.equal(handler.text, `onetwo${"f".repeat(200_000)}${"b".repeat(16_000_000)}onetwo`);
  assert.equal(released, 1);
  closeSync(fd);
  rmSync(file);
});

test("the peer's FIN without close_notify is no orderly end; nothing but noise, or silence, is no handshake", async () => {
  await using world = new World();
  world.table.replace([{ name: "", identity: world.identity(pemOf(SERVER)) }]);
  const handlers: Recorder[] = [];
  const record = (): Recorder => {
    handlers.push(echo());
    return handlers.at(-1)!;
  };
  const port = world.listen(world.server(), record);
  // Only silence meets the short limit: a slow machine needs longer for a handshake.
  const impatient = world.listen(world.server({ handshakeMs: 40 }), record);
  const raw = net.connect(port, "127.0.0.1");
  const cut = tls.connect({ socket: raw, servername: "a.test", ca: AUTHORITY.certificatePem });
  await once(cut, "secureConnect");
  cut.write("x");
  await once(cut, "data");
  raw.destroy();
  assert.match(await handlers[0]!.closed.promise, /peerClosed|reset/);
  assert.equal(handlers[0]!.ends, 0);

  const noise = new Recorder();
  const plain = world.poller.run(() =>
    connectTcp(world.tcp, { address: { family: 4, host: "127.0.0.1", port }, timeoutMs: 1000 }, noise),
  );
  assert.ok(plain instanceof TcpStream);
  world.poller.run(() => plain.send(new Slab(octets("GET / HTTP/1.1\r\n\r\n")), 0, 18));
  await noise.closed.promise;
  assert.equal(await handlers[1]!.closed.promise, "tlsFailed");

  const silent = new Recorder();
  world.poller.run(() =>
    connectTcp(world.tcp, { address: { family: 4, host: "127.0.0.1", port: impatient }, timeoutMs: 1000 }, silent),
  );
  await silent.closed.promise;
  assert.equal(await handlers[2]!.closed.promise, "timeout");
});

test("many connections, interleaved and ended in every way, leave nothing behind", async () => {
  await using world = new World();
  world.table.replace([{ name: "a.test", identity: world.identity(pemOf(SERVER)) }]);
  const port = world.listen(world.server(), echo);
  const client = world.client();
  const descriptors = readdirSync("/proc/self/fd").length;
  for (let round = 0; round < 5; round++) {
    const all = Array.from({ length: 40 }, (_, i) => {
      const handler = new Recorder();
      const stream = world.connect(client, port, i % 10 === 9 ? "wrong.test" : "a.test", handler);
      handler.onOpen = (one) => {
        one.send(new Slab(octets(`hello ${i}`)), 0, `hello ${i}`.length);
        if (i % 5 === 1) one.abort("error");
        if (i % 5 === 2) one.endWriting();
      };
      handler.onText = (one, text) => {
        assert.equal(text, `hello ${i}`);
        if (i % 5 === 3) one.abort("error");
        else one.close("done");
      };
      if (i % 10 === 4) world.poller.run(() => stream.abort("error"));
      return handler.closed.promise;
    });
    await Promise.all(all);
  }
  for (let waited = 0; world.tcp.open > 0 && waited < 400; waited++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(readdirSync("/proc/self/fd").length <= descriptors);
});
