import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { connect as netConnect, createServer, type Socket } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connectTcp } from "./connector.ts";
import { countDescriptors, Echo, pattern, Recorder, slabOf, startReactor, until } from "./loopback.cases.ts";
import {
  IPPROTO_TCP,
  SOCK_STREAM,
  SO_KEEPALIVE,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from "./layout.ts";
import { PartList } from "./parts.ts";
import {
  accept,
  bind,
  connect,
  getOption,
  listen,
  localAddress,
  socket as socketOf,
  setKeepalive,
  setNoDelay,
  setUserTimeout,
} from "./socket.ts";
import { SocketAddress } from "./socket-address.ts";
import { Slab } from "./slab.ts";
import type { CloseReason, Held, Stream } from "./stream.ts";
import { TcpListener } from "./tcp-listener.ts";
import { close } from "./system.ts";
import { TcpStream } from "./tcp-stream.ts";

const HOSTS = ["127.0.0.1", "::1"] as const;

class Hold implements Held {
  releases = 0;

  release(): void {
    this.releases++;
  }
}

const textOf = (slab: Slab, start: number, end: number): string =>
  Buffer.from(slab.bytes.subarray(start, end)).toString("latin1");

/** A node:net client of the listener, with half-open sockets allowed. */
async function client(listener: TcpListener): Promise<Socket> {
  const { host, port } = listener.bound;
  const socket = netConnect({ host, port, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

async function closedPort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

function streamOf(result: TcpStream | CloseReason): TcpStream {
  assert.ok(result instanceof TcpStream, String(result));
  return result;
}

for (const host of HOSTS) {
  test(`an echo over ${host}, with addresses on both sides, also after the end`, async () => {
    await using reactor = startReactor();
    const served: TcpStream[] = [];
    const echo = new Echo();
    const listener = reactor.listen(host, (stream) => {
      served.push(stream);
      return echo;
    });
    const near = new Recorder();
    const stream = streamOf(connectTcp(reactor.tcp, { address: listener.bound, timeoutMs: 1000 }, near));
    const hello = slabOf("hello");
    near.onOpen = () => assert.ok(stream.send(hello, 0, 5));
    await until(() => near.received.length === 5, "the echo has come");
    assert.deepEqual(served[0]!.peer, stream.local);
    assert.deepEqual(served[0]!.local, stream.peer);
    assert.equal(stream.peer.family, host === "::1" ? 6 : 4);
    stream.close("done");
    assert.ok(stream.closed);
    assert.equal(stream.send(hello, 0, 5), false);
    await until(() => near.closes === 1 && echo.closes === 1, "both have closed");
    assert.deepEqual(echo.events, ["end", "close peerClosed"]);
    assert.deepEqual(near.events, ["close done"]);
    assert.equal(stream.peer.host, host);
    assert.equal(served[0]!.peer.host, host);
    assert.deepEqual([stream.receivedBytes, stream.sentBytes], [5, 5]);
  });
}

test("what is not consumed is shown again, in front of newer bytes", async () => {
  await using reactor = startReactor();
  const lines: string[] = [];
  const handler = new Recorder();
  let calls = 0;
  handler.onData = (_stream, slab, start, end) => {
    calls++;
    const at = slab.bytes.subarray(start, end).indexOf(10);
    if (at < 0) return 0;
    lines.push(textOf(slab, start, start + at));
    return at + 1;
  };
  handler.onEnd = (stream) => stream.close("peerClosed");
  const listener = reactor.listen("127.0.0.1", () => handler);
  const socket = await client(listener);
  for (const piece of ["on", "e\n", "two\nth", "ree\n", "fo", "ur\n"]) {
    const before = calls;
    socket.write(piece);
    await until(() => calls > before, "the piece is shown");
  }
  assert.deepEqual(lines, ["one", "two", "three", "four"]);
  socket.end();
  await until(() => handler.closes === 1, "it has closed");
});

test("a handler that never consumes is ended when the room for kept bytes is used up", async () => {
  await using reactor = startReactor();
  const handler = new Recorder();
  handler.onData = () => 0;
  const listener = reactor.listen("127.0.0.1", () => handler);
  const socket = await client(listener);
  socket.write(Buffer.alloc(1_000_000));
  await until(() => handler.closes === 1, "it has closed");
  assert.equal(handler.closeReason, "badInput");
  socket.destroy();
});

test("a paused stream reads nothing; resumed, it shows the kept rest first, then the rest of the world, then the end", async () => {
  await using reactor = startReactor();
  const handler = new Recorder();
  const shown: string[] = [];
  let isFirst = true;
  handler.onData = (stream, slab, start, end) => {
    shown.push(textOf(slab, start, end));
    if (!isFirst) return end - start;
    isFirst = false;
    stream.pauseReading();
    return 2;
  };
  const served: TcpStream[] = [];
  const listener = reactor.listen("127.0.0.1", (stream) => {
    served.push(stream);
    return handler;
  });
  const socket = await client(listener);
  socket.write("abcdef");
  await until(() => shown.length === 1, "the first bytes have come");
  socket.end("ghi");
  await new Promise((resolve) => void setTimeout(resolve, 20));
  assert.deepEqual(shown, ["abcdef"]);
  assert.deepEqual(handler.events, []);
  reactor.poller.run(() => served[0]!.resumeReading());
  await until(() => handler.events.includes("end"), "the end has come");
  assert.equal(shown.slice(1).join("|").replace("cdef|cdefghi", "cdef|ghi"), "cdef|ghi");
  served[0]!.close("done");
  socket.resume();
  await until(() => handler.closes === 1, "it has closed");
});

test("pausing and resuming with every piece loses nothing and shows nothing twice", async () => {
  await using reactor = startReactor();
  const handler = new Recorder();
  const record = handler.onData.bind(handler);
  handler.onData = (stream, slab, start, end) => {
    stream.pauseReading();
    reactor.poller.defer(() => stream.resumeReading());
    return record(stream, slab, start, Math.min(end, start + 1000));
  };
  handler.onEnd = (stream) => stream.close("peerClosed");
  const listener = reactor.listen("127.0.0.1", () => handler);
  const socket = await client(listener);
  const { bytes } = pattern(300_000);
  socket.end(bytes);
  await until(() => handler.closes === 1, "it has closed");
  assert.ok(handler.received.equals(bytes));
});

test("50 MB to a slow reader arrive whole, and held memory is released exactly once", async () => {
  await using reactor = startReactor();
  const total = 50 * 1024 * 1024;
  const slab = pattern(1024 * 1024);
  const hold = new Hold();
  const sender = new Recorder();
  let sent = 0;
  let sends = 0;
  let refused = 0;
  const pump = (stream: Stream): void => {
    while (sent < total) {
      const isHeld = sends++ % 2 === 0;
      sent += slab.length;
      if (!stream.send(slab, 0, slab.length, isHeld ? hold : undefined)) {
        refused++;
        assert.ok(stream.queuedBytes > 0);
        return;
      }
    }
    stream.close("done");
  };
  sender.onDrain = pump;
  const listener = reactor.listen("127.0.0.1", (stream) => {
    reactor.poller.late({ runLate: () => pump(stream) });
    return sender;
  });
  const socket = await client(listener);
  const hash = createHash("sha1");
  let got = 0;
  socket.pause();
  await until(() => refused > 0, "the kernel takes no more");
  socket.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    got += chunk.length;
    if (got % 7 === 0) {
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    }
  });
  socket.on("end", () => socket.end());
  socket.resume();
  await once(socket, "end");
  const expected = createHash("sha1");
  for (let index = 0; index < 50; index++) expected.update(slab.bytes);
  assert.equal(got, total);
  assert.equal(hash.digest("hex"), expected.digest("hex"));
  await until(() => sender.closes === 1, "it has closed");
  assert.equal(sender.closeReason, "done");
  assert.equal(hold.releases, 25);
  assert.ok(refused > 3);
});

test("held memory is released once when the stream is aborted, closed, or was closed already", async () => {
  await using reactor = startReactor();
  const slab = pattern(8 * 1024 * 1024);
  const holds = [new Hold(), new Hold(), new Hold()] as const;
  const recorder = new Recorder();
  const served: TcpStream[] = [];
  const listener = reactor.listen("127.0.0.1", (stream) => {
    served.push(stream);
    return recorder;
  });
  const socket = await client(listener);
  await until(() => served.length === 1, "it is accepted");
  const stream = served[0]!;
  assert.equal(stream.send(slab, 0, slab.length, holds[0]), false);
  assert.equal(stream.send(slab, 0, 100, holds[1]), false);
  assert.deepEqual(
    holds.map(({ releases }) => releases),
    [0, 0, 0],
  );
  stream.abort("overloaded");
  assert.equal(stream.send(slab, 0, 100, holds[2]), false);
  assert.deepEqual(
    holds.map(({ releases }) => releases),
    [1, 1, 1],
  );
  stream.abort("error");
  stream.close("done");
  await until(() => recorder.closes === 1, "it has closed");
  assert.deepEqual(recorder.events, ["close overloaded"]);
  socket.destroy();
});

test("parts arrive in order, in one call or in many, and only the last is held", async () => {
  await using reactor = startReactor();
  const parts = new PartList(2);
  const head = slabOf("0123456789");
  const body = pattern(6 * 1024 * 1024);
  const expected = Buffer.concat([
    ...Array.from({ length: 1500 }, (_, index) => head.bytes.subarray(index % 10, 10)),
    body.bytes,
    head.bytes.subarray(0, 3),
  ]);
  const recorder = new Recorder();
  const hold = new Hold();
  const listener = reactor.listen("127.0.0.1", (stream) => {
    for (let index = 0; index < 1500; index++) parts.add(head, index % 10, 10 - (index % 10));
    parts.add(body, 0, body.length);
    assert.equal(stream.sendParts(parts, hold), false);
    parts.clear();
    head.bytes.copyWithin(0, 5);
    head.bytes.set(Buffer.from("0123456789"));
    parts.add(head, 0, 1);
    parts.add(head, 1, 2);
    stream.sendParts(parts);
    head.bytes.fill(0);
    stream.close("done");
    return recorder;
  });
  const socket = await client(listener);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  socket.end();
  assert.ok(Buffer.concat(chunks).equals(expected));
  await until(() => recorder.closes === 1, "it has closed");
  assert.equal(hold.releases, 1);
});

test("files go out whole, also behind queued bytes, and one that is too short ends the stream", async () => {
  await using reactor = startReactor();
  const folder = mkdtempSync(join(tmpdir(), "reactor-"));
  const bytes = pattern(9 * 1024 * 1024).bytes;
  writeFileSync(join(folder, "file"), bytes);
  const fd = openSync(join(folder, "file"), "r+");
  const before = countDescriptors();
  const recorder = new Recorder();
  const listener = reactor.listen("127.0.0.1", (stream) => {
    stream.sendFile(fd, 100, bytes.length - 100);
    stream.send(slabOf("tail"), 0, 4);
    stream.sendFile(fd, 0, 50);
    stream.close("done");
    return recorder;
  });
  const socket = await client(listener);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  socket.end();
  const expected = Buffer.concat([bytes.subarray(100), Buffer.from("tail"), bytes.subarray(0, 50)]);
  assert.ok(Buffer.concat(chunks).equals(expected));
  await until(() => recorder.closes === 1, "it has closed");
  ftruncateSync(fd, 1000);
  const second = await client(listener);
  second.resume();
  await until(() => recorder.closes === 2, "the second has closed");
  assert.equal(recorder.closeReason, "error");
  second.destroy();
  await once(second, "close");
  await until(() => countDescriptors() <= before + 1, "the file's copies are closed");
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

test("each side may end first: half-closed streams go on in the other direction", async () => {
  await using reactor = startReactor();
  const recorder = new Recorder();
  const record = recorder.onEnd.bind(recorder);
  recorder.onEnd = (stream) => {
    record(stream);
    stream.send(slabOf("answer"), 0, 6);
    stream.endWriting();
  };
  const listener = reactor.listen("127.0.0.1", () => recorder);
  const socket = await client(listener);
  socket.end("question");
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  await until(() => recorder.closes === 1 && answer.length === 6, "it has closed and the answer has come");
  assert.equal(answer, "answer");
  assert.deepEqual(recorder.events, ["end", "close done"]);

  const near = new Recorder();
  const far = new Recorder();
  const first = reactor.listen("127.0.0.1", (stream) => {
    stream.endWriting();
    assert.equal(stream.send(slabOf("late"), 0, 4), false);
    return far;
  });
  const other = await client(first);
  await once(other.resume(), "end");
  other.write("still");
  await until(() => far.received.length === 5, "bytes come after our end");
  other.end();
  await until(() => far.closes === 1, "both sides have ended");
  assert.deepEqual(far.events, ["end", "close done"]);
  assert.equal(near.closes, 0);
});

test("a lingering close lets the peer read everything although it goes on sending", async () => {
  await using reactor = startReactor();
  const recorder = new Recorder();
  const body = pattern(300_000);
  recorder.onData = (stream, _slab, start, end) => {
    if (stream.closed) assert.fail("no bytes after close");
    stream.send(body, 0, body.length);
    stream.close("badInput");
    return end - start;
  };
  const listener = reactor.listen("127.0.0.1", () => recorder);
  const socket = await client(listener);
  socket.write(Buffer.alloc(200_000, 1));
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  socket.write(Buffer.alloc(200_000, 2));
  assert.ok(Buffer.concat(chunks).equals(body.bytes));
  socket.end();
  await until(() => recorder.closes === 1, "it has closed");
  assert.equal(recorder.closeReason, "badInput");
});

test("a peer that neither reads nor ends is given up: lingering has a limit in bytes and in time", async () => {
  await using reactor = startReactor();
  const recorder = new Recorder();
  const listener = reactor.listen("127.0.0.1", (stream) => {
    stream.close("done");
    return recorder;
  });
  const flood = await client(listener);
  const silent = await client(listener);
  const timer = setInterval(() => flood.writable && flood.write(Buffer.alloc(256 * 1024)), 1);
  await until(() => recorder.closes === 1, "the flood was ended by the byte limit", 1500);
  clearInterval(timer);
  await until(() => recorder.closes === 2, "the silent one was ended by the time limit", 4000);
  for (const socket of [flood, silent]) socket.destroy();
});

test("an abort is a reset, and a reset is noticed: reading, paused, with bytes queued", async () => {
  await using reactor = startReactor();
  const aborter = reactor.listen("127.0.0.1", (stream) => {
    stream.abort("overloaded");
    return new Recorder();
  });
  const victim = netConnect({ host: aborter.bound.host, port: aborter.bound.port });
  const [error] = (await once(victim, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNRESET");
  for (const prepare of [
    () => {},
    (stream: Stream) => stream.pauseReading(),
    (stream: Stream) => void stream.send(pattern(8_000_000), 0, 8_000_000),
    (stream: Stream) => stream.deadline(1, 60_000),
  ]) {
    const recorder = new Recorder();
    const listener = reactor.listen("127.0.0.1", (stream) => {
      prepare(stream);
      return recorder;
    });
    const socket = await client(listener);
    await until(() => listener.counts.accepted === 1, "it is accepted");
    socket.resetAndDestroy();
    await until(() => recorder.closes === 1, "the reset is noticed");
    assert.equal(recorder.closeReason, "reset");
  }
});

test("a paused stream whose peer and which itself have ended does not spin, and wakes when resumed", async () => {
  await using reactor = startReactor();
  const recorder = new Recorder();
  const served: TcpStream[] = [];
  const listener = reactor.listen("127.0.0.1", (stream) => {
    served.push(stream);
    stream.pauseReading();
    return recorder;
  });
  const socket = await client(listener);
  socket.end("last words");
  await until(() => served.length === 1, "it is accepted");
  served[0]!.endWriting();
  await once(socket.resume(), "close");
  await new Promise((resolve) => void setTimeout(resolve, 10));
  const before = reactor.poller.counts.events;
  await new Promise((resolve) => void setTimeout(resolve, 20));
  assert.ok(reactor.poller.counts.events - before < 3, "no storm of events");
  served[0]!.resumeReading();
  await until(() => recorder.closes === 1, "it has closed");
  assert.equal(recorder.received.toString(), "last words");
  assert.deepEqual(recorder.events, ["end", "close done"]);
});

test("an exception of a handler closes its own stream and nothing else, wherever it is thrown", async () => {
  await using reactor = startReactor();
  const places: ((recorder: Recorder, stream: Stream) => void)[] = [
    (recorder) => (recorder.onData = () => assert.fail("onData")),
    (recorder) => (recorder.onEnd = () => assert.fail("onEnd")),
    (recorder, stream) => {
      recorder.onDeadline = () => assert.fail("onDeadline");
      stream.deadline(1, 1);
    },
    (recorder, stream) => {
      let isFirst = true;
      recorder.onData = () => {
        if (!isFirst) assert.fail("late onData");
        isFirst = false;
        stream.pauseReading();
        reactor.poller.defer(() => stream.resumeReading());
        return 0;
      };
    },
    () => assert.fail("onStream"),
  ];
  const good = new Echo();
  const goodListener = reactor.listen("127.0.0.1", () => good);
  const witness = await client(goodListener);
  for (const [index, place] of places.entries()) {
    const recorder = new Recorder();
    let stream: TcpStream | undefined;
    const listener = reactor.listen("127.0.0.1", (made) => {
      stream = made;
      place(recorder, made);
      return recorder;
    });
    // Not waited for: where the stream is aborted at once, "connect" may never come.
    const socket = netConnect({ host: listener.bound.host, port: listener.bound.port });
    socket.on("error", () => {});
    socket.end("x");
    await until(() => stream?.closed === true && reactor.faults.length === index + 1, `fault ${index} is caught`);
    assert.equal(listener.open, 0);
    if (index < 4) await until(() => recorder.closeReason === "error", "the handler hears of it");
    socket.destroy();
  }
  witness.end("alive");
  const [answer] = (await once(witness, "data")) as [Buffer];
  assert.equal(answer.toString(), "alive");
});

test("deadlines come with their kind, move and are disarmed; two thousand at once", async () => {
  await using reactor = startReactor();
  const recorder = new Recorder();
  let streams = 0;
  const listener = reactor.listen("127.0.0.1", (stream) => {
    streams++;
    stream.deadline(1, 10);
    stream.deadline(2, streams === 1 ? 0 : 20);
    return recorder;
  });
  recorder.onDeadline = (stream, kind) => {
    assert.equal(kind, 2);
    stream.abort("timeout");
  };
  const sockets = [];
  for (let index = 0; index < 2001; index++) {
    const near = connectTcp(reactor.tcp, { address: listener.bound, timeoutMs: 5000 }, new Recorder());
    sockets.push(streamOf(near));
    if (index % 200 === 199) await until(() => listener.counts.accepted === index + 1, "they are accepted");
  }
  await until(() => recorder.closes === 2000, "all but the disarmed one are closed");
  await new Promise((resolve) => void setTimeout(resolve, 120));
  assert.equal(recorder.closes, 2000);
  for (const socket of sockets) socket.abort("done");
});

test("connecting: refused, unreachable, timeout, a chosen source, and bytes that are sent before the connection is there", async () => {
  await using reactor = startReactor();
  for (const host of HOSTS) {
    const recorder = new Recorder();
    const port = await closedPort(host);
    const family = host === "::1" ? 6 : 4;
    const result = connectTcp(reactor.tcp, { address: { family, host, port }, timeoutMs: 1000 }, recorder);
    if (result instanceof TcpStream) {
      await until(() => recorder.closes === 1, "it is refused");
      assert.deepEqual(recorder.events, ["close refused"]);
    } else assert.equal(result, "refused");
  }
  const nowhere = { family: 4, host: "255.255.255.255", port: 9 } as const;
  assert.equal(connectTcp(reactor.tcp, { address: nowhere, timeoutMs: 100 }, new Recorder()), "unreachable");

  const echo = new Echo();
  const listener = reactor.listen("127.0.0.1", () => echo);
  const near = new Recorder();
  const target = { address: listener.bound, timeoutMs: 1000, sourceHost: "127.0.0.3" };
  const stream = streamOf(connectTcp(reactor.tcp, target, near));
  assert.equal(stream.send(slabOf("early"), 0, 5), false);
  await until(() => near.received.length === 5, "the early bytes come back");
  assert.deepEqual(near.events, ["open", "drain"]);
  assert.equal(stream.local.host, "127.0.0.3");
  stream.close("done");
});

test("a connection that nobody answers times out", async () => {
  await using reactor = startReactor();
  // The accept queue of a listener that never accepts fills up, and then further handshakes are dropped.
  const fd = socketOf(4, SOCK_STREAM);
  assert.equal(bind(fd, new SocketAddress("127.0.0.1", 0)), 0);
  assert.equal(listen(fd, 1), 0);
  const target = { address: localAddress(fd)!, timeoutMs: 150 };
  const recorders = Array.from({ length: 6 }, () => new Recorder());
  const streams = recorders.map((recorder) => streamOf(connectTcp(reactor.tcp, target, recorder)));
  await until(() => recorders.some(({ closeReason }) => closeReason === "timeout"), "one has timed out");
  for (const stream of streams) stream.abort("done");
  close(fd);
});

test("accepted sockets inherit their listener's tuning", () => {
  const fd = socketOf(4, SOCK_STREAM);
  // What is not told is 10 s between 6 probes.
  assert.equal(setKeepalive(fd, { keepaliveIdleSeconds: 7, userTimeoutMs: 4321 }), 0);
  assert.equal(setNoDelay(fd), 0);
  bind(fd, new SocketAddress("127.0.0.1", 0));
  listen(fd, 1);
  const near = socketOf(4, SOCK_STREAM);
  connect(near, new SocketAddress("127.0.0.1", localAddress(fd)!.port));
  const far = accept(fd, new Slab(32), 0);
  assert.ok(far > 0);
  assert.equal(getOption(far, SOL_SOCKET, SO_KEEPALIVE), 1);
  assert.equal(getOption(far, IPPROTO_TCP, TCP_KEEPIDLE), 7);
  assert.equal(getOption(far, IPPROTO_TCP, TCP_KEEPINTVL), 10);
  assert.equal(getOption(far, IPPROTO_TCP, TCP_KEEPCNT), 6);
  assert.equal(getOption(far, IPPROTO_TCP, TCP_USER_TIMEOUT), 4321);
  assert.equal(setUserTimeout(far, 1234), 0);
  assert.equal(getOption(far, IPPROTO_TCP, TCP_USER_TIMEOUT), 1234);
  assert.equal(getOption(far, IPPROTO_TCP, TCP_NODELAY), 1);
  for (const open of [fd, near, far]) close(open);
});

test("a listener sheds what is beyond its limit; an address that is not ours is one clear sentence", async () => {
  await using reactor = startReactor();
  const listener = reactor.listen("127.0.0.1", () => new Echo(), { maxConnections: 2 });
  const sockets = [await client(listener), await client(listener)];
  const third = netConnect({ host: listener.bound.host, port: listener.bound.port });
  await once(third, "error");
  assert.deepEqual([listener.open, listener.counts.shed], [2, 1]);
  for (const socket of sockets) socket.end();
  await until(() => listener.open === 0, "both have gone");
  await client(listener).then((socket) => socket.destroy());
  assert.throws(
    () => new TcpListener(reactor.tcp, { host: "192.0.2.1", port: 0, onStream: () => new Echo() }),
    /^Error: Cannot listen on 192\.0\.2\.1 port 0: address not available on this machine$/,
  );
});
