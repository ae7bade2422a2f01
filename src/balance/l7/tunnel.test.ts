import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeStream } from "#src/testing/fake-stream.ts";
import { joinStreams } from "./tunnel.ts";

const NOTHING = new Uint8Array(0);

function join(capacity = Infinity, rests: readonly [client: string, backend: string] = ["", ""]) {
  const client = new FakeStream({ capacity });
  const backend = new FakeStream({ capacity });
  const [clientRest, backendRest] = rests.map((rest) => (rest === "" ? NOTHING : new Uint8Array(Buffer.from(rest))));
  joinStreams({ stream: client, rest: clientRest! }, { stream: backend, rest: backendRest! }, 500);
  return { client, backend };
}

test("bytes that came before the tunnel come first, in both directions", () => {
  const { client, backend } = join(Infinity, ["early", "hello"]);
  client.receive(" more");
  backend.receive(" you");
  assert.equal(backend.sent, "early more");
  assert.equal(client.sent, "hello you");
});

test("whoever sends more than the other takes is paused until that has drained", () => {
  const { client, backend } = join(4);
  client.receive("123456");
  assert.equal(client.paused, true);
  client.receive("789");
  assert.equal(backend.sent, "1234");
  // What follows meets a full kernel again.
  backend.drain();
  assert.equal(backend.sent, "123456");
  assert.equal(client.paused, true);
  backend.drain();
  assert.equal(client.paused, false);
  assert.equal(backend.sent, "123456789");
  assert.equal(backend.paused, false);
});

test("early bytes that the other does not take pause too", () => {
  const { client, backend } = join(2, ["early", ""]);
  assert.equal(client.paused, true);
  backend.drain();
  assert.equal(client.paused, false);
  assert.equal(backend.sent, "early");
});

test("an end is passed on, and the second one closes both", () => {
  const { client, backend } = join();
  client.endInput();
  assert.equal(backend.writingEnded, true);
  assert.equal(client.closed, false);
  backend.receive("last");
  assert.equal(client.sent, "last");
  backend.endInput();
  assert.deepEqual([client.closeReason, backend.closeReason], ["done", "done"]);
});

test("a reset is passed on as one", () => {
  const { client, backend } = join();
  backend.reset();
  assert.equal(client.aborted, true);
  const other = join();
  other.client.reset();
  assert.equal(other.backend.aborted, true);
});

test("silence in both directions closes both", () => {
  const { client, backend } = join();
  assert.equal(backend.armed?.ms, 500);
  backend.expire();
  assert.deepEqual([client.closeReason, backend.closeReason], ["timeout", "timeout"]);
});

test("any byte counts against silence", () => {
  const { client, backend } = join();
  for (const side of [client, backend]) {
    backend.deadline(1, 7);
    side.receive("x");
    assert.equal(backend.armed?.ms, 500);
  }
});

test("a side that is gone already ends the other", () => {
  const client = new FakeStream();
  const backend = new FakeStream();
  backend.reset();
  joinStreams({ stream: client, rest: NOTHING }, { stream: backend, rest: NOTHING }, 500);
  assert.equal(client.closed, true);
});
