import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { Authority } from "#src/dns/auth/answer.ts";
import { compileZones } from "#src/dns/auth/compile-zones.ts";
import { decodeMessage, type Message } from "#src/dns/wire/message.ts";
import { MessageWriter } from "#src/dns/wire/message-writer.ts";
import { parseName } from "#src/dns/wire/name-text.ts";
import type { Answer, Ticket } from "#src/dns/wire/reply.ts";
import { writeEmptyReply } from "#src/dns/wire/reply-writer.ts";
import { parseZone } from "#src/dns/zone/build-zone.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { TcpListener } from "#src/reactor/tcp-listener.ts";
import type { DnsCounters } from "./dns-counters.ts";
import { QueryLog } from "./query-log.ts";
import { Responder } from "./responder.ts";
import { StreamService, type StreamServiceOptions } from "./stream-service.ts";
import { listenUdp } from "./udp-service.ts";

const name = (text: string): Uint8Array => {
  const parsed = parseName(text);
  assert.ok(typeof parsed !== "string");
  return parsed;
};
const ZONE = parseZone(
  `$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nbig TXT ${'"' + "x".repeat(250) + '" '.repeat(1)}${`"${"y".repeat(250)}" `.repeat(6)}`,
  name("test."),
);
assert.ok("apex" in ZONE, JSON.stringify(ZONE));
const authority = new Authority(compileZones([ZONE]));
const authoritative: Answer = (query, reply) => authority.answer(query, reply);

class Counts implements DnsCounters {
  readonly seen: string[] = [];
  request(transport: string, family: number, type: number): void {
    this.seen.push(`${transport}${family} ${type}`);
  }
  response(rcode: number): void {
    this.seen.push(`rcode ${rcode}`);
  }
  dropped(reason: string): void {
    this.seen.push(reason);
  }
  /** Of each hand-over. */
  readonly durations: { readonly count: number; readonly seconds: number }[] = [];
  answered(count: number, seconds: number): void {
    this.durations.push({ count, seconds });
  }
  get answers(): number {
    return this.durations.reduce((sum, { count }) => sum + count, 0);
  }
}

function packet(text: string, id: number, type = 1): Uint8Array {
  const bytes = new Uint8Array(300);
  const writer = new MessageWriter();
  writer.begin(bytes, 0, 300, id, 0x100);
  writer.question(name(text), type, 1);
  return bytes.slice(0, writer.length);
}
const framed = (...packets: Uint8Array[]): Uint8Array =>
  Uint8Array.from(packets.flatMap((p) => [p.length >> 8, p.length & 255, ...p]));
const decode = (bytes: Uint8Array): Message => {
  const message = decodeMessage(bytes, 0, bytes.length);
  assert.ok(typeof message !== "string");
  return message;
};

