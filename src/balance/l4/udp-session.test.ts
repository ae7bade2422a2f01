import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "#src/net/address.ts";
import { EAGAIN, ECONNREFUSED, EMFILE, ENETUNREACH } from "#src/reactor/errno.ts";
import { Slab } from "#src/reactor/slab.ts";
import { poolOver } from "./l4.cases.ts";
import { UdpSession, type UdpLink } from "./udp-session.ts";

const endpoints = [1, 2, 3, 4, 5].map((n): Address => ({ family: 4, host: `192.0.2.${n}`, port: 53 }));
const slab = new Slab(16);

/** A session over links in memory: `opened` and `sent` tell of them by address, failures are given by turn. */
function setUp({ opens = [], sends = [] }: { opens?: readonly number[]; sends?: readonly number[] } = {}) {
  const opened: string[] = [];
  const sent: string[] = [];
  const closed: string[] = [];
  const clock = { now: 0 };
  const pool = poolOver(endpoints, clock);
  const openLink = ({ host }: Address): UdpLink | number => {
    const failure = opens[opened.length] ?? 0;
    opened.push(host);
    if (failure < 0) return failure;
    return {
      send: (_slab, _offset, length) => {
        sent.push(host);
        return sends[sent.length - 1] ?? length;
      },
      [Symbol.dispose]: () => void closed.push(host),
    };
  };
  const client = { address: { family: 4, host: "198.51.100.1", port: 9 }, name: new Uint8Array(16), hash: 77 } as const;
  const session = new UdpSession({ openLink, onReply: () => undefined }, client, "r", pool, 0);
  return { opened, sent, closed, clock, pool, session };
}

test("an endpoint without a way to it is passed over, three times at most", () => {
  const once = setUp({ opens: [-ENETUNREACH] });
  assert.equal(once.session.connect(), "open");
  assert.equal(new Set(once.opened).size, 2);
  const never = setUp({ opens: Array.from({ length: 9 }, () => -ENETUNREACH) });
  assert.equal(never.session.connect(), "connectFailed");
  assert.equal(never.opened.length, 3);
});

test("own shortage is nobody's failure", () => {
  const { opened, pool, session } = setUp({ opens: [-EMFILE] });
  assert.equal(session.connect(), "overloaded");
  assert.equal(opened.length, 1);
  assert.ok(pool.endpoints.every(({ failures, inFlight }) => failures === 0 && inFlight === 0));
});

test("a refused datagram is sent once more, to another endpoint", () => {
  const { closed, opened, pool, sent, session } = setUp({ sends: [-ECONNREFUSED] });
  session.connect();
  session.forward(slab, 0, 4, 1);
  assert.deepEqual(sent, opened);
  assert.equal(new Set(sent).size, 2);
  assert.deepEqual(closed, [opened[0]]);
  assert.equal(session.receivedBytes, 4);
  const failed = pool.endpoints.find(({ text }) => text.startsWith(opened[0]!))!;
  assert.deepEqual([failed.failures, failed.inFlight], [1, 0]);
});

test("a full queue loses the datagram and nothing else", () => {
  const { opened, session } = setUp({ sends: [-EAGAIN] });
  session.connect();
  session.forward(slab, 0, 4, 1);
  assert.deepEqual([opened.length, session.receivedBytes], [1, 0]);
});

test("a session leaves an endpoint that is no longer ready or configured, and only then", () => {
  const { opened, pool, session } = setUp();
  session.connect();
  session.forward(slab, 0, 1, 2_000);
  assert.equal(opened.length, 1);
  pool.update({ ...pool.config, endpoints: pool.config.endpoints.filter(({ address }) => address !== opened[0]) });
  session.forward(slab, 0, 1, 2_500);
  assert.equal(opened.length, 1, "it is looked at once a second");
  session.forward(slab, 0, 1, 3_000);
  assert.equal(opened.length, 2);
  session[Symbol.dispose]();
  assert.ok(pool.endpoints.every(({ inFlight }) => inFlight === 0));
});
