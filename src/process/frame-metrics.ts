/** What the frame itself counts, in every service. */
import { counter, gauge } from "#src/metrics/declaration.ts";

/** Why a data process ended that had not been asked to. */
const END_REASONS = ["crash", "stuck", "silent", "start"] as const;
export type EndReason = (typeof END_REASONS)[number];

export const FRAME_METRICS = {
  frameExits: counter(
    "fairway_data_process_exits_total",
    "Data processes that ended without being asked to: after serving, stuck in a batch, not answering, or before they were ready.",
    { label: "reason", values: END_REASONS },
  ),
  frameReady: gauge("fairway_data_processes_ready", "Data processes that serve."),
  frameLag: {
    ...gauge("nodejs_eventloop_lag_seconds", "How late the last timer of the process was."),
    perProcess: true,
  },
  frameHeap: { ...gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use."), perProcess: true },
} as const;
