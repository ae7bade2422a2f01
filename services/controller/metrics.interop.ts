/** `promtool check metrics` reads what a controller at work shows. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { buildInfoMetric } from "#src/metrics/collected.ts";
import { createRegistry } from "#src/metrics/registry.ts";
import { until } from "#src/testing/until.ts";
import { TestCluster } from "./test-cluster.ts";

test("promtool finds no fault", async () => {
  await using cluster = await TestCluster.start();
  await using replica = await cluster.replica();
  await replica.ready();
  await using pod = cluster.pod("dns", "d", [replica], { audience: "other" });
  await until("a refusal", () => (pod.client.problem.endsWith("audience") ? true : undefined));
  const text = await createRegistry([buildInfoMetric("controller", "1"), ...replica.controller.collected]).render();
  assert.match(text, /^fairway_config_stream_refusals_total\{reason="audience"\} [1-9]/m);
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  assert.equal(stdout + stderr, "");
  assert.equal(status, 0);
});
