import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { test } from "node:test";
import { until } from "#src/testing/until.ts";
import { WorkQueue, type WorkOutcome } from "./queue.ts";
import { RateLimit } from "./rate-limit.ts";

/** Work that ends when it is told to. */
class Bench {
  readonly begun: string[] = [];
  readonly ends: ((outcome: WorkOutcome) => void)[] = [];
  readonly work = (key: string): Promise<WorkOutcome> => {
    this.begun.push(key);
    return new Promise((resolve) => this.ends.push(resolve));
  };

  end(outcome: WorkOutcome = "done"): void {
    this.ends.shift()!(outcome);
  }
}

test("a key waits once, is not worked on twice at a time, and again when it was added meanwhile", async () => {
  const bench = new Bench();
  await using queue = new WorkQueue({ work: bench.work, concurrency: 2 });
  for (const key of ["a", "b", "c", "c", "a", "c"]) queue.add(key);
  assert.deepEqual(bench.begun, ["a", "b"]);
  assert.equal(queue.size, 4, "a and b, a once more, and c");
  bench.end();
  await wait(1);
  assert.deepEqual(bench.begun, ["a", "b", "c"]);
  bench.end();
  await wait(1);
  assert.deepEqual(bench.begun, ["a", "b", "c", "a"]);
  bench.end();
  bench.end();
  await queue.idle();
  assert.equal(queue.size, 0);
  assert.equal(bench.begun.length, 4);
});

test("a failure backs off alone, longer each time, and an addition is not held up by it", async () => {
  const bench = new Bench();
  await using queue = new WorkQueue({ work: bench.work, backoff: { firstMs: 40, maxMs: 80 }, random: () => 1 });
  queue.add("bad");
  const waits: number[] = [];
  for (let i = 1; i <= 3; i++) {
    const at = performance.now();
    bench.end({ retry: true });
    await until("the next try", () => (bench.begun.length > i ? true : undefined));
    waits.push(performance.now() - at);
  }
  assert.ok(waits[0]! >= 38 && waits[1]! >= 78 && waits[2]! >= 78, String(waits));
  bench.end({ retry: true });
  await wait(1);
  queue.add("good");
  queue.add("bad");
  assert.deepEqual(bench.begun.slice(-2), ["good", "bad"], "at once");
  bench.end();
  bench.end();
  await queue.idle();
  // A success forgets the failures.
  queue.add("bad");
  const at = performance.now();
  bench.end({ retry: true, afterMs: 60 });
  await until("the next try", () => (bench.begun.at(-1) === "bad" && bench.ends.length === 1 ? true : undefined));
  assert.ok(performance.now() - at >= 58, "what the server asks for is waited for");
  bench.end();
});

test("work begins no faster than the rate", async () => {
  const begun: number[] = [];
  const work = (): Promise<WorkOutcome> => {
    begun.push(performance.now());
    return Promise.resolve("done");
  };
  await using queue = new WorkQueue({ work, concurrency: 100, rate: { perSecond: 100, burst: 5 } });
  const at = performance.now();
  for (let i = 0; i < 15; i++) queue.add(String(i));
  assert.equal(begun.length, 5);
  await queue.idle();
  assert.ok(performance.now() - at >= 95);
});

test("keys wait for their time; what is removed is not worked on", async () => {
  const bench = new Bench();
  await using queue = new WorkQueue({ work: bench.work });
  queue.addAfter("a", 30);
  queue.addAfter("a", 1);
  queue.addAfter("b", 1);
  queue.remove("b");
  await wait(10);
  assert.deepEqual(bench.begun, []);
  await until("its time", () => (bench.begun.length > 0 ? true : undefined));
  assert.deepEqual(bench.begun, ["a"]);
  bench.end();
});

test("closing begins nothing more and waits for what was begun", async () => {
  let signal: AbortSignal | undefined;
  const bench = new Bench();
  const queue = new WorkQueue({
    concurrency: 1,
    work: (key, given) => {
      signal = given;
      return bench.work(key);
    },
  });
  queue.add("a");
  queue.add("a");
  queue.add("b");
  queue.addAfter("c", 1);
  let isClosed = false;
  const closing = queue[Symbol.asyncDispose]().then(() => (isClosed = true));
  assert.equal(signal?.aborted, true);
  await wait(5);
  assert.equal(isClosed, false);
  queue.add("d");
  bench.end({ retry: true });
  await closing;
  await wait(5);
  assert.deepEqual(bench.begun, ["a"]);
});

test("a rate limit gives out its burst, then one at a time, and never more than the burst", () => {
  const limit = new RateLimit({ perSecond: 10, burst: 2 }, 1000);
  assert.deepEqual(
    [1000, 1000, 1000].map((now) => limit.take(now)),
    [0, 0, 100],
  );
  assert.equal(limit.take(1050), 50);
  assert.equal(limit.take(1100), 0);
  assert.deepEqual(
    [60_000, 60_000, 60_000].map((now) => limit.take(now)),
    [0, 0, 100],
  );
});
