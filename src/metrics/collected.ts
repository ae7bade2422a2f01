/** What the main measures when /metrics is asked: the tree of processes, sockets by state, the build. */
import type { CollectedMetric, CollectedValue } from "./registry.ts";
import { type ProcessFigures, readProcessFigures } from "./process-figures.ts";
import { countTcpStates, TCP_STATES } from "./tcp-states.ts";

const single = (value: number): readonly CollectedValue[] => [{ labels: {}, value }];

/** `pids` with the main first. */
export function processMetrics(pids: () => readonly number[]): readonly CollectedMetric[] {
  const startSeconds = (Date.now() - process.uptime() * 1000) / 1000;
  // One reading of /proc serves all of a scrape's metrics, which are asked at once.
  let reading: Promise<ProcessFigures> | undefined;
  const figures = (): Promise<ProcessFigures> => {
    reading ??= readProcessFigures(pids()).finally(() => (reading = undefined));
    return reading;
  };
  const metric = (
    type: "counter" | "gauge",
    name: string,
    help: string,
    of: (figures: ProcessFigures) => number,
  ): CollectedMetric => ({
    type,
    name,
    help,
    labels: [],
    collect: async () => single(of(await figures())),
  });
  return [
    metric(
      "counter",
      "process_cpu_seconds_total",
      "CPU time of the service's processes, in seconds.",
      (one) => one.cpuSeconds,
    ),
    metric(
      "gauge",
      "process_resident_memory_bytes",
      "Memory of the service's processes, what they share counted once.",
      (one) => one.residentBytes,
    ),
    metric(
      "gauge",
      "process_virtual_memory_bytes",
      "Address space of the service's processes.",
      (one) => one.virtualBytes,
    ),
    metric("gauge", "process_open_fds", "Open file descriptors of the service's processes.", (one) => one.openFds),
    metric("gauge", "process_max_fds", "File descriptors that each process may open.", (one) => one.maxFds),
    metric("gauge", "process_threads", "Threads of the service's processes.", (one) => one.threads),
    metric(
      "gauge",
      "process_start_time_seconds",
      "When the service's main started, seconds since 1970.",
      () => startSeconds,
    ),
  ];
}

/** Starts of the service's main after its first. */
export function restartMetric(restarts: number): CollectedMetric {
  return {
    type: "counter",
    name: "fairway_service_restarts_total",
    help: "How often fairway up has started this service again after its main had ended.",
    labels: [],
    collect: () => single(restarts),
  };
}

/** `ports`: those that the service listens at, asked anew each time. */
export function tcpSocketMetric(ports: () => ReadonlySet<number>): CollectedMetric {
  return {
    type: "gauge",
    name: "fairway_tcp_sockets",
    help: "TCP sockets at the service's own ports, by state.",
    labels: ["state"],
    collect: async () => {
      const counts = await countTcpStates(ports());
      return TCP_STATES.map((state, i) => ({ labels: { state }, value: counts[i]! }));
    },
  };
}

export function buildInfoMetric(service: string, version: string): CollectedMetric {
  return {
    type: "gauge",
    name: "fairway_build_info",
    help: "Always 1; what runs stands in the labels.",
    labels: ["service", "version", "node"],
    collect: () => [{ labels: { service, version, node: process.versions.node }, value: 1 }],
  };
}
