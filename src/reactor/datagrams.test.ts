import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { Datagrams, SLOTS } from "./datagrams.ts";
import type { DatagramTicket } from "./datagram-ticket.ts";
import { Poller } from "./poller.ts";
import { Slab } from "./slab.ts";
import { SocketAddress } from "./socket-address.ts";
import { UdpClient } from "./udp-client.ts";

const onFault = (error: unknown): void => assert.ifError(error);

/** Answers every datagram with itself in upper case. */
const echo = (batch: Datagrams): void => {
  for (let index = 0; index < batch.count; index++) {
    const from = batch.inputStart(index);
    const length = batch.inputLength(index);
    const text = Buffer.from(batch.input.bytes.subarray(from, from + length))
      .toString("latin1")
      .toUpperCase();
    batch.output.bytes.set(Buffer.from(text, "latin1"), batch.outputStart(index));
    batch.reply(index, length);
  }
};

async function open(family: "udp4" | "udp6"): Promise<Socket> {
  const socket = createSocket(family);
  await new Promise<void>((resolve) => socket.bind(0, family === "udp4" ? "127.0.0.1" : "::1", resolve));
  return socket;
}

for (const [family, host, asked] of [
  ["udp4", "127.0.0.1", "127.0.0.1"],
  ["udp4", "0.0.0.0", "127.0.0.2"],
  ["udp6", "::1", "::1"],
  ["udp6", "::", "::1"],
] as const) {
  test(`a socket on ${host} answers from ${asked}, where it was asked`, async () => {
    await using poller = new Poller({ onFault });
    using datagrams = new Datagrams(poller, { host, port: 0, onBatch: echo });
    const client = await open(family);
    client.send("hello", datagrams.bound.port, asked);
    const [message, from] = (await once(client, "message")) as [Buffer, { address: string; port: number }];
    assert.equal(message.toString(), "HELLO");
    assert.deepEqual([from.address, from.port], [asked, datagrams.bound.port]);
    client.close();
  });
}

test("bursts of more than a batch are all answered, each to its own sender", async () => {
  await using poller = new Poller({ onFault });
  using datagrams = new Datagrams(poller, { host: "127.0.0.1", port: 0, onBatch: echo });
  const clients = await Promise.all(Array.from({ length: 8 }, () => open("udp4")));
  const done = clients.map((client, number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let got = 0;
    client.on("message", (message) => {
      assert.equal(message.toString(), `C${number}`);
      if (++got === 40) resolve();
    });
    for (let i = 0; i < 40; i++) client.send(`c${number}`, datagrams.bound.port, "127.0.0.1");
    return promise;
  });
  await Promise.all(done);
  assert.ok(8 * 40 > SLOTS);
  for (const client of clients) client.close();
});

test("some slots answered now, some later, some never; tickets are bounded and used again", async () => {
  await using poller = new Poller({ onFault });
  const owed: DatagramTicket[] = [];
  using datagrams = new Datagrams(poller, {
    host: "0.0.0.0",
    port: 0,
    maxTickets: 2,
    onBatch: (batch) => {
      for (let index = 0; index < batch.count; index++) {
        const first = batch.input.bytes[batch.inputStart(index)];
        if (first === 0x6e) {
          batch.output.bytes[batch.outputStart(index)] = 0x4e;
          batch.reply(index, 1);
        } else if (first === 0x6c) {
          const ticket = batch.later(index);
          if (ticket !== undefined) owed.push(ticket);
        }
      }
    },
  });
  const client = await open("udp4");
  const got: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  client.on("message", (message, { address }) => {
    got.push(`${message.toString()} ${address}`);
    if (got.length === 2)
      for (const ticket of owed) {
        assert.equal(ticket.client.port, client.address().port);
        ticket.slab.bytes[ticket.start] = 0x4c;
        ticket.send(1);
        ticket.send(1);
      }
    if (got.length === 4) resolve();
  });
  for (const text of ["n", "x", "l", "l", "l", "n"]) client.send(text, datagrams.bound.port, "127.0.0.3");
  await promise;
  assert.deepEqual(
    got,
    ["N", "N", "L", "L"].map((text) => `${text} 127.0.0.3`),
  );
  assert.equal(datagrams.counts.overloaded, 1);
  client.close();
});

for (const host of ["127.0.0.1", "::1"]) {
  test(`a client socket sends, receives and learns that nobody listens, over ${host}`, async () => {
    await using poller = new Poller({ onFault });
    const datagrams = new Datagrams(poller, { host, port: 0, onBatch: echo });
    const input = new Slab(65_536);
    const out = new Slab(16);
    out.bytes.set(Buffer.from("abc"));
    const { promise: answered, resolve: isAnswered } = Promise.withResolvers<string>();
    const { promise: refused, resolve: isRefused } = Promise.withResolvers<string>();
    const client = UdpClient.open(poller, input, new SocketAddress(host, datagrams.bound.port), {
      onDatagram: (_, slab, start, length) => {
        const text = Buffer.from(slab.bytes.subarray(start, start + length)).toString();
        poller.defer(() => isAnswered(text));
      },
      onError: (_, reason) => poller.defer(() => isRefused(reason)),
    });
    assert.ok(typeof client !== "number");
    assert.equal(client.send(out, 0, 3), 3);
    assert.equal(await answered, "ABC");
    datagrams[Symbol.dispose]();
    client.send(out, 0, 3);
    assert.equal(await refused, "refused");
    client[Symbol.dispose]();
    assert.ok(client.closed);
  });
}

test("a port that is taken is one clear sentence", async () => {
  await using poller = new Poller({ onFault });
  const taken = await open("udp4");
  const { port } = taken.address();
  assert.throws(() => new Datagrams(poller, { host: "127.0.0.1", port, onBatch: echo }), {
    message: `Cannot listen on 127.0.0.1 port ${port} (UDP): address already in use`,
  });
  taken.close();
});