/** Answers of a TCP connection as they come. */
class Client {
  readonly socket: Socket;
  #rest = Buffer.alloc(0);
  constructor(host: string, port: number) {
    this.socket = connect({ host, port, allowHalfOpen: true });
  }
  async read(): Promise<Message | "end"> {
    for (;;) {
      if (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE()) {
        const end = 2 + this.#rest.readUInt16BE();
        const message = decode(new Uint8Array(this.#rest.subarray(2, end)));
        this.#rest = this.#rest.subarray(end);
        return message;
      }
      const chunk = this.socket.read() as Buffer | null;
      if (chunk !== null) this.#rest = Buffer.concat([this.#rest, chunk]);
      else if (this.socket.readableEnded || this.socket.destroyed) return "end";
      else
        await Promise.race([once(this.socket, "readable"), once(this.socket, "end"), once(this.socket, "close")]).catch(
          () => {},
        );
    }
  }
}

interface Tools extends AsyncDisposable {
  readonly poller: Poller;
  readonly counts: Counts;
  readonly port: number;
  client(): Client;
}
function listenTcp(host: string, answer: Answer, options: Partial<StreamServiceOptions> = {}): Tools {
  const poller = new Poller({ onFault: (error) => assert.ifError(error) });
  const tcp = new Tcp(poller);
  const counts = new Counts();
  const service = new StreamService(new Responder({ answer, counters: counts }), {
    clock: () => poller.now,
    ...options,
  });
  const listener = new TcpListener(tcp, { host, port: 0, onStream: (stream) => service.acceptTcp(stream) });
  const clients: Client[] = [];
  return {
    poller,
    counts,
    port: listener.bound.port,
    client() {
      const client = new Client(host, listener.bound.port);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const { socket } of clients) if (!socket.destroyed) socket.destroy();
      listener[Symbol.dispose]();
      while (tcp.open > 0) await new Promise((resolve) => setTimeout(resolve, 2));
      tcp[Symbol.dispose]();
      await poller[Symbol.asyncDispose]();
    },
  };
}

for (const [host, type] of [
  ["127.0.0.1", "udp4"],
  ["::1", "udp6"],
] as const) {
  test(`UDP on ${host}: answers, errors, drops, counts and logs`, async () => {
    await using poller = new Poller({ onFault: (error) => assert.ifError(error) });
    const counts = new Counts();
    const lines: string[] = [];
    const log = new QueryLog({
      sampleEvery: 2,
      write: (text) => lines.push(text),
      defer: (task) => poller.defer(task),
      clock: () => 0,
    });
    using server = listenUdp(poller, new Responder({ answer: authoritative, counters: counts, log }), {
      host,
      port: 0,
    });
    const client = createSocket(type);
    const ask = async (bytes: Uint8Array): Promise<Message> => {
      client.send(bytes, server.bound.port, host);
      return decode(new Uint8Array(((await once(client, "message")) as [Buffer])[0]));
    };
    const response = packet("ns.test.", 1);
    response[2] = 0x80;
    client.send(response, server.bound.port, host);
    client.send(new Uint8Array(5), server.bound.port, host);
    assert.equal((await ask(packet("ns.test.", 7))).answer.length, 1);
    assert.equal((await ask(packet("ns.test.", 8).subarray(0, 20))).rcode, 1);
    assert.equal((await ask(packet("big.test.", 9, 16))).flags & 0x200, 0x200);
    assert.equal((await ask(packet("no.test.", 10))).rcode, 3);
    client.close();
    const f = type.slice(3);
    assert.deepEqual(counts.seen, [
      "isResponse",
      "shortHeader",
      `udp${f} 1`,
      "rcode 0",
      `udp${f} 0`,
      "rcode 1",
      `udp${f} 16`,
      "rcode 0",
      `udp${f} 1`,
      "rcode 3",
    ]);
    assert.equal(counts.answers, 4);
    log.flush();
    const logged = lines
      .join("")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { name: string; rcode: string; client: string });
    assert.deepEqual(
      logged.map((line) => [line.name, line.rcode, line.client]),
      [
        [".", "FORMERR", host],
        ["no.test.", "NXDOMAIN", host],
      ],
    );
  });

