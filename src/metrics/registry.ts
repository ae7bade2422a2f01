/** The text of `/metrics`: shared slots and what is measured when asked, in one registry of the Prometheus client. */
import {
  Counter,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValueWithName,
  Registry,
} from "@prometheus-io/client";
import type { MetricLayout } from "./layout.ts";
import { labelNamesOf, type SeriesValue, type SlotReader } from "./slot-reader.ts";

/** A figure that is found out when it is asked for: from /proc, from the configuration's state. */
export type CollectedMetric = CollectedFigure | CollectedHistogram;

export interface CollectedFigure {
  readonly type: "counter" | "gauge";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly collect: () => Iterable<CollectedValue> | Promise<Iterable<CollectedValue>>;
}

interface CollectedHistogram {
  readonly type: "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds in ascending order, without +Inf. */
  readonly buckets: readonly number[];
  readonly collect: () => Iterable<SeriesValue>;
}

export interface CollectedValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricsText {
  readonly contentType: string;
  /** The exposition as it stands now. */
  render(): Promise<string>;
}

/** Series in shared slots, of a service with data processes. */
export interface SlotMetrics {
  readonly layout: MetricLayout;
  readonly reader: SlotReader;
}

export function createRegistry(collected: readonly CollectedMetric[], slots?: SlotMetrics): MetricsText {
  const registry = new Registry();
  if (slots !== undefined) registerSlots(registry, slots);
  for (const metric of collected) register(registry, metric);
  return { contentType: registry.contentType, render: () => registry.metrics() };
}

function registerSlots(registry: Registry, { layout, reader }: SlotMetrics): void {
  for (const place of layout.metrics.values()) {
    const { declaration } = place;
    if (declaration.type === "histogram") {
      const labels = labelNamesOf(declaration.dimensions, false);
      register(registry, { ...declaration, labels, collect: () => reader.read(place) });
      continue;
    }
    const isPerProcess = declaration.type === "gauge" && declaration.perProcess === true;
    register(registry, {
      ...declaration,
      labels: labelNamesOf(declaration.dimensions, isPerProcess),
      collect: () => reader.read(place).map(({ labels, slots }) => ({ labels, value: slots[0]! })),
    });
  }
}

function register(registry: Registry, metric: CollectedMetric): void {
  if (metric.type === "histogram") {
    registry.registerMetric(new SlotHistogram(metric));
    return;
  }
  const { name, help, labels: labelNames, collect } = metric;
  const common = { name, help, labelNames, registers: [registry] };
  if (metric.type === "counter") {
    const counter = new Counter({
      ...common,
      async collect() {
        const values = await collect();
        counter.reset();
        for (const { labels, value } of values) counter.inc(labels, value);
      },
    });
  } else {
    const gauge = new Gauge({
      ...common,
      async collect() {
        const values = await collect();
        gauge.reset();
        for (const { labels, value } of values) gauge.set(labels, value);
      },
    });
  }
}

/** The client's histogram counts for itself; this one shows what others counted. */
class SlotHistogram extends Histogram<string> {
  readonly #metric: CollectedHistogram;

  constructor(metric: CollectedHistogram) {
    const { name, help, buckets, labels } = metric;
    super({ name, help, buckets: [...buckets], labelNames: labels, registers: [] });
    this.#metric = metric;
  }

  override get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const { name, help, buckets, collect } = this.#metric;
    const values: MetricValueWithName<string>[] = [];
    for (const { labels, slots } of collect()) {
      let count = 0;
      for (const [i, bound] of [...buckets, "+Inf"].entries()) {
        count += slots[i]!;
        values.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: count });
      }
      values.push({ metricName: `${name}_sum`, labels, value: slots.at(-1)! });
      values.push({ metricName: `${name}_count`, labels, value: count });
    }
    const shown = { name, help, type: "histogram", aggregator: "sum", values } as const;
    return Promise.resolve({ ...shown, collect: () => {} });
  }

  /** What the client's registry asks in place of `get` when it writes text. */
  getForPromString(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    return this.get();
  }
}
