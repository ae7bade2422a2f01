/** What a main answers at its admin endpoint. */
import { buildInfoMetric, processMetrics, restartMetric, tcpSocketMetric } from "#src/metrics/collected.ts";
import type { MetricLayout } from "#src/metrics/layout.ts";
import type { CollectedMetric, MetricsText } from "#src/metrics/registry.ts";
import type { SlotReader } from "#src/metrics/slot-reader.ts";
import { type AdminServer, json, text } from "./admin.ts";
import type { ConfigRelay } from "./config-relay.ts";
import type { DataProcesses } from "./data-processes.ts";
import { VERSION } from "./requirements.ts";

export interface MainState {
  phase: "starting" | "serving" | "stopping";
}

export interface MainParts {
  readonly name: string;
  readonly state: MainState;
  /** How often a supervisor has started the service again. */
  readonly restarts: number;
  readonly unready: () => string | undefined;
  readonly relay: ConfigRelay;
  readonly processes: DataProcesses;
  readonly layout: MetricLayout;
  readonly reader: SlotReader;
  readonly tcpPorts: () => ReadonlySet<number>;
  /** The service's own. */
  readonly collected: () => readonly CollectedMetric[];
}

export function addMainPaths(admin: AdminServer, parts: MainParts): void {
  const { name, state, restarts, relay, processes } = parts;
  admin.add("/livez", () => text(200, "alive"));
  admin.add("/readyz", () => {
    const reason = unreadyReason(parts);
    return reason === undefined ? text(200, "ready") : text(503, reason);
  });
  let registry: MetricsText | undefined;
  admin.add("/metrics", async () => {
    registry ??= await openRegistry(parts);
    return { status: 200, contentType: registry.contentType, body: await registry.render() };
  });
  admin.add("/status", () =>
    json({
      service: name,
      version: VERSION,
      phase: state.phase,
      unready: unreadyReason(parts) ?? null,
      pid: process.pid,
      restarts,
      uptimeSeconds: Math.round(process.uptime()),
      processes: processes.status,
      config: { connected: relay.isConnected, ...relay.status },
    }),
  );
}

function unreadyReason({ state, relay, processes, unready }: MainParts): string | undefined {
  if (state.phase === "stopping") return "stopping";
  if (relay.missing !== undefined) return relay.missing;
  if (state.phase === "starting") return "starting";
  if (processes.readyCount === 0) return "no data process is ready";
  return unready();
}

/** Loaded when first asked for: the Prometheus client costs every start 50 ms. */
async function openRegistry(parts: MainParts): Promise<MetricsText> {
  const { name, restarts, relay, processes, layout, reader, tcpPorts, collected } = parts;
  const { createRegistry } = await import("#src/metrics/registry.ts");
  const measured = [
    buildInfoMetric(name, VERSION),
    restartMetric(restarts),
    ...processMetrics(() => [process.pid, ...processes.pids]),
    tcpSocketMetric(tcpPorts),
    ...relay.metrics(),
    ...collected(),
  ];
  return createRegistry(measured, { layout, reader });
}
