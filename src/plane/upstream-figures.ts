/** How many connections to backends a data process has, brought to its row of metrics once a second. */
import { gauge, type MetricHandles } from "#src/metrics/declaration.ts";

export const UPSTREAM_METRICS = {
  upstreamConnections: gauge(
    "fairway_upstream_connections",
    "HTTP connections to endpoints: active ones carry a request or are being opened, idle ones wait for the next.",
    { label: "state", values: ["active", "idle"] },
  ),
} as const;

export interface ConnectionCounts {
  /** Connections of all backends now. */
  readonly connections: readonly [active: number, idle: number];
}

const PERIOD_MS = 1_000;

export class UpstreamFigures implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(backends: ConnectionCounts, { upstreamConnections }: MetricHandles<typeof UPSTREAM_METRICS>) {
    this.#timer = setInterval(() => {
      const [active, idle] = backends.connections;
      upstreamConnections.set(upstreamConnections.seriesOf("active"), active);
      upstreamConnections.set(upstreamConnections.seriesOf("idle"), idle);
    }, PERIOD_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
