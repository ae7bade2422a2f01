/** What mains and data processes of a service have in common: where its series lie, and the handles on a row of them. */
import type { MetricDeclarations, MetricHandles } from "#src/metrics/declaration.ts";
import { bindMetrics } from "#src/metrics/handles.ts";
import { LabelTable } from "#src/metrics/label-table.ts";
import { layoutMetrics, type MetricLayout } from "#src/metrics/layout.ts";
import { counterRow } from "#src/memory/rows.ts";
import { Segment } from "#src/memory/segment.ts";
import { FRAME_METRICS } from "./frame-metrics.ts";
import type { SharedMemoryOptions } from "./service-definition.ts";

/** Alike in every process of the service: it follows from the declarations alone. */
export function layoutService(metrics: MetricDeclarations): MetricLayout {
  return layoutMetrics({ ...metrics, ...FRAME_METRICS });
}

/** A row of slots for the main and each data process, and what the service asked for. */
export function createSegment(
  name: string,
  workers: number,
  layout: MetricLayout,
  wanted: SharedMemoryOptions = { healthTargets: 0, slots: 0, arenaBytes: 0 },
): Segment {
  const { counters, gauges } = layout;
  return Segment.create(`fairway-${name}`, { ...wanted, processes: workers + 1, counters, gauges });
}

export interface Frame<M extends MetricDeclarations> {
  readonly tables: readonly LabelTable[];
  readonly metrics: MetricHandles<M>;
  readonly frameMetrics: MetricHandles<typeof FRAME_METRICS>;
}

export function openFrame<M extends MetricDeclarations>(
  metrics: M,
  layout: MetricLayout,
  segment: Segment,
  row: number,
): Frame<M> {
  const tables = layout.tables.map((dimension) => new LabelTable(dimension));
  const slots = counterRow(segment, row);
  return {
    tables,
    metrics: bindMetrics(metrics, layout, tables, slots),
    frameMetrics: bindMetrics(FRAME_METRICS, layout, tables, slots),
  };
}
