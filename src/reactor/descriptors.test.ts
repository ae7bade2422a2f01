import assert from "node:assert/strict";
import { test } from "node:test";
import { connectTcp } from "./connector.ts";
import { countDescriptors, type Reactor, Recorder, slabOf, startReactor, until } from "./loopback.cases.ts";
import type { Stream } from "./stream.ts";
import type { TcpListener } from "./tcp-listener.ts";
import { TcpStream } from "./tcp-stream.ts";

const CONNECTIONS = 10_000;
const AT_ONCE = 200;
const bytes = slabOf("bytes");

/** How a connection ends: what the near side does once open, and the far side when it is made. */
interface Ending {
  readonly near: (stream: Stream, handler: Recorder) => void;
  readonly far: (stream: Stream, handler: Recorder) => void;
}

const closeOnEnd = (_stream: Stream, handler: Recorder): void => {
  handler.onEnd = (stream) => stream.close("peerClosed");
};

const ENDINGS: Readonly<Record<string, Ending>> = {
  "near FIN first": { near: (stream) => stream.close("done"), far: closeOnEnd },
  "far FIN first": { near: closeOnEnd, far: (stream) => stream.close("done") },
  "both at once": { near: (stream) => stream.close("done"), far: (stream) => stream.close("done") },
  "near RST": { near: (stream) => stream.abort("error"), far: () => {} },
  "far RST": { near: () => {}, far: (stream) => stream.abort("error") },
  "RST with unread bytes": {
    near: (stream) => {
      stream.send(bytes, 0, 5);
      stream.abort("error");
    },
    far: (stream) => stream.pauseReading(),
  },
  timeout: {
    near: () => {},
    far: (stream, handler) => {
      handler.onDeadline = (late) => late.abort("timeout");
      stream.deadline(1, 1);
    },
  },
  "half-open, near first": {
    near: (stream, handler) => {
      stream.endWriting();
      handler.onEnd = () => {};
    },
    far: (_stream, handler) => {
      handler.onEnd = (stream) => {
        stream.send(bytes, 0, 5);
        stream.endWriting();
      };
    },
  },
  "half-open, given up": {
    near: (stream) => stream.endWriting(),
    far: (_stream, handler) => {
      handler.onDeadline = (late) => late.close("timeout");
      handler.onEnd = (stream) => stream.deadline(1, 1);
    },
  },
  "close with bytes on the way": {
    near: (stream) => {
      stream.send(bytes, 0, 5);
      stream.close("done");
    },
    far: (stream) => {
      stream.send(bytes, 0, 5);
      stream.close("done");
    },
  },
};

/** Opens connections, `AT_ONCE` at a time, until `total` have ended on both sides. */
async function run(reactor: Reactor, host: string, total: number, ending: Ending): Promise<void> {
  let started = 0;
  let ended = 0;
  const onClose = (): void => {
    ended++;
  };
  const listener: TcpListener = reactor.listen(host, (stream) => {
    const handler = new Recorder();
    handler.onClose = onClose;
    ending.far(stream, handler);
    return handler;
  });
  while (ended < 2 * total) {
    reactor.poller.run(() => {
      for (; started < total && started - ended / 2 < AT_ONCE; started++) {
        const handler = new Recorder();
        handler.onClose = onClose;
        handler.onOpen = (stream) => ending.near(stream, handler);
        const stream = connectTcp(reactor.tcp, { address: listener.bound, timeoutMs: 5000 }, handler);
        assert.ok(stream instanceof TcpStream);
      }
    });
    const goal = started === total ? 2 * total : 2 * started - AT_ONCE;
    await until(() => ended >= goal, `${total} connections have ended (${ended / 2})`);
  }
  assert.equal(listener.open, 0);
  listener[Symbol.dispose]();
}

test(`${CONNECTIONS} connections of every ending leave no descriptor and no deadline behind`, async () => {
  const before = countDescriptors();
  {
    await using reactor = startReactor();
    const inUse = countDescriptors();
    const endings = Object.values(ENDINGS);
    for (const [index, ending] of endings.entries()) {
      await run(reactor, index % 2 === 0 ? "127.0.0.1" : "::1", CONNECTIONS / endings.length, ending);
      assert.equal(reactor.tcp.open, 0);
      assert.equal(countDescriptors(), inUse, `ending ${index}`);
    }
    assert.equal(reactor.poller.deadlines.size, 0, "deadlines");
    assert.deepEqual(reactor.faults, []);
  }
  assert.equal(countDescriptors(), before);
});
