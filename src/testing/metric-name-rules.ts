/** The naming rules of metrics (Prometheus' own, and ours of units), for whatever shows some. */
import assert from "node:assert/strict";

export interface NamedMetric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

export function assertNamedByRules({ name, type, help, labels }: NamedMetric): void {
  assert.match(name, /^fairway_[a-z0-9]+(_[a-z0-9]+)*$/);
  assert.equal(name.endsWith("_total"), type === "counter", "counters, and they alone, end in _total");
  if (type === "histogram") assert.match(name, /_(seconds|bytes)$/, "a histogram names its base unit");
  assert.doesNotMatch(name, /_(ms|milliseconds|microseconds|kb|mb|kilobytes|megabytes|minutes|percent)(_|$)/);
  assert.match(help, /^[A-Z1].*\.$/, "the help is a sentence");
  for (const label of labels) assert.match(label, /^(?!le$|quantile$)[a-z][a-z0-9_]*$/);
}
