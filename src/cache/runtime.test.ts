import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { test } from "node:test";
import { Poller } from "#src/reactor/poller.ts";
import { SPAN_BYTES } from "#src/memory/layout.ts";
import { Rows } from "#src/memory/rows.ts";
import { Segment } from "#src/memory/segment.ts";
import { createWakeFd } from "#src/memory/wake.ts";
import { CacheStage } from "./request.ts";
import { makeCacheMain, makeCacheRuntime } from "./runtime.ts";
import { FakeCall, FakeExchange } from "./testdata/fakes.ts";
import { requestHead } from "./testdata/head.ts";

test("main and data processes over a memfd: stored by one, found by the other, woken by eventfds", async () => {
  await using poller = new Poller({ onFault: (error) => assert.fail(String(error)) });
  await using second = new Poller({ onFault: (error) => assert.fail(String(error)) });
  await using third = new Poller({ onFault: (error) => assert.fail(String(error)) });
  const options = { counters: 0, gauges: 0, healthTargets: 0, slots: 256, arenaBytes: SPAN_BYTES * 4 };
  const segment = Segment.create("cache-test", { processes: 3, ...options });
  const wakeFds = Array.from({ length: 3 }, createWakeFd);
  using main = makeCacheMain({ poller, segment, wakeFds });
  const counters = { onOutcome: () => {}, onOriginBytes: () => {} };
  const [mainWakeFd] = wakeFds as [number, number, number];
  using one = makeCacheRuntime({ poller: second, segment, row: 1, mainWakeFd, wakeFd: wakeFds[1]!, counters });
  using other = makeCacheRuntime({ poller: third, segment, row: 2, mainWakeFd, wakeFd: wakeFds[2]!, counters });
  const calls: FakeCall[] = [];
  const route = {
    partition: 0,
    pool: {
      request: (...given: ConstructorParameters<typeof FakeCall>): FakeCall => {
        calls.push(new FakeCall(...given));
        return calls.at(-1)!;
      },
    },
    editRequest: () => {},
    headTimeoutMs: 0,
    requestTimeoutMs: 0,
    maxObjectBytes: 1 << 20,
  };
  const [first, last] = [new CacheStage(one.process, route), new CacheStage(other.process, route)];
  const body = "x".repeat(100_000);
  second.run(() => {
    first.onRequest(new FakeExchange(requestHead("GET http://example.com/")));
    calls[0]!.answer(200, body, "Cache-Control: max-age=60");
  });
  while (one.process.open.size > 0) await wait(1);
  const exchange = new FakeExchange(requestHead("GET http://example.com/"));
  third.run(() => last.onRequest(exchange));
  assert.equal(exchange.notes.cache, "hit");
  assert.equal(exchange.body, body);
  assert.equal(calls.length, 1);
  assert.equal(main.figures().objects, 1);

  // A process that ends while it has leases gives them back.
  const { bytes } = main.figures();
  second.run(() => one.process.lessee.ask(60_000, { onLease: () => {} }));
  while (main.figures().bytes === bytes) await wait(1);
  new Rows(segment).clear(1);
  main.ended(1);
  assert.equal(main.figures().bytes, bytes);
  for (const fd of [...wakeFds, segment.fd]) closeSync(fd);
});
