import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { isSameValue } from "./same-value.ts";

const small = fc.jsonValue({ maxDepth: 3 });

test("it says what isDeepStrictEqual says of plain data", () => {
  fc.assert(
    fc.property(small, small, fc.boolean(), (a, b, isCopy) => {
      const other = isCopy ? structuredClone(a) : b;
      // JSON has one zero.
      const [left, right]: unknown[] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(other))];
      assert.equal(isSameValue(left, right), isDeepStrictEqual(left, right));
    }),
  );
});

const PAIRS: readonly (readonly [unknown, unknown])[] = [
  [{ a: 1 }, { b: 1 }],
  [{ a: 1, b: undefined }, { a: 1 }],
  [{ a: undefined }, { b: undefined }],
  [[1], { 0: 1 }],
  [{ 0: 1 }, [1]],
  [null, {}],
  [[], {}],
  [1, "1"],
  [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }],
];

test("what differs in names, kind or depth is not the same, either way round", () => {
  for (const [a, b] of PAIRS) assert.deepEqual([isSameValue(a, b), isSameValue(b, a)], [false, false]);
});
