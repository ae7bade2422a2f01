/** The segment of a service: a row of slots for the main and each data process, and what the service asked for. */
import type { MetricLayout } from "#src/metrics/layout.ts";
import { Segment } from "#src/memory/segment.ts";
import type { SharedMemoryOptions } from "./service.ts";

export function createServiceSegment(
  name: string,
  workers: number,
  layout: MetricLayout,
  wanted: SharedMemoryOptions | undefined,
): Segment {
  const { healthTargets, slots, arenaBytes } = wanted ?? { healthTargets: 0, slots: 0, arenaBytes: 0 };
  const { counters, gauges } = layout;
  return Segment.create(`fairway-${name}`, {
    processes: workers + 1,
    counters,
    gauges,
    healthTargets,
    slots,
    arenaBytes,
  });
}
