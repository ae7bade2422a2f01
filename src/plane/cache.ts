/** The edge's cache in a service: its metrics, its memory, the half in the main and the stage in front of a rule's backends. */
import { ForwardedFields } from "#src/balance/l7/forwarded-fields.ts";
import type { RouteSources } from "#src/balance/l7/compile-routes.ts";
import { CacheStage } from "#src/cache/request.ts";
import { MAX_OBJECT_BYTES } from "#src/cache/route.ts";
import { type CacheRuntime, makeCacheMain, makeCacheRuntime } from "#src/cache/runtime.ts";
import type { CacheOutcome } from "#src/cache/counters.ts";
import { hash } from "node:crypto";
import { counter, gauge, type MetricHandles } from "#src/metrics/declaration.ts";
import { SPAN_BYTES } from "#src/memory/layout.ts";
import type { Segment } from "#src/memory/segment.ts";
import type { SharedMemoryOptions } from "#src/process/service-definition.ts";
import type { Poller } from "#src/reactor/poller.ts";

const OUTCOMES: readonly CacheOutcome[] = ["hit", "miss", "stale", "revalidated", "bypass", "collapsed"];
const TIER = { label: "tier", values: ["memory"] } as const;
const REASONS = ["full", "window", "fragmented"] as const;

export const CACHE_METRICS = {
  cacheRequests: counter("fairway_cache_requests_total", "Requests by what the cache did.", {
    label: "status",
    values: OUTCOMES,
  }),
  cacheOriginBytes: counter(
    "fairway_cache_origin_bytes_total",
    "Body bytes from origins for requests that the cache did not pass.",
  ),
  cacheBytes: gauge("fairway_cache_bytes", "Memory of stored responses.", TIER),
  cacheObjects: gauge("fairway_cache_objects", "Stored responses.", TIER),
  cacheEvictions: counter("fairway_cache_evictions_total", "Responses put out before their time.", {
    label: "reason",
    values: REASONS,
  }),
} as const;

type Handles = MetricHandles<typeof CACHE_METRICS>;

/** A slot for each 4 KiB of memory: most objects are larger. */
const BYTES_PER_SLOT = 4096;
const FIGURES_MS = 1_000;

/** Shared memory for a cache of `bytes`. */
export function cacheMemory(bytes: number): Pick<SharedMemoryOptions, "slots" | "arenaBytes"> {
  return {
    slots: 2 ** Math.ceil(Math.log2(bytes / BYTES_PER_SLOT)),
    arenaBytes: Math.ceil(bytes / SPAN_BYTES) * SPAN_BYTES,
  };
}

export interface CacheOwnerOptions {
  readonly poller: Poller;
  readonly segment: Segment;
  readonly wakeFds: readonly number[];
  readonly metrics: Handles;
}

/** The half in the main: owns the memory, and brings its figures to the metrics. */
export class CacheOwner implements Disposable {
  readonly #cache: ReturnType<typeof makeCacheMain>;
  readonly #metrics: Handles;
  readonly #timer: NodeJS.Timeout;
  readonly #evictions = new Map<string, number>();

  constructor(options: CacheOwnerOptions) {
    this.#cache = makeCacheMain(options);
    this.#metrics = options.metrics;
    this.#timer = setInterval(() => this.#report(), FIGURES_MS);
  }

  /** A data process has ended: what it held is taken back. */
  ended(row: number): void {
    this.#cache.ended(row);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#cache[Symbol.dispose]();
  }

  #report(): void {
    const { bytes, objects, evictions } = this.#cache.figures();
    const { cacheBytes, cacheObjects, cacheEvictions } = this.#metrics;
    cacheBytes.set(cacheBytes.seriesOf("memory"), bytes);
    cacheObjects.set(cacheObjects.seriesOf("memory"), objects);
    for (const reason of REASONS) {
      const before = this.#evictions.get(reason) ?? 0;
      cacheEvictions.add(cacheEvictions.seriesOf(reason), evictions[reason] - before);
      this.#evictions.set(reason, evictions[reason]);
    }
  }
}

export interface CacheUserOptions {
  readonly poller: Poller;
  readonly segment: Segment;
  readonly row: number;
  readonly mainWakeFd: number;
  readonly wakeFd: number;
  readonly metrics: Handles;
}

/** The half in a data process. */
export class CacheUser implements Disposable {
  readonly #runtime: CacheRuntime;
  readonly #forwarded = new ForwardedFields();

  constructor(options: CacheUserOptions) {
    const { cacheRequests, cacheOriginBytes } = options.metrics;
    const series = new Map(OUTCOMES.map((outcome) => [outcome, cacheRequests.seriesOf(outcome)]));
    this.#runtime = makeCacheRuntime({
      ...options,
      counters: {
        onOutcome: (outcome) => cacheRequests.add(series.get(outcome)!, 1),
        onOriginBytes: (bytes) => cacheOriginBytes.add(0, bytes),
      },
    });
  }

  /** Makes the stage in front of a rule's backends. */
  readonly front: NonNullable<RouteSources["front"]> = (route, rule, upstream) =>
    new CacheStage(this.#runtime.process, {
      partition: partitionOf(`${route.id} ${route.rules.indexOf(rule)}`),
      pool: upstream,
      chosen: upstream,
      editRequest: (exchange, edits) => this.#forwarded.fill(exchange, edits),
      headTimeoutMs: rule.backendTimeoutMs,
      requestTimeoutMs: rule.requestTimeoutMs,
      maxObjectBytes: MAX_OBJECT_BYTES,
    });

  [Symbol.dispose](): void {
    this.#runtime[Symbol.dispose]();
  }
}

/** The same number for the same rule in every process. */
const partitionOf = (rule: string): number => Number.parseInt(hash("sha256", rule).slice(0, 8), 16) | 0;
