/** `promtool check metrics` reads what the registry writes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { buildInfoMetric, processMetrics, tcpSocketMetric } from "./collected.ts";
import { counter, DURATION_SECONDS, gauge, histogram } from "./declaration.ts";
import { bindMetrics } from "./handles.ts";
import { layoutMetrics } from "./layout.ts";
import { createRegistry } from "./registry.ts";
import { SlotReader } from "./slot-reader.ts";

test("promtool finds no fault", async () => {
  const declarations = {
    requests: counter("fairway_http_requests_total", "Requests.", { label: "method", values: ["GET", "HEAD"] }),
    inFlight: gauge("fairway_http_requests_in_flight", "Requests under way."),
    duration: histogram("fairway_http_request_duration_seconds", "How long they took.", DURATION_SECONDS),
  };
  const layout = layoutMetrics(declarations);
  const row = new Float64Array(layout.counters + layout.gauges);
  bindMetrics(declarations, layout, [], row).duration.observe(0, 0.1);
  const reader = new SlotReader({ sum: (slot) => row[slot]!, get: (_, slot) => row[slot]! }, 1, layout, []);
  const collected = [
    buildInfoMetric("edge", '1.0 "quoted" \\ and\nbroken'),
    tcpSocketMetric(() => new Set([80])),
    ...processMetrics(() => [process.pid]),
  ];
  const registry = createRegistry(collected, { layout, reader });
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: await registry.render(),
    encoding: "utf8",
  });
  assert.equal(stdout + stderr, "");
  assert.equal(status, 0);
});
