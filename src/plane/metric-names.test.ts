/** The naming rules of metrics, over everything that is declared for data processes and mains. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { L4_METRICS } from "#src/balance/l4/l4-metrics.ts";
import { declareDnsMetrics, ZONE_DIMENSION } from "#src/dns/server/dns-metrics.ts";
import { HTTP_METRICS } from "#src/http/engine/http-metrics.ts";
import type { MetricDeclaration } from "#src/metrics/declaration.ts";
import { assertNamedByRules } from "#src/testing/metric-name-rules.ts";
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
    const labels = dimensions.flatMap((dimension) => ("labels" in dimension ? dimension.labels : [dimension.label]));
    assertNamedByRules({ name, type, help, labels });
    for (const dimension of dimensions) {
      if ("values" in dimension) assert.equal(new Set(dimension.values).size, dimension.values.length);
      else assert.ok(dimension.cap <= 1_000, "series are capped");
    }
  });
}

test("no name stands for two metrics", () => {
  const names = DECLARED.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});
