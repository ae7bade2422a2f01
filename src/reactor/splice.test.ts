import assert from "node:assert/strict";
import { createHash, randomFillSync } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connectTcp } from "./connector.ts";
import { countDescriptors, Echo, type Reactor, Recorder, startReactor, until } from "./loopback.cases.ts";
import { PipePool } from "./splice.ts";
import type { CloseReason, Stream } from "./stream.ts";
import type { TcpListener } from "./tcp-listener.ts";
import { TcpStream } from "./tcp-stream.ts";

/** One side of a spliced pair: its end is passed on, its failure is the other's. */
class Joined extends Recorder {
  other: Stream | undefined;

  override onEnd(stream: Stream): void {
    super.onEnd(stream);
    this.other?.endWriting();
  }

  override onClose(stream: Stream, reason: CloseReason): void {
    super.onClose(stream, reason);
    if (reason !== "done") this.other?.abort("reset");
  }
}

interface Pair {
  readonly front: Joined;
  readonly back: Joined;
  readonly streams: TcpStream[];
}

/** A listener that splices every connection to `target`, both ways. */
function proxy(reactor: Reactor, target: TcpListener): { listener: TcpListener; pairs: Pair[] } {
  const pairs: Pair[] = [];
  const listener = reactor.listen("127.0.0.1", (stream) => {
    const pair: Pair = { front: new Joined(), back: new Joined(), streams: [stream] };
    pairs.push(pair);
    stream.pauseReading();
    const upstream = connectTcp(reactor.tcp, { address: target.bound, timeoutMs: 1000 }, pair.back);
    assert.ok(upstream instanceof TcpStream);
    pair.streams.push(upstream);
    pair.front.other = upstream;
    pair.back.other = stream;
    pair.back.onOpen = () => {
      assert.ok(stream.spliceTo(upstream));
      assert.ok(upstream.spliceTo(stream));
      assert.equal(stream.spliceTo(upstream), false, "once is enough");
      stream.resumeReading();
    };
    return pair.front;
  });
  return { listener, pairs };
}

async function client(listener: TcpListener): Promise<Socket> {
  const socket = connect({ host: listener.bound.host, port: listener.bound.port, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

test("60 MB through a spliced pair to a slow echo and back: same bytes, both counters, half-close kept", async () => {
  await using reactor = startReactor();
  const echo = new Echo();
  const echoData = echo.onData.bind(echo);
  // The echo reads no faster than it can write.
  echo.onData = (stream, slab, start, end) => {
    const used = echoData(stream, slab, start, end);
    if (stream.queuedBytes > 0) stream.pauseReading();
    return used;
  };
  echo.onDrain = (stream) => stream.resumeReading();
  const { listener, pairs } = proxy(
    reactor,
    reactor.listen("127.0.0.1", () => echo),
  );
  const socket = await client(listener);
  const block = randomFillSync(Buffer.alloc(1024 * 1024));
  const [sentHash, gotHash] = [createHash("sha1"), createHash("sha1")];
  let got = 0;
  socket.on("data", (chunk: Buffer) => {
    gotHash.update(chunk);
    got += chunk.length;
    if (got % 5 === 0) {
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    }
  });
  for (let index = 0; index < 60; index++) {
    block.writeInt32LE(index);
    sentHash.update(block);
    if (!socket.write(Buffer.from(block))) await once(socket, "drain");
  }
  socket.end();
  await once(socket, "end");
  assert.equal(got, 60 * 1024 * 1024);
  assert.equal(gotHash.digest("hex"), sentHash.digest("hex"));
  await until(() => reactor.tcp.open === 0, "all is closed");
  const [{ front, back, streams }] = pairs as [Pair];
  assert.equal(front.received.length + back.received.length, 0, "no byte came up to JavaScript");
  for (const stream of streams) assert.deepEqual([stream.receivedBytes, stream.sentBytes], [got, got]);
  assert.deepEqual(front.events, ["end", "close done"]);
});

test("when one side is reset in the middle the other is let go, and dirty pipes are not used again", async () => {
  await using reactor = startReactor();
  const stuck = new Recorder();
  const target = reactor.listen("127.0.0.1", (stream) => {
    stream.pauseReading();
    return stuck;
  });
  const { listener, pairs } = proxy(reactor, target);
  const before = countDescriptors();
  for (let round = 1; round <= 5; round++) {
    const socket = await client(listener);
    const flood = setInterval(() => socket.writable && socket.write(Buffer.alloc(1024 * 1024)), 1);
    await until(() => (pairs[round - 1]?.streams[0]?.receivedBytes ?? 0) > 100_000, "bytes flow");
    await new Promise((resolve) => void setTimeout(resolve, 10));
    clearInterval(flood);
    socket.resetAndDestroy();
    await until(() => pairs[round - 1]!.front.closes === 1 && pairs[round - 1]!.back.closes === 1, "both are closed");
    await until(() => stuck.closes === round, "the target hears of it");
  }
  reactor.tcp.pipes[Symbol.dispose]();
  await until(() => countDescriptors() <= before, "no descriptor is left");
});

test("an idle spliced pair costs no events, and closing one side gives the other back to its handler", async () => {
  await using reactor = startReactor();
  const echo = new Echo();
  const { listener, pairs } = proxy(
    reactor,
    reactor.listen("127.0.0.1", () => echo),
  );
  const socket = await client(listener);
  socket.write("ping");
  const [pong] = (await once(socket, "data")) as [Buffer];
  assert.equal(pong.toString(), "ping");
  const before = reactor.poller.counts.events;
  await new Promise((resolve) => void setTimeout(resolve, 15));
  assert.equal(reactor.poller.counts.events, before);
  const [{ front, back, streams }] = pairs as [Pair];
  back.onClose = () => {};
  reactor.poller.run(() => streams[1]!.abort("error"));
  socket.write("more");
  await until(() => front.received.length === 4, "the bytes come to the handler");
  streams[0]!.abort("done");
  socket.destroy();
});

test("pipes are used again, become as large as allowed, and beyond the pool's room are closed", () => {
  const before = countDescriptors();
  const pool = new PipePool();
  const pipes = Array.from({ length: 70 }, () => pool.take()!);
  for (const pipe of pipes) assert.ok(pipe.size >= 4096);
  for (const pipe of pipes) pool.give(pipe, true);
  assert.equal(countDescriptors(), before + 128);
  const again = pool.take()!;
  assert.ok(pipes.includes(again));
  pool.give(again, false);
  pool[Symbol.dispose]();
  assert.equal(countDescriptors(), before);
});
