/** What every algorithm must do, whatever else it does. Run by select.test.ts against each of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileSelector } from "./compile.ts";
import { NONE, type Algorithm, type Random } from "./selector.ts";

/** A repeatable source in [0, 1): mulberry32. */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const always = (): boolean => true;
const idle = (): number => 0;

const compile = (algorithm: Algorithm, weights: readonly number[]) =>
  compileSelector({ algorithm, names: weights.map((_, i) => `192.0.2.${i + 1}:80`), weights, load: idle });

export interface SelectCases {
  readonly algorithm: Algorithm;
  /** Whether choices follow the weights, and by how much they may be off, as a share of all. */
  readonly tolerance: number;
}

export function selectCases({ algorithm, tolerance }: SelectCases): void {
  const shares = (weights: readonly number[], available: (index: number) => boolean, picks = 20_000): number[] => {
    const random = seeded(7);
    const selector = compile(algorithm, weights);
    const counts = weights.map(() => 0);
    for (let i = 0; i < picks; i++) {
      const index = selector.pick(Math.floor(random() * 2 ** 32), available, random);
      counts[index] = counts[index]! + 1;
    }
    return counts.map((count) => count / picks);
  };
  const close = (actual: readonly number[], expected: readonly number[]): void => {
    actual.forEach((share, i) =>
      assert.ok(Math.abs(share - expected[i]!) <= tolerance, `share ${i}: ${share}, not ${expected[i]}`),
    );
  };

  test(`${algorithm}: nothing to choose from`, () => {
    assert.equal(compile(algorithm, []).pick(1, always, Math.random), NONE);
    assert.equal(compile(algorithm, [0, 0]).pick(1, always, Math.random), NONE);
    assert.equal(
      compile(algorithm, [1, 1]).pick(1, () => false, Math.random),
      NONE,
    );
  });

  test(`${algorithm}: one candidate is always chosen`, () => {
    assert.deepEqual(shares([3], always, 50), [1]);
  });

  test(`${algorithm}: equal weights share evenly`, () => {
    close(shares([1, 1, 1, 1], always), [0.25, 0.25, 0.25, 0.25]);
  });

  test(`${algorithm}: weight 0 is never chosen`, () => {
    assert.equal(shares([1, 0, 1], always)[1], 0);
    assert.equal(
      compile(algorithm, [0, 1]).pick(1, (i) => i === 0, Math.random),
      NONE,
    );
  });

  test(`${algorithm}: what is not available is never chosen, the others share its part`, () => {
    const actual = shares([1, 1, 1], (index) => index !== 1);
    assert.equal(actual[1], 0);
    assert.ok(actual[0]! > 0.25 && actual[2]! > 0.25, actual.join(" "));
  });

  test(`${algorithm}: shares follow the weights`, () => {
    const actual = shares([70, 20, 10], always);
    // The better of two draws favours the heavier more than its share: only the order is promised there.
    if (algorithm === "leastConnections") assert.ok(actual[0]! > actual[1]! && actual[1]! > actual[2]!);
    else close(actual, [0.7, 0.2, 0.1]);
  });
}