  test(`TCP on ${host}: many queries in one segment, one query in many, an answer too big for UDP`, async () => {
    await using server = listenTcp(host, authoritative);
    const client = server.client();
    client.socket.write(framed(packet("ns.test.", 1), packet("no.test.", 2), packet("big.test.", 3, 16)));
    const got = [await client.read(), await client.read(), await client.read()].map((m) =>
      m === "end" ? m : [m.id, m.rcode, m.answer.length, m.flags & 0x200],
    );
    assert.deepEqual(got, [
      [1, 0, 1, 0],
      [2, 3, 0, 0],
      [3, 0, 1, 0],
    ]);
    client.socket.setNoDelay(true);
    for (const byte of framed(packet("ns.test.", 4))) {
      client.socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const last = await client.read();
    assert.ok(last !== "end" && last.id === 4);
    client.socket.end(framed(packet("ns.test.", 5)));
    const final = await client.read();
    assert.ok(final !== "end" && final.id === 5, "answered after the client's FIN");
    assert.equal(await client.read(), "end");
    assert.equal(server.counts.seen.filter((line) => line.startsWith("tcp")).length, 5);
    assert.equal(server.counts.answers, 5);
  });
}

test("TCP: a response or half a header ends the connection", async () => {
  await using server = listenTcp("127.0.0.1", authoritative);
  const response = packet("ns.test.", 1);
  response[2] = 0x80;
  for (const bytes of [response, new Uint8Array(0), new Uint8Array(5)]) {
    const client = server.client();
    client.socket.write(framed(bytes, packet("ns.test.", 2)));
    assert.equal(await client.read(), "end");
  }
});

test("TCP: answers come in the order they are ready, and reading stops while too many are owed", async () => {
  const owed: Ticket[] = [];
  const answer: Answer = (query, reply) => {
    if ((query.id & 1) === 0) return writeEmptyReply(query, 0, 0, reply.bytes, reply.start);
    const ticket = reply.later();
    if (ticket === undefined) return "overloaded";
    owed.push(ticket);
    return "pending";
  };
  await using server = listenTcp("::1", answer, { maxPipelined: 2 });
  const client = server.client();
  client.socket.write(framed(packet("a.", 1), packet("b.", 2), packet("c.", 3), packet("d.", 4)));
  const id = async (): Promise<number | "end"> => {
    const message = await client.read();
    return message === "end" ? message : message.id;
  };
  assert.equal(await id(), 2, "the second overtakes the first");
  assert.equal(owed.length, 2);
  const settle = (ticket: Ticket): void => ticket.send(writeEmptyReply(ticket.query, 0, 5, ticket.bytes, ticket.start));
  settle(owed[1]!);
  assert.equal(await id(), 3);
  assert.equal(await id(), 4, "the fourth was read when there was room");
  client.socket.end();
  settle(owed[0]!);
  assert.equal(await id(), 1);
  assert.equal(await id(), "end");
});

for (const transport of ["udp", "tcp"] as const) {
  test(`${transport}: an answer that is owed has its own duration, the others that of what was read with them`, async () => {
    let now = 1_000;
    const counters = new Counts();
    const owed: Ticket[] = [];
    const answer: Answer = (query, reply) => {
      now += 1;
      if (query.id !== 1) return writeEmptyReply(query, 0, 0, reply.bytes, reply.start);
      owed.push(reply.later()!);
      return "pending";
    };
    const responder = new Responder({ answer, counters, clock: { now: () => now, wall: () => 0 } });
    await using poller = new Poller({ onFault: (error) => assert.ifError(error) });
    const tcp = new Tcp(poller);
    const service = new StreamService(responder, { clock: () => poller.now });
    const finish = (): void => {
      now += 500;
      const [ticket] = owed;
      ticket!.send(writeEmptyReply(ticket!.query, 0, 0, ticket!.bytes, ticket!.start));
    };
    if (transport === "udp") {
      using server = listenUdp(poller, responder, { host: "::1", port: 0 });
      const client = createSocket("udp6");
      client.send(packet("a.", 1), server.bound.port, "::1");
      while (owed.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      poller.run(finish);
      client.close();
      assert.deepEqual(counters.durations, [{ count: 1, seconds: 0.501 }]);
    } else {
      using listener = new TcpListener(tcp, { host: "::1", port: 0, onStream: (stream) => service.acceptTcp(stream) });
      const client = new Client("::1", listener.bound.port);
      client.socket.write(framed(packet("a.", 1), packet("b.", 2), packet("c.", 3)));
      for (let answers = 0; answers < 2; answers++) await client.read();
      poller.run(finish);
      await client.read();
      client.socket.destroy();
      while (tcp.open > 0) await new Promise((resolve) => setTimeout(resolve, 2));
      assert.deepEqual(counters.durations, [
        { count: 2, seconds: 0.003 },
        { count: 1, seconds: 0.503 },
      ]);
    }
    tcp[Symbol.dispose]();
  });
}

test("TCP: a late answer to a client that is gone is no fault, and its memory is used again", async () => {
  const owed: Ticket[] = [];
  const answer: Answer = (_query, reply) => {
    const ticket = reply.later();
    if (ticket === undefined) return "overloaded";
    owed.push(ticket);
    return "pending";
  };
  await using server = listenTcp("127.0.0.1", answer, { maxTickets: 1 });
  for (let round = 1; round <= 3; round++) {
    const client = server.client();
    client.socket.write(framed(packet("a.", round), packet("b.", round)));
    while (owed.length < round || server.counts.seen.filter((line) => line === "overloaded").length < round)
      await new Promise((resolve) => setTimeout(resolve, 1));
    client.socket.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const ticket = owed[round - 1]!;
    ticket.send(writeEmptyReply(ticket.query, 0, 0, ticket.bytes, ticket.start));
    ticket.drop();
  }
});

test("TCP: an idle connection, and one that sends its query too slowly, are closed", async () => {
  await using server = listenTcp("127.0.0.1", authoritative, { idleMs: 30, messageMs: 60 });
  const idle = server.client();
  assert.equal(await idle.read(), "end");
  const slow = server.client();
  await once(slow.socket, "connect");
  const bytes = framed(packet("ns.test.", 1));
  let at = 0;
  const timer = setInterval(() => slow.socket.write(Uint8Array.of(bytes[at++ % 8]!)), 5);
  slow.socket.on("error", () => {});
  assert.equal(await slow.read(), "end");
  clearInterval(timer);
});

test("query log: what does not fit until it is written is counted", () => {
  let flush = (): void => {};
  const lines: string[] = [];
  const log = new QueryLog({
    sampleEvery: 1,
    capacity: 2,
    write: (text) => lines.push(text),
    defer: (task) => (flush = task),
    clock: () => 0,
  });
  const counters = new Counts();
  const responder = new Responder({ answer: authoritative, counters, log });
  const bytes = new Uint8Array(1300);
  const ask = packet('a\\"b.test.', 1);
  for (let i = 0; i < 3; i++)
    responder.respond(
      ask,
      0,
      ask.length,
      {
        bytes,
        start: 0,
        max: 1232,
        transport: "udp",
        client: { family: 6, host: "2001:db8::1", port: 5 },
        later: () => undefined,
      },
      6,
      0,
    );
  flush();
  assert.equal(log.dropped, 1);
  assert.equal(lines.join("").trim().split("\n").length, 2);
  assert.equal((JSON.parse(lines.join("").split("\n")[0]!) as { name: string }).name, 'a\\"b.test.');
});
