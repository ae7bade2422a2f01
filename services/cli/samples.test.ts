import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { KINDS } from "#src/resource/resource.ts";
import { toRows } from "#src/translate/check.ts";
import { readConfiguration } from "./configuration.ts";

const SAMPLES = globSync("manifests/samples/*.yaml").toSorted();

/** Objects of the cluster itself: samples refer to none. */
const OF_THE_CLUSTER = ["Namespace", "Service", "Secret", "EndpointSlice"];

for (const file of SAMPLES) {
  test(`${file} stands alone without a fault`, () => {
    const { faults, verdicts } = readConfiguration([file]);
    assert.deepEqual(faults, []);
    assert.deepEqual(
      toRows(verdicts).filter(({ ok }) => !ok),
      [],
    );
  });
}

test("each kind has a sample", () => {
  const text = SAMPLES.map((file) => readFileSync(file, "utf8")).join("\n");
  for (const kind of Object.keys(KINDS)) {
    if (!OF_THE_CLUSTER.includes(kind)) assert.match(text, new RegExp(`^kind: ${kind}$`, "m"));
  }
});
