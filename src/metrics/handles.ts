/** What counts: a declaration bound to a process's row. Hot calls are one or two plain additions into it. */
import type { Counter, Gauge, Histogram, MetricDeclarations, MetricHandles } from "./declaration.ts";
import type { LabelTable } from "./label-table.ts";
import type { MetricLayout, MetricPlace } from "./layout.ts";

/** Handles for every metric of the layout that `declarations` names. `row` holds the process's slots. */
export function bindMetrics<M extends MetricDeclarations>(
  declarations: M,
  layout: MetricLayout,
  tables: readonly LabelTable[],
  row: Float64Array,
): MetricHandles<M> {
  const handles: Record<string, Slots> = {};
  for (const name of Object.keys(declarations)) {
    const place = layout.metrics.get(name);
    if (place === undefined) throw new Error(`Cannot bind the metric ${name}: it is not in the layout`);
    handles[name] =
      place.declaration.type === "histogram"
        ? new HistogramSlots(place, tables, row)
        : new ValueSlots(place, tables, row);
  }
  if (!hasHandles(declarations, handles)) throw new Error("Cannot bind the metrics: one has no handle");
  return handles;
}

function hasHandles<M extends MetricDeclarations>(declarations: M, handles: object): handles is MetricHandles<M> {
  return Object.keys(declarations).every((name) => name in handles);
}

class Slots {
  protected readonly place: MetricPlace;
  protected readonly row: Float64Array;
  protected readonly base: number;
  readonly #tables: readonly LabelTable[];

  constructor(place: MetricPlace, tables: readonly LabelTable[], row: Float64Array) {
    this.place = place;
    this.row = row;
    this.base = place.base;
    this.#tables = tables;
  }

  get strides(): readonly number[] {
    return this.place.strides;
  }

  seriesOf(...values: readonly (string | readonly string[])[]): number {
    const { declaration, strides } = this.place;
    if (values.length !== strides.length) {
      throw new Error(
        `Cannot find a series of ${declaration.name}: it has ${strides.length} dimensions, not ${values.length}`,
      );
    }
    let series = 0;
    for (const [i, value] of values.entries()) series += this.#indexOf(i, value) * strides[i]!;
    return series;
  }

  #indexOf(dimension: number, value: string | readonly string[]): number {
    const { declaration } = this.place;
    const one = declaration.dimensions[dimension]!;
    if ("cap" in one) {
      const table = this.#tables.find((candidate) => candidate.dimension === one);
      return table?.indexOf(typeof value === "string" ? [value] : value) ?? 0;
    }
    const index = typeof value === "string" ? one.values.indexOf(value) : -1;
    if (index < 0)
      throw new Error(`Cannot find a series of ${declaration.name}: ${one.label} is never ${String(value)}`);
    return index;
  }
}

class ValueSlots extends Slots implements Counter, Gauge {
  add(series: number, amount: number): void {
    this.row[this.base + series]! += amount;
  }

  set(series: number, value: number): void {
    this.row[this.base + series] = value;
  }
}

class HistogramSlots extends Slots implements Histogram {
  readonly #bounds: Float64Array;
  readonly #width: number;

  constructor(place: MetricPlace, tables: readonly LabelTable[], row: Float64Array) {
    super(place, tables, row);
    this.#bounds = Float64Array.from(place.declaration.type === "histogram" ? place.declaration.buckets : []);
    this.#width = place.width;
  }

  /** Counts in the one bucket that holds the value (they are summed up when read), and adds to the sum, the last slot. */
  observe(series: number, value: number, times = 1): void {
    const bounds = this.#bounds;
    const at = this.base + series * this.#width;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.row[at + bucket]! += times;
    this.row[at + this.#width - 1]! += value * times;
  }
}
