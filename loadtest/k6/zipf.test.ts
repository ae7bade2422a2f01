import assert from "node:assert/strict";
import { test } from "node:test";
import { Zipf } from "./zipf.ts";

/** How often each rank comes out of `draws` evenly spread numbers. */
function sharesOf(zipf: Zipf, keys: number, draws: number): number[] {
  const counts = Array.from({ length: keys }, () => 0);
  for (let i = 0; i < draws; i++) counts[zipf.rankOf((i + 0.5) / draws)]!++;
  return counts.map((count) => count / draws);
}

const CASES = [
  { keys: 1, exponent: 1 },
  { keys: 10, exponent: 0 },
  { keys: 100, exponent: 0.8 },
  { keys: 1000, exponent: 1 },
  { keys: 50, exponent: 2 },
];

for (const { keys, exponent } of CASES) {
  test(`${keys} keys, exponent ${exponent}: every rank has its share`, () => {
    const weights = Array.from({ length: keys }, (_, rank) => 1 / (rank + 1) ** exponent);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const draws = 200_000;
    for (const [rank, share] of sharesOf(new Zipf(keys, exponent), keys, draws).entries()) {
      assert.ok(Math.abs(share - weights[rank]! / sum) <= 2 / draws, `rank ${rank}: ${share}`);
    }
  });
}

test("the ends of the range are the first and the last key", () => {
  const zipf = new Zipf(1000, 1);
  assert.equal(zipf.rankOf(0), 0);
  assert.equal(zipf.rankOf(1 - Number.EPSILON), 999);
});
