/** The config_* metrics of a main. */
import type { ConfigOrigin } from "#src/config/stream/replica-client.ts";
import type { CollectedMetric, CollectedValue } from "#src/metrics/registry.ts";

export interface RelayFigures {
  /** All of the last configuration is in use. */
  readonly isWhole: () => boolean;
  /** Seconds since 1970. */
  readonly changedAt: () => number;
  readonly updates: () => number;
  readonly rejected: () => number;
  readonly origin: () => ConfigOrigin;
  /** Connected ones. */
  readonly servers: () => number;
  /** Seconds since 1970; undefined: none is kept. */
  readonly snapshotAt: () => number | undefined;
}

export function relayMetrics(figures: RelayFigures): readonly CollectedMetric[] {
  const { isWhole, changedAt, updates, rejected, origin, servers, snapshotAt } = figures;
  return [
    gauge("fairway_config_last_reload_success", "Whether all of the last configuration is in use.", () =>
      Number(isWhole()),
    ),
    gauge(
      "fairway_config_last_reload_timestamp_seconds",
      "When the last change was taken, seconds since 1970.",
      changedAt,
    ),
    gauge("fairway_config_generation", "How many changes of the configuration this service has taken.", updates),
    gauge(
      "fairway_config_entries_rejected",
      "Entries that could not be used; their previous versions go on.",
      rejected,
    ),
    gauge("fairway_config_stream_connected", "Whether a server of the config stream can be reached.", () =>
      Math.min(1, servers()),
    ),
    gauge("fairway_config_servers_connected", "Servers of the config stream that are connected.", servers),
    {
      type: "gauge",
      name: "fairway_config_source",
      help: "1 for where the configuration in use came from: a server, or the file that a restart begins with.",
      labels: ["source"],
      collect: () =>
        ["stream", "snapshot"].map((source) => ({ labels: { source }, value: Number(origin() === source) })),
    },
    {
      type: "gauge",
      name: "fairway_config_snapshot_timestamp_seconds",
      help: "When the last configuration was written to its file, seconds since 1970; 0: not since the start.",
      labels: [],
      collect: () => seriesOf(snapshotAt()),
    },
  ];
}

function gauge(name: string, help: string, value: () => number): CollectedMetric {
  return { type: "gauge", name, help, labels: [], collect: () => seriesOf(value()) };
}

function seriesOf(value: number | undefined): CollectedValue[] {
  return value === undefined ? [] : [{ labels: {}, value }];
}
