import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSummary } from "./summary.ts";

test("figures first, thresholds after them, each with its verdict", () => {
  const text = formatSummary("edge", {
    state: { testRunDurationMs: 2_040 },
    metrics: {
      http_reqs: { type: "counter", contains: "default", values: { count: 4080, rate: 2000 } },
      edge_hits: {
        type: "rate",
        contains: "default",
        values: { rate: 0.9, passes: 9, fails: 1 },
        thresholds: { "rate>=0.95": { ok: false } },
      },
      http_req_duration: {
        type: "trend",
        contains: "time",
        values: { avg: 1.234, "p(95)": 4 },
        thresholds: { "p(95)<=200": { ok: true } },
      },
    },
  });
  assert.deepEqual(text.split("\n"), [
    "",
    "edge, 2.0 s",
    "",
    "edge_hits          rate=0.9000  passes=9  fails=1",
    "http_req_duration  avg=1.23ms  p(95)=4.00ms",
    "http_reqs          count=4080  rate=2000.0/s",
    "",
    "✗ edge_hits: rate>=0.95",
    "✓ http_req_duration: p(95)<=200",
    "",
  ]);
});
