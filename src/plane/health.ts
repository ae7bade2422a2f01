/** Active health checks in a service's main: which endpoints are probed follows from the configuration. */
import type { EntryValue } from "#src/config/model.ts";
import type { ConfigUpdate, Rejection } from "#src/config/stream/update.ts";
import { HealthThread } from "#src/health/health-thread.ts";
import { endpointText } from "#src/balance/endpoint.ts";
import { type Probed, targetKey, targetsOf } from "#src/health/target.ts";
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
  /** What of the configuration is probed. */
  readonly probed: (value: EntryValue) => readonly Probed[];
}

export class HealthChecks implements AsyncDisposable {
  readonly #options: HealthChecksOptions;
  readonly #bits: HealthBits;
  /** Started with the first target: a service that probes nothing has no thread for it. */
  #thread: HealthThread | undefined;
  #probed: readonly Probed[] = [];

  /** The verdicts, for /metrics. */
  readonly metric: CollectedMetric = {
    type: "gauge",
    name: "fairway_endpoint_healthy",
    help: "Whether the probes of an endpoint hold it up; pool is its backend. Endpoints that are not probed are not here.",
    labels: ["pool", "endpoint"],
    collect: () => this.#verdicts(),
  };

  constructor(options: HealthChecksOptions) {
    this.#options = options;
    this.#bits = new HealthBits(options.segment);
  }

  apply({ entries }: ConfigUpdate): Rejection[] {
    this.#probed = [...entries.values()].flatMap(({ value }) => this.#options.probed(value));
    const targets = targetsOf(this.#probed);
    if (targets.length > 0) this.#thread ??= this.#start();
    this.#thread?.update(targets);
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.[Symbol.asyncDispose]();
  }

  #start(): HealthThread {
    const { segment, log, metrics } = this.#options;
    return new HealthThread({
      segmentFd: segment.fd,
      onTransition: ({ key, verdict, result }) => log.info("endpoint", { target: key, verdict, result }),
      onResult: (type, result) => metrics.healthChecks.add(metrics.healthChecks.seriesOf(type, result), 1),
      onFault: (error) => log.error("health checks have stopped", { reason: error.message }),
    });
  }

  /** Each endpoint of a backend once, however many entries have it. */
  #verdicts(): CollectedValue[] {
    const values = new Map<string, CollectedValue>();
    for (const { id, endpoints, health } of this.#probed.filter((each) => each.health.type !== "none")) {
      for (const each of endpoints) {
        const endpoint = endpointText(each);
        const value = Number(this.#bits.isHealthy(this.#bits.claim(targetKey(each, health))));
        values.set(`${id} ${endpoint}`, { labels: { pool: id, endpoint }, value });
        if (values.size === SERIES) return [...values.values()];
      }
    }
    return [...values.values()];
  }
}
