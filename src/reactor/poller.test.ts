import assert from "node:assert/strict";
import { test } from "node:test";
import { countDescriptors, startReactor, until } from "./loopback.cases.ts";
import { EPOLLIN } from "./layout.ts";
import { Poller, type Watcher } from "./poller.ts";
import { Slab } from "./slab.ts";
import { eventFd, read, write } from "./system.ts";

const one = new Slab(8);
one.bytes[0] = 1;

class Probe implements Watcher {
  readonly fd = eventFd();
  ready = 0;
  faults = 0;
  action: () => void = () => {};

  onReady(): void {
    this.ready++;
    read(this.fd, new Slab(8), 0, 8);
    this.action();
  }

  onFault(): void {
    this.faults++;
  }

  signal(): void {
    write(this.fd, one, 0, 8);
  }
}

test("a batch runs hooks, events, late tasks and hooks in this order, and deferred work afterwards with promises", async () => {
  await using reactor = startReactor();
  const { poller } = reactor;
  const probe = new Probe();
  const order: string[] = [];
  poller.add(probe.fd, EPOLLIN, probe);
  poller.atBatchStart(() => order.push("start"));
  poller.atBatchEnd(() => order.push("end"));
  const { promise, resolve } = Promise.withResolvers<void>();
  probe.action = () => {
    poller.late({ runLate: () => void order.push("late") });
    poller.defer(() => {
      order.push("deferred");
      void Promise.resolve().then(() => {
        order.push("promise");
        resolve();
      });
    });
    order.push("event");
  };
  probe.signal();
  await promise;
  poller.close(probe.fd);
  assert.deepEqual(order, ["start", "event", "late", "end", "start", "deferred", "end", "promise"]);
});

test("work from outside runs between the hooks, at once, and not twice when nested", async () => {
  await using reactor = startReactor();
  const order: string[] = [];
  reactor.poller.atBatchStart(() => order.push("start"));
  reactor.poller.atBatchEnd(() => order.push("end"));
  const value = reactor.poller.run(() => reactor.poller.run(() => order.push("work")));
  assert.equal(value, 2);
  assert.deepEqual(order, ["start", "work", "end"]);
});

test("an event of a descriptor that was closed in the same batch never reaches its next owner", async () => {
  await using reactor = startReactor();
  const { poller } = reactor;
  const probes = [new Probe(), new Probe()] as const;
  const next = { ready: 0, onReady: () => void next.ready++, onFault: () => {} };
  let reused = -1;
  for (const [index, probe] of probes.entries()) {
    probe.action = () => {
      const other = probes[1 - index]!;
      poller.close(other.fd);
      reused = eventFd();
      assert.equal(reused, other.fd, "the kernel gives the same number again");
      poller.add(reused, EPOLLIN, next);
    };
    poller.add(probe.fd, EPOLLIN, probe);
    probe.signal();
  }
  await until(() => poller.counts.stale > 0, "the stale event has come");
  assert.equal(probes[0].ready + probes[1].ready, 1);
  assert.equal(next.ready, 0);
  write(reused, one, 0, 8);
  await until(() => next.ready > 0, "the new owner gets its own");
  poller.close(reused);
  poller.close(probes[0].ready > 0 ? probes[0].fd : probes[1].fd);
});

test("an exception stops one watcher, not the batch and not the process", async () => {
  await using reactor = startReactor();
  const { poller } = reactor;
  const [bad, good] = [new Probe(), new Probe()];
  bad.action = () => {
    throw new Error("spoiled");
  };
  for (const probe of [bad, good]) {
    poller.add(probe.fd, EPOLLIN, probe);
    probe.signal();
  }
  poller.atBatchEnd(() => {
    if (bad.ready === 1) throw new Error("hook");
  });
  await until(() => good.ready > 0 && bad.faults > 0, "both were served");
  assert.ok(reactor.faults.some((fault) => String(fault) === "Error: spoiled"));
  assert.ok(reactor.faults.some((fault) => String(fault) === "Error: hook"));
  for (const probe of [bad, good]) poller.close(probe.fd);
});

test("late tasks that call each other for ever do not hold the loop", async () => {
  await using reactor = startReactor();
  let calls = 0;
  let isOver = false;
  const task = {
    runLate: () => {
      calls++;
      if (!isOver) reactor.poller.late(task);
    },
  };
  reactor.poller.run(() => reactor.poller.late(task));
  await new Promise((resolve) => void setTimeout(resolve, 5));
  isOver = true;
  assert.ok(calls > 8);
});

test("timers go on while the loop is busy, and `now` does not move inside a batch", async () => {
  await using reactor = startReactor();
  const { poller } = reactor;
  const probe = new Probe();
  let moved = 0;
  probe.action = () => {
    const before = poller.now;
    for (const end = performance.now() + 0.2; performance.now() < end;);
    if (poller.now !== before) moved++;
    probe.signal();
  };
  poller.add(probe.fd, EPOLLIN, probe);
  probe.signal();
  await until(() => probe.ready > 5, "timers have had their turn between several batches");
  poller.close(probe.fd);
  assert.equal(moved, 0);
});

test("fifty pollers come and go without a descriptor left", async () => {
  const before = countDescriptors();
  for (let index = 0; index < 50; index++) {
    const poller = new Poller({ onFault: () => {} });
    await poller[Symbol.asyncDispose]();
    await poller[Symbol.asyncDispose]();
  }
  assert.equal(countDescriptors(), before);
});
