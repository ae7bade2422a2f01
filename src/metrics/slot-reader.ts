/** From slots back to series: what the registry shows of shared rows. */
import type { Dimension } from "./declaration.ts";
import type { LabelTable } from "./label-table.ts";
import type { MetricLayout, MetricPlace } from "./layout.ts";

/** The rows, as the main sees them (`Rows` of src/memory). */
export interface SlotSums {
  /** Over all processes, ended ones included. */
  sum(slot: number): number;
  get(row: number, slot: number): number;
}

export interface SeriesValue {
  readonly labels: Readonly<Record<string, string>>;
  /** The metric's slots, one, or for a histogram each bucket's own count, +Inf's, and the sum. */
  readonly slots: readonly number[];
}

export class SlotReader {
  readonly #rows: SlotSums;
  readonly #processes: number;
  readonly #layout: MetricLayout;
  readonly #tables: readonly LabelTable[];
  /** What a slot held when its labels began to mean something else. */
  readonly #before = new Map<number, number>();

  constructor(rows: SlotSums, processes: number, layout: MetricLayout, tables: readonly LabelTable[]) {
    this.#rows = rows;
    this.#processes = processes;
    this.#layout = layout;
    this.#tables = tables;
  }

  /** An index of a label table names something new: its series begin at 0 again. */
  restart(table: LabelTable, index: number): void {
    for (const place of this.#layout.metrics.values()) {
      if (place.declaration.type === "gauge") continue;
      const dimension = place.declaration.dimensions.indexOf(table.dimension);
      if (dimension < 0) continue;
      for (let series = 0; series < place.series; series++) {
        if (indexIn(place, series, dimension) !== index) continue;
        const first = place.base + series * place.width;
        for (let slot = first; slot < first + place.width; slot++) this.#before.set(slot, this.#rows.sum(slot));
      }
    }
  }

  /** Every series of closed labels from the start, so that a rate is seen from the first event; of configured ones those that counted. */
  *read(place: MetricPlace): Generator<SeriesValue> {
    const { declaration } = place;
    const isClosed = declaration.dimensions.every((dimension) => !("cap" in dimension));
    for (let series = 0; series < place.series; series++) {
      const slot = place.base + series * place.width;
      const slots = Array.from({ length: place.width }, (_, i) => this.#sum(slot + i));
      if (!isClosed && slots.every((value) => value === 0)) continue;
      const labels = this.#labelsOf(place, series);
      if (labels === undefined) continue;
      if (declaration.type === "gauge" && declaration.perProcess === true) {
        for (let row = 0; row < this.#processes; row++) {
          yield { labels: { ...labels, process: processLabel(row) }, slots: [this.#rows.get(row, slot)] };
        }
      } else {
        yield { labels, slots };
      }
    }
  }

  #sum(slot: number): number {
    return this.#rows.sum(slot) - (this.#before.get(slot) ?? 0);
  }

  #labelsOf(place: MetricPlace, series: number): Record<string, string> | undefined {
    const labels: Record<string, string> = {};
    for (const [i, dimension] of place.declaration.dimensions.entries()) {
      const index = indexIn(place, series, i);
      if ("cap" in dimension) {
        const tuple = this.#tables.find((table) => table.dimension === dimension)?.tupleAt(index);
        if (tuple === undefined) return undefined;
        for (const [at, label] of dimension.labels.entries()) labels[label] = tuple[at] ?? "";
      } else {
        labels[dimension.label] = dimension.values[index]!;
      }
    }
    return labels;
  }
}

/** Names of all labels of a metric. */
export function labelNamesOf(dimensions: readonly Dimension[], perProcess: boolean): string[] {
  const names = dimensions.flatMap((dimension) => ("cap" in dimension ? dimension.labels : dimension.label));
  return perProcess ? [...names, "process"] : names;
}

/** Row 0 is the main's. */
const processLabel = (row: number): string => (row === 0 ? "main" : String(row - 1));

const indexIn = (place: MetricPlace, series: number, dimension: number): number =>
  Math.floor(series / place.strides[dimension]!) % place.sizes[dimension]!;
