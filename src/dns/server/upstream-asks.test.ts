import assert from "node:assert/strict";
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import type { Response } from "#src/dns/resolver/classify.ts";
import type { AskAction } from "#src/dns/resolver/recursive-answer.ts";
import { decodeMessage } from "#src/dns/wire/message.ts";
import { MessageWriter } from "#src/dns/wire/message-writer.ts";
import { nameKey } from "#src/dns/wire/name.ts";
import { formatName, parseName } from "#src/dns/wire/name-text.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { type AskFailure, UpstreamAsks, type UpstreamAsksOptions } from "./upstream-asks.ts";

const NAME = parseName("a-rather-long-name-with-letters.example.test.") as Uint8Array;

/** Asks, and outcomes by the ask's number. */
class Bench implements AsyncDisposable {
  readonly asks: UpstreamAsks;
  readonly #stack = new AsyncDisposableStack();
  readonly #waiting = new Map<number, (outcome: Response | AskFailure) => void>();
  #count = 0;

  constructor(options: Partial<UpstreamAsksOptions> = {}) {
    const poller = this.#stack.use(new Poller({ onFault: (error) => assert.fail(String(error)) }));
    this.asks = this.#stack.use(
      new UpstreamAsks({
        tcp: this.#stack.use(new Tcp(poller)),
        isAskable: () => true,
        settle: ({ ask }, outcome) => {
          const resolve = this.#waiting.get(ask);
          assert.ok(resolve !== undefined, "every ask ends once");
          this.#waiting.delete(ask);
          resolve(outcome);
        },
        ...options,
      }),
    );
  }

  ask(server: string, more: Partial<AskAction> = {}): Promise<Response | AskFailure> {
    const ask = ++this.#count;
    const { promise, resolve } = Promise.withResolvers<Response | AskFailure>();
    this.#waiting.set(ask, resolve);
    const question = { name: nameKey(NAME), type: 1, transport: "udp", edns: true, timeoutMs: 2_000 } as const;
    this.asks.ask({ kind: "ask", ask, server, ...question, ...more });
    return promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

type Change = { readonly id?: number; readonly name?: Uint8Array; readonly type?: number; readonly flags?: number };

/** An answer to the question in `query`, right but for the changes. */
function answerTo(query: Uint8Array, change: Change = {}): Uint8Array {
  const message = decodeMessage(query, 0, query.length);
  assert.ok(typeof message !== "string");
  const [question] = message.questions;
  const bytes = new Uint8Array(600);
  const writer = new MessageWriter();
  writer.begin(bytes, 0, bytes.length, change.id ?? message.id, change.flags ?? 0x8400);
  writer.question(change.name ?? question!.name, change.type ?? question!.type, 1);
  writer.record("answer", question!.name, 1, 1, 60, Uint8Array.of(192, 0, 2, 1));
  return bytes.slice(0, writer.length);
}

async function udpServer(
  host: string,
  onQuery: (query: Uint8Array, send: (bytes: Uint8Array) => void, from: RemoteInfo) => void,
): Promise<{ readonly server: string } & Disposable> {
  const socket: UdpSocket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.bind(0, host);
  await once(socket, "listening");
  socket.on("message", (query, from) => onQuery(query, (bytes) => socket.send(bytes, from.port, from.address), from));
  return { server: `${host}@${socket.address().port}`, [Symbol.dispose]: () => socket.close() };
}

async function tcpServer(
  host: string,
  onSocket: (socket: Socket) => void,
): Promise<{ readonly server: string } & Disposable> {
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    onSocket(socket);
  });
  listener.listen(0, host);
  await once(listener, "listening");
  const dispose = (): void => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
  return { server: `${host}@${(listener.address() as AddressInfo).port}`, [Symbol.dispose]: dispose };
}

const isAnswer = (outcome: Response | AskFailure): boolean =>
  typeof outcome !== "string" && outcome.answer[0]?.rdata[0]?.join(".") === "192.0.2.1";

