/** The chart with the tools of its trade: what it renders to, what the tools say of it, and the plain manifests. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { renderedFiles } from "./generate.ts";
import { schemaLocation, writeKubeSchemas } from "./kube-schemas.ts";
import { CHART, renderChart } from "./render.ts";

const ROOT = join(import.meta.dirname, "..");

const folder = mkdtempSync(join(tmpdir(), "fairway-schemas-"));
after(() => rmSync(folder, { recursive: true }));

/** Its output, when it found nothing wrong. */
function run(command: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", cwd: ROOT, input });
  if (error !== undefined) throw error;
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout;
}

test("what the chart renders to is what is committed: node charts/generate.ts", () => {
  for (const [path, text] of renderedFiles()) assert.equal(readFileSync(join(ROOT, path), "utf8"), text, path);
});

test("helm finds no fault, with any of the value sets", () => {
  for (const values of globSync("charts/testdata/*.values.yaml", { cwd: ROOT })) {
    run("helm", ["lint", "--strict", "--values", values, CHART]);
  }
});

test("the chart's own tests pass", () => {
  run("helm-unittest", [CHART]);
});

test("everything is what its kind's schema says, strictly", () => {
  writeKubeSchemas(ROOT, folder);
  const conform = (args: readonly string[], input?: string): string =>
    run("kubeconform", ["-strict", "-summary", "-schema-location", schemaLocation(folder), ...args], input);
  const files = globSync(
    ["charts/testdata/*[!s].yaml", "manifests/install.yaml", "manifests/samples/*.yaml", "manifests/crds/*.yaml"],
    { cwd: ROOT },
  );
  assert.match(conform(files.filter((file) => !file.endsWith(".values.yaml"))), /Invalid: 0, Errors: 0, Skipped: 0/);
  // That it would see a fault.
  const wrong = renderChart().replace("revisionHistoryLimit", "revisionHistroyLimit");
  const { status, stdout } = spawnSync("kubeconform", ["-strict", "-schema-location", schemaLocation(folder)], {
    encoding: "utf8",
    input: wrong,
  });
  assert.equal(status, 1);
  assert.match(stdout, /revisionHistroyLimit/);
});
