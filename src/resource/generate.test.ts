import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { generateFiles } from "./generate.ts";
import { KINDS } from "./resource.ts";
import { malformedRules } from "./rules.ts";

test("every rule of every kind is CEL", () => {
  assert.deepEqual(
    Object.values(KINDS).flatMap(({ schema }) => malformedRules(schema())),
    [],
  );
  assert.equal(
    malformedRules({ type: "object", "x-kubernetes-validations": [{ rule: "self.(", message: "" }] }).length,
    1,
  );
});

for (const [path, text] of generateFiles()) {
  test(`${path} is what its kind declares`, () => {
    const committed = readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
    assert.equal(committed, text, "run: node src/resource/generate.ts");
  });
}