for (const host of ["127.0.0.1", "::1"]) {
  test(`UDP ${host}: ports, ids and letter case differ from question to question`, async () => {
    const ports = new Set<number>();
    const ids = new Set<number>();
    const names = new Set<string>();
    using server = await udpServer(host, (query, send, from) => {
      const message = decodeMessage(query, 0, query.length);
      assert.ok(typeof message !== "string");
      assert.equal(message.flags, 0, "RD is for resolvers alone");
      assert.deepEqual(message.edns?.udpSize, 1232);
      ports.add(from.port);
      ids.add(message.id);
      names.add(formatName(message.questions[0]!.name));
      send(answerTo(query));
    });
    await using bench = new Bench();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => bench.ask(server.server)));
    assert.ok(outcomes.every(isAnswer));
    assert.ok(ports.size > 15 && ids.size > 15 && names.size > 15, `${ports.size} ${ids.size} ${names.size}`);
    assert.deepEqual(new Set([...names].map((name) => name.toLowerCase())), new Set([formatName(NAME)]));
    assert.equal(bench.asks.inFlight, 0);
  });

  test(`UDP ${host}: what does not answer the question is passed over, and too much of it ends the ask`, async () => {
    let copies = 2;
    using server = await udpServer(host, (query, send) => {
      const id = ((query[0]! << 8) | query[1]!) ^ 1;
      const forgeries: Uint8Array[] = [answerTo(query, { id }), answerTo(query, { flags: 0 }), Uint8Array.of(1, 2, 3)];
      for (let i = 0; i < copies; i++) for (const bytes of forgeries) send(bytes);
      send(answerTo(query));
    });
    await using bench = new Bench();
    assert.ok(isAnswer(await bench.ask(server.server)));
    copies = 6;
    assert.equal(await bench.ask(server.server), "forged");
  });

  test(`a server at ${host} that does not keep the letter case is asked again by TCP, in lower case`, async () => {
    using udp = await udpServer(host, (query, send) => send(answerTo(query, { name: NAME })));
    using tcp = await tcpServer(host, (socket) =>
      socket.once("data", (query: Buffer) => {
        const answer = answerTo(query.subarray(2), { name: NAME });
        socket.write(Uint8Array.of(answer.length >> 8, answer.length & 255, ...answer));
      }),
    );
    await using bench = new Bench();
    const outcome = await bench.ask(udp.server);
    assert.ok(typeof outcome !== "string");
    assert.deepEqual([outcome.truncated, outcome.answer], [true, []]);
    assert.ok(isAnswer(await bench.ask(tcp.server, { transport: "tcp" })));
  });

  test(`UDP ${host}: nobody there is told at once, silence after its time`, async () => {
    const gone = await udpServer(host, () => {});
    gone[Symbol.dispose]();
    using silent = await udpServer(host, () => {});
    await using bench = new Bench();
    const begun = performance.now();
    assert.equal(await bench.ask(gone.server), "refused");
    assert.ok(performance.now() - begun < 1_000);
    assert.equal(await bench.ask(silent.server, { timeoutMs: 50 }), "timeout");
  });

  test(`TCP ${host}: an answer in pieces; garbage; the end; nobody there`, async () => {
    const replies: ((query: Uint8Array, socket: Socket) => void)[] = [
      (query, socket) => {
        const answer = answerTo(query.subarray(2));
        socket.write(Uint8Array.of(answer.length >> 8));
        socket.write(Uint8Array.of(answer.length & 255, ...answer.subarray(0, 20)));
        setImmediate(() => socket.write(answer.subarray(20)));
      },
      (_query, socket) => socket.write(Uint8Array.of(0, 3, 1, 2, 3)),
      (_query, socket) => socket.end(),
      (_query, socket) => socket.resetAndDestroy(),
    ];
    const server = await tcpServer(host, (socket) =>
      socket.once("data", (query: Buffer) => replies.shift()!(query, socket)),
    );
    await using bench = new Bench();
    const ask = (): Promise<Response | AskFailure> => bench.ask(server.server, { transport: "tcp", edns: false });
    assert.ok(isAnswer(await ask()));
    assert.equal(await ask(), "badInput");
    assert.equal(await ask(), "unreachable");
    assert.equal(await ask(), "unreachable");
    server[Symbol.dispose]();
    assert.equal(await ask(), "refused");
    assert.equal(bench.asks.inFlight, 0);
  });
}

test("sockets are bounded: what finds none waits, and what finds no place to wait fails", async () => {
  let most = 0;
  await using bench = new Bench({ maxInFlight: 2, maxQueued: 3 });
  using server = await udpServer("127.0.0.1", (query, send) => {
    most = Math.max(most, bench.asks.inFlight);
    send(answerTo(query));
  });
  const outcomes = await Promise.all(Array.from({ length: 7 }, () => bench.ask(server.server)));
  assert.deepEqual(
    outcomes.map((outcome) => (isAnswer(outcome) ? "answer" : outcome)),
    ["answer", "answer", "answer", "answer", "answer", "overloaded", "overloaded"],
  );
  assert.equal(most, 2);
  assert.deepEqual([bench.asks.inFlight, bench.asks.queued], [0, 0]);
});

test("a server that must not be asked is not, and disposal leaves no socket", async () => {
  using silent = await udpServer("127.0.0.1", () => {});
  await using bench = new Bench({ isAskable: ({ server }) => server === silent.server });
  assert.equal(await bench.ask("127.0.0.1@9"), "forbidden");
  assert.equal(await bench.ask("nonsense"), "forbidden");
  void bench.ask(silent.server);
  void bench.ask(silent.server);
  assert.equal(bench.asks.inFlight, 2);
  bench.asks[Symbol.dispose]();
  assert.equal(bench.asks.inFlight, 0);
});
