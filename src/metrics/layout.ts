/** Which slot of a process's row each series is. Computed from the declarations, so alike in every process. */
import type { CappedDimension, Dimension, MetricDeclaration, MetricDeclarations } from "./declaration.ts";
import { indexesOf } from "./label-table.ts";

export interface MetricLayout {
  /** Slots that only grow, then slots that go up and down: what a segment's rows are made of. */
  readonly counters: number;
  readonly gauges: number;
  readonly metrics: ReadonlyMap<string, MetricPlace>;
  /** Capped dimensions in the order of their first use: the index is the label table's. */
  readonly tables: readonly CappedDimension[];
}

export interface MetricPlace {
  readonly declaration: MetricDeclaration;
  /** Slot of series 0. */
  readonly base: number;
  /** Slots of one series: 1, or for a histogram its buckets, +Inf and the sum. */
  readonly width: number;
  readonly series: number;
  /** How many values each dimension has, `other` included. */
  readonly sizes: readonly number[];
  /** What one step of each dimension is worth in a series number; the last dimension's is 1. */
  readonly strides: readonly number[];
}

export function layoutMetrics(declarations: MetricDeclarations): MetricLayout {
  const metrics = new Map<string, MetricPlace>();
  const tables: CappedDimension[] = [];
  const places = Object.entries(declarations).map(([name, declaration]) => ({ name, ...shapeOf(declaration) }));
  let next = 0;
  let counters = 0;
  for (const isGauge of [false, true]) {
    for (const { name, ...shape } of places.filter(({ declaration }) => (declaration.type === "gauge") === isGauge)) {
      metrics.set(name, { ...shape, base: next });
      next += shape.series * shape.width;
    }
    if (!isGauge) counters = next;
  }
  for (const { declaration } of places) {
    for (const dimension of declaration.dimensions) {
      if ("cap" in dimension && !tables.includes(dimension)) tables.push(dimension);
    }
  }
  return { counters, gauges: next - counters, metrics, tables };
}

function shapeOf(declaration: MetricDeclaration): Omit<MetricPlace, "base"> {
  const sizes = declaration.dimensions.map(sizeOf);
  const strides = sizes.map((_, i) => sizes.slice(i + 1).reduce((product, size) => product * size, 1));
  const series = sizes.reduce((product, size) => product * size, 1);
  const width = declaration.type === "histogram" ? declaration.buckets.length + 2 : 1;
  return { declaration, width, series, sizes, strides };
}

const sizeOf = (dimension: Dimension): number => ("cap" in dimension ? indexesOf(dimension) : dimension.values.length);
