/** Active health checks in a service's main: which endpoints are probed follows from the backends in the configuration. */
import type { BackendConfig } from "#src/config/model.ts";
import type { ConfigUpdate, Rejection } from "#src/config/stream/update.ts";
import { HealthThread } from "#src/health/health-thread.ts";
import { endpointText } from "#src/balance/endpoint.ts";
import { targetKey, targetsOf } from "#src/health/target.ts";
import { counter, type MetricHandles } from "#src/metrics/declaration.ts";
import type { CollectedMetric, CollectedValue } from "#src/metrics/registry.ts";
import { HealthBits } from "#src/memory/health-bits.ts";
import type { Segment } from "#src/memory/segment.ts";
import type { Logger } from "#src/process/logger.ts";

const TYPES = ["tcp", "http"] as const;
const RESULTS = ["ok", "refused", "timeout", "badStatus", "failed"] as const;

export const HEALTH_METRICS = {
  healthChecks: counter(
    "fairway_health_checks_total",
    "Probes of endpoints by their result.",
    { label: "type", values: TYPES },
    { label: "result", values: RESULTS },
  ),
} as const;

/** Endpoints that can be judged at a time; further ones count as up. */
export const HEALTH_TARGETS = 8192;
/** Endpoints with series of their own; of more than these the first ones are shown. */
const SERIES = 1_000;

export interface HealthChecksOptions {
  readonly segment: Segment;
  readonly log: Logger;
  readonly metrics: MetricHandles<typeof HEALTH_METRICS>;
}

export class HealthChecks implements AsyncDisposable {
  readonly #thread: HealthThread;
  readonly #bits: HealthBits;
  #backends: readonly BackendConfig[] = [];

  /** The verdicts, for /metrics. */
  readonly metric: CollectedMetric = {
    type: "gauge",
    name: "fairway_endpoint_healthy",
    help: "Whether the probes of an endpoint hold it up; pool is its backend. Endpoints that are not probed are not here.",
    labels: ["pool", "endpoint"],
    collect: () => this.#verdicts(),
  };

  constructor({ segment, log, metrics }: HealthChecksOptions) {
    this.#bits = new HealthBits(segment);
    this.#thread = new HealthThread({
      segmentFd: segment.fd,
      onTransition: ({ key, verdict, result }) => log.info("endpoint", { target: key, verdict, result }),
      onResult: (type, result) => metrics.healthChecks.add(metrics.healthChecks.seriesOf(type, result), 1),
      onFault: (error) => log.error("health checks have stopped", { reason: error.message }),
    });
  }

  apply({ entries }: ConfigUpdate): Rejection[] {
    const backends = [...entries.values()].flatMap(({ value }): BackendConfig[] =>
      value.kind === "backend" ? [value] : [],
    );
    this.#backends = backends;
    this.#thread.update(targetsOf(backends));
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }

  #verdicts(): CollectedValue[] {
    const probed = this.#backends.filter(({ health }) => health.type !== "none");
    const all = probed.flatMap(({ id, endpoints, health }) =>
      endpoints.map((endpoint) => ({
        labels: { pool: id, endpoint: endpointText(endpoint) },
        value: Number(this.#bits.isHealthy(this.#bits.claim(targetKey(endpoint, health)))),
      })),
    );
    return all.slice(0, SERIES);
  }
}
