import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { generateFiles } from "./generate.ts";

for (const [path, text] of generateFiles()) {
  test(`${path} is what its kind declares`, () => {
    const committed = readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
    assert.equal(committed, text, "run: node src/resource/generate.ts");
  });
}
