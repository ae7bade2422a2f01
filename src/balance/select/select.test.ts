import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { compileLeastConnections } from "./least-connections.ts";
import { compileMaglev } from "./maglev.ts";
import { compileRoundRobin } from "./round-robin.ts";
import { seeded, selectCases } from "./select.cases.ts";

selectCases({ algorithm: "roundRobin", tolerance: 0.001 });
selectCases({ algorithm: "random", tolerance: 0.02 });
selectCases({ algorithm: "leastConnections", tolerance: 0.02 });
selectCases({ algorithm: "maglev", tolerance: 0.03 });

const always = (): boolean => true;
const first = (): number => 0;

test("smooth turns spread the heavy candidate over the cycle", () => {
  const selector = compileRoundRobin([5, 1, 1]);
  const turns = Array.from({ length: 7 }, () => "abc"[selector.pick(0, always, first)]).join("");
  assert.equal(turns, "aabacaa");
});

test("smooth turns are exact over every whole cycle, wherever a process begins", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 6 }), fc.nat(), (weights, seed) => {
      const sum = weights.reduce((a, b) => a + b, 0);
      const selector = compileRoundRobin(weights);
      const random = seeded(seed);
      const counts = weights.map(() => 0);
      for (let i = 0; i < sum * 3; i++) {
        const index = selector.pick(0, always, random);
        counts[index] = counts[index]! + 1;
      }
      const equal = weights.every((weight) => weight === weights[0]);
      assert.deepEqual(counts, equal && sum > 0 ? weights.map(() => weights[0]! * 3) : weights.map((w) => w * 3));
    }),
  );
});

test("least connections prefers the candidate with less load per weight", () => {
  const load = [10, 0];
  const selector = compileLeastConnections([1, 1], (index) => load[index]!);
  const random = seeded(3);
  for (let i = 0; i < 100; i++) assert.equal(selector.pick(0, always, random), 1);
});

const names = Array.from({ length: 10 }, (_, i) => `[2001:db8::${i + 1}]:53`);
const ones = names.map(() => 1);

test("maglev: the order in the configuration does not matter, so every process agrees", () => {
  const forward = compileMaglev(names, ones);
  const reversed = names.toReversed();
  const backward = compileMaglev(reversed, ones);
  for (let key = 0; key < 2000; key++) {
    const a = forward.pick(key * 2_654_435, always, Math.random);
    const b = backward.pick(key * 2_654_435, always, Math.random);
    assert.equal(names[a], reversed[b]);
  }
});

test("maglev: a candidate that is out moves only its own keys", () => {
  const selector = compileMaglev(names, ones);
  for (let key = 0; key < 2000; key++) {
    const before = selector.pick(key, always, Math.random);
    const after = selector.pick(key, (index) => index !== 4, Math.random);
    if (before === 4) assert.notEqual(after, 4);
    else assert.equal(after, before);
  }
});

test("maglev: a candidate that leaves the table moves few keys besides its own", () => {
  const before = compileMaglev(names, ones);
  const rest = names.slice(0, -1);
  const after = compileMaglev(rest, ones.slice(0, -1));
  let moved = 0;
  for (let key = 0; key < 10_000; key++) {
    const from = before.pick(key, always, Math.random);
    if (from !== 9 && rest[after.pick(key, always, Math.random)] !== names[from]) moved++;
  }
  assert.ok(moved < 2000, `${moved} of 10,000 moved`);
});

test("maglev: a small weight beside a large one is not left without a slot", () => {
  const selector = compileMaglev(["a", "b"], [1000, 1]);
  const seen = new Set<number>();
  for (let key = 0; key < 20_000; key++) seen.add(selector.pick(key, always, Math.random));
  assert.deepEqual(seen, new Set([0, 1]));
});
