import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Deadline, TimerWheel } from "./timer-wheel.ts";

/** A loop whose clock the test moves. */
class FakeLoop {
  now = 1_000;
  tickAt: number | undefined;
  readonly faults: unknown[] = [];
  readonly wheel: TimerWheel = new TimerWheel(this);

  startTick(ms: number): void {
    assert.equal(this.tickAt, undefined, "one tick at a time");
    this.tickAt = this.now + ms;
  }

  cancelTick(): void {
    this.tickAt = undefined;
  }

  fault(error: unknown): void {
    this.faults.push(error);
  }

  advance(ms: number): void {
    const end = this.now + ms;
    while (this.tickAt !== undefined && this.tickAt <= end) {
      this.now = this.tickAt;
      this.tickAt = undefined;
      this.wheel.tick();
    }
    this.now = end;
  }
}

class Owner {
  readonly fired: { readonly kind: number; readonly at: number }[] = [];
  readonly deadline = new Deadline(this);
  readonly #loop: FakeLoop;

  constructor(loop: FakeLoop) {
    this.#loop = loop;
  }

  onDue(kind: number): void {
    this.fired.push({ kind, at: this.#loop.now });
  }
}

test("deadlines armed, moved and disarmed at random come once, never early, at most two ticks late", () => {
  const step = fc.record({ owner: fc.nat(4), wait: fc.nat(40_000), ms: fc.integer({ min: 0, max: 60_000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const loop = new FakeLoop();
      const owners = Array.from({ length: 5 }, () => new Owner(loop));
      const expected: (number | undefined)[] = owners.map(() => undefined);
      const check = (): void => {
        owners.forEach((owner, index) => {
          const due = expected[index];
          const fired = owner.fired.shift();
          assert.equal(owner.fired.length, 0, "once");
          if (fired !== undefined) {
            assert.ok(due !== undefined && fired.at >= due && fired.at <= due + 100, `${fired.at} for ${due}`);
            expected[index] = undefined;
          } else if (due !== undefined) assert.ok(loop.now < due + 100, "not forgotten");
        });
      };
      for (const { owner, wait, ms } of steps) {
        for (let passed = 0; passed < wait; passed += 50) {
          loop.advance(50);
          check();
        }
        if (ms === 0) loop.wheel.disarm(owners[owner]!.deadline);
        else loop.wheel.arm(owners[owner]!.deadline, 1, ms);
        expected[owner] = ms === 0 ? undefined : loop.now + ms;
      }
      for (let passed = 0; passed < 62_000; passed += 50) {
        loop.advance(50);
        check();
      }
      assert.equal(loop.wheel.size, 0);
      assert.equal(loop.tickAt, undefined, "an idle wheel does not turn");
    }),
    { numRuns: 60 },
  );
});

test("a hundred thousand deadlines, each moved ten times, all come", () => {
  const loop = new FakeLoop();
  const owners = Array.from({ length: 100_000 }, () => new Owner(loop));
  for (let round = 1; round <= 10; round++) {
    owners.forEach((owner, index) => loop.wheel.arm(owner.deadline, round, 5_000 + (index % 997)));
    loop.advance(500);
  }
  assert.ok(owners.every((owner) => owner.fired.length === 0));
  loop.advance(7_000);
  assert.ok(owners.every((owner) => owner.fired.length === 1 && owner.fired[0]!.kind === 10));
  assert.equal(loop.wheel.size, 0);
});

test("a removed deadline leaves the wheel at once; one that throws does not take others with it", () => {
  const loop = new FakeLoop();
  const [gone, bad, good] = [new Owner(loop), new Owner(loop), new Owner(loop)];
  for (const owner of [good, bad, gone]) loop.wheel.arm(owner.deadline, 1, 100);
  loop.wheel.remove(gone.deadline);
  assert.equal(loop.wheel.size, 2);
  bad.onDue = () => {
    throw new Error("spoiled");
  };
  loop.advance(300);
  assert.equal(gone.fired.length, 0);
  assert.equal(good.fired.length, 1);
  assert.equal(loop.faults.length, 1);
});

test("when one comes due it may disarm, remove or arm another of the same slot", () => {
  const loop = new FakeLoop();
  const owners = Array.from({ length: 4 }, () => new Owner(loop));
  for (const owner of owners) loop.wheel.arm(owner.deadline, 1, 100);
  const first = owners[3]!;
  first.onDue = () => {
    loop.wheel.disarm(owners[0]!.deadline);
    loop.wheel.remove(owners[1]!.deadline);
    loop.wheel.arm(owners[2]!.deadline, 2, 1_000);
    loop.wheel.arm(first.deadline, 3, 50);
    first.onDue = (kind) => void first.fired.push({ kind, at: loop.now });
  };
  loop.advance(400);
  assert.deepEqual(
    owners.map((owner) => owner.fired.length),
    [0, 0, 0, 1],
  );
  loop.advance(1_000);
  assert.deepEqual(
    owners[2]!.fired.map(({ kind }) => kind),
    [2],
  );
});

test("after a long stop of the process everything due comes at the next tick", () => {
  const loop = new FakeLoop();
  const owner = new Owner(loop);
  loop.wheel.arm(owner.deadline, 1, 3_000);
  loop.tickAt = undefined;
  loop.now += 3_600_000;
  loop.wheel.tick();
  assert.equal(owner.fired.length, 1);
});
