/** The naming rules of metrics, over everything that is declared for data processes and mains. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { L4_METRICS } from "#src/balance/l4/l4-metrics.ts";
import { declareDnsMetrics, ZONE_DIMENSION } from "#src/dns/server/dns-metrics.ts";
import { HTTP_METRICS } from "#src/http/engine/http-metrics.ts";
import type { MetricDeclaration } from "#src/metrics/declaration.ts";
import { CACHE_METRICS } from "./cache.ts";
import { HEALTH_METRICS } from "./health.ts";
import { UPSTREAM_METRICS } from "./upstream-figures.ts";

const DECLARED: readonly MetricDeclaration[] = [
  ...[HTTP_METRICS, L4_METRICS, CACHE_METRICS, HEALTH_METRICS, UPSTREAM_METRICS].flatMap((each) => Object.values(each)),
  ...Object.values(declareDnsMetrics("fairway_dns", ZONE_DIMENSION)),
  ...Object.values(declareDnsMetrics("fairway_resolver")),
];

for (const { name, type, help, dimensions } of DECLARED) {
  test(`${name} is named by the rules`, () => {
    assert.match(name, /^fairway_[a-z0-9]+(_[a-z0-9]+)*$/);
    assert.equal(name.endsWith("_total"), type === "counter", "counters, and they alone, end in _total");
    if (type === "histogram") assert.match(name, /_(seconds|bytes)$/, "a histogram names its base unit");
    assert.doesNotMatch(name, /_(ms|milliseconds|microseconds|kb|mb|kilobytes|megabytes|minutes|percent)(_|$)/);
    assert.match(help, /^[A-Z].*\.$/, "the help is a sentence");
    for (const dimension of dimensions) {
      const labels = "labels" in dimension ? dimension.labels : [dimension.label];
      for (const label of labels) assert.match(label, /^(?!le$|quantile$)[a-z][a-z0-9_]*$/);
      if ("values" in dimension) assert.equal(new Set(dimension.values).size, dimension.values.length);
      else assert.ok(dimension.cap <= 1_000, "series are capped");
    }
  });
}

test("no name stands for two metrics", () => {
  const names = DECLARED.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});
