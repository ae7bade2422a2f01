/** What becomes of wishes, by what the API server says to them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { KubeWriter } from "#src/kube/apply.ts";
import type { KubeAnswer, KubeFailure, KubeRequest } from "#src/kube/request.ts";
import { createLogger } from "#src/process/logger.ts";
import { httpRoute } from "#src/resource/http-route.ts";
import { service } from "#src/resource/service.ts";
import { until } from "#src/testing/until.ts";
import { type Wish, WriteQueue, type WriteQueueOptions } from "./write-queue.ts";

type Reply = KubeAnswer | KubeFailure;

const answer = (status: number, body: unknown = {}): KubeAnswer => ({ status, body, retryAfterMs: undefined });
const written = (resourceVersion: string): KubeAnswer =>
  answer(200, { kind: "Service", metadata: { name: "a", namespace: "shop", uid: "u", resourceVersion } });
const AWAY: KubeFailure = { status: undefined, failure: "unreachable", reason: "away" };

class Desk implements AsyncDisposable {
  readonly requests: KubeRequest[] = [];
  readonly lines: string[] = [];
  mayWrite = true;
  doubts = 0;
  /** In turn; the last one again and again. */
  replies: (Reply | Promise<Reply>)[];
  readonly queue: WriteQueue;

  constructor(replies: (Reply | Promise<Reply>)[], options: Partial<WriteQueueOptions> = {}) {
    this.replies = replies;
    const client = {
      server: "",
      namespace: "",
      request: async (request: KubeRequest): Promise<Reply> => {
        this.requests.push(request);
        return this.replies.length > 1 ? this.replies.shift()! : this.replies[0]!;
      },
      stream: async (): Promise<Reply> => AWAY,
      [Symbol.dispose]: () => {},
    };
    this.queue = new WriteQueue({
      writer: new KubeWriter({ client, fieldManager: "test", mayWrite: () => this.mayWrite }),
      log: createLogger({ write: (line) => void this.lines.push(line) }),
      onDoubt: () => (this.doubts += 1),
      ...options,
    });
  }

  /** Once so many requests were sent, and a moment later still no more. */
  async sent(count: number): Promise<void> {
    await until(`${count} requests`, () => this.requests.length >= count || undefined);
    await wait(30);
    assert.equal(this.requests.length, count);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.queue[Symbol.asyncDispose]();
  }
}

const apply = (seen: string, spec: unknown = 1): Wish => ({
  act: "apply",
  kind: service,
  object: { metadata: { name: "a", namespace: "shop" }, spec },
  seen,
});
const statusOf = (resourceVersion: string, value: unknown): Wish => ({
  act: "status",
  kind: httpRoute,
  target: { namespace: "shop", name: "a", uid: "u", resourceVersion },
  status: { value },
});

test("a wish is sent once for what was seen, and again for another state or another wish", async () => {
  await using desk = new Desk([written("2"), written("4"), written("6"), written("8")]);
  for (const _pass of [1, 2, 3]) desk.queue.want([apply("1")]);
  await desk.sent(1);
  desk.queue.want([apply("1", "other")]);
  await desk.sent(2);
  desk.queue.want([apply("4", "other")]);
  await desk.sent(3);
  assert.equal(desk.queue.counts.written, 3);
  assert.equal(desk.doubts, 0);
});

test("a status is not written twice about one version, whatever else is wished for meanwhile", async () => {
  await using desk = new Desk([written("2")]);
  desk.queue.want([statusOf("1", "a")]);
  await desk.sent(1);
  desk.queue.want([statusOf("1", "b")]);
  await wait(30);
  await desk.sent(1);
  desk.queue.want([statusOf("2", "b")]);
  await desk.sent(2);
});

test("what was written and is not seen is doubted after a time, and then sent again", async () => {
  await using desk = new Desk([written("2")], { unseenMs: 60 });
  desk.queue.want([apply("")]);
  await desk.sent(1);
  await until("the doubt", () => desk.doubts === 1 || undefined);
  desk.queue.want([apply("")]);
  await desk.sent(2);
});

test("what was seen is not doubted", async () => {
  await using desk = new Desk([written("2")], { unseenMs: 40 });
  desk.queue.want([apply("1")]);
  await desk.sent(1);
  desk.queue.want([]);
  await wait(80);
  assert.equal(desk.doubts, 0);
});

test("a conflict is looked at again, and the same wish is then sent again", async () => {
  await using desk = new Desk([answer(409), written("3")]);
  desk.queue.want([apply("1")]);
  await until("the doubt", () => desk.doubts === 1 || undefined);
  await desk.sent(1);
  desk.queue.want([apply("1")]);
  await desk.sent(2);
  assert.deepEqual([desk.queue.counts.conflict, desk.queue.counts.written], [1, 1]);
});

test("what is not there, or in a namespace that is going, is left alone for a time", async () => {
  await using desk = new Desk([answer(404), written("2")], { unseenMs: 100 });
  desk.queue.want([statusOf("1", "a")]);
  await desk.sent(1);
  desk.queue.want([statusOf("1", "a")]);
  await desk.sent(1);
  await until("the doubt", () => desk.doubts === 1 || undefined);
  desk.queue.want([statusOf("1", "a")]);
  await desk.sent(2);
});

test("what is refused is told once, left alone, and tried again after a time; another status is tried at once", async () => {
  await using desk = new Desk([answer(422, { message: "no" })], { refusedMs: 150 });
  desk.queue.want([statusOf("1", "a")]);
  await desk.sent(1);
  desk.queue.want([statusOf("1", "a")]);
  await desk.sent(1);
  desk.queue.want([statusOf("1", "b")]);
  await desk.sent(2);
  assert.equal(desk.lines.filter((line) => line.includes("an object cannot be written")).length, 2);
  assert.equal(desk.doubts, 0);
  await until("the doubt", () => desk.doubts === 1 || undefined);
  desk.queue.want([statusOf("1", "b")]);
  await desk.sent(3);
});

test("an API server that is away is asked again until it is there", async () => {
  await using desk = new Desk([AWAY, answer(503), answer(429), written("2")]);
  desk.queue.want([apply("1")]);
  await desk.sent(4);
  assert.deepEqual([desk.queue.counts.retry, desk.queue.counts.written], [3, 1]);
});

test("what nobody wishes for any more is not tried again, though it was under way", async () => {
  const reply = Promise.withResolvers<Reply>();
  await using desk = new Desk([reply.promise, written("2")]);
  desk.queue.want([apply("1")]);
  await until("that it is sent", () => desk.requests.length === 1 || undefined);
  desk.queue.want([]);
  reply.resolve(AWAY);
  await wait(150);
  assert.equal(desk.requests.length, 1);
});

test("nothing is sent by one who may not write; the wish comes back when it may", async () => {
  await using desk = new Desk([written("2")]);
  desk.mayWrite = false;
  desk.queue.want([apply("1")]);
  await until("the doubt", () => desk.doubts === 1 || undefined);
  assert.deepEqual([desk.requests.length, desk.queue.counts.fenced], [0, 1]);
  desk.mayWrite = true;
  desk.queue.want([apply("1")]);
  await desk.sent(1);
});

test("who leads anew forgets what was sent before", async () => {
  await using desk = new Desk([written("2")]);
  desk.queue.want([apply("1")]);
  await desk.sent(1);
  desk.queue.forget();
  desk.queue.want([apply("1")]);
  await desk.sent(2);
});
