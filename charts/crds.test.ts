import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import packageJson from "../package.json" with { type: "json" };
import { parseYaml } from "#src/resource/yaml.ts";
import { chartCrds } from "./generate.ts";

test("the chart's CRDs are those of manifests/crds: node charts/generate.ts", () => {
  const files = [...chartCrds()];
  assert.ok(files.length > 2);
  for (const [path, text] of files) {
    assert.equal(readFileSync(join(import.meta.dirname, "..", path), "utf8"), text, path);
  }
});

test("chart and image have the version of the sources", () => {
  const { value } = parseYaml(readFileSync(join(import.meta.dirname, "fairway/Chart.yaml"), "utf8"));
  const { version, appVersion } = value as { version: string; appVersion: string };
  assert.deepEqual([version, appVersion], [packageJson.version, packageJson.version]);
});
