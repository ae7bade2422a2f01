/** Counts what the engine tells into slots and hands ended exchanges to the access log. Allocates for new targets only. */
import type { MetricHandles } from "#src/metrics/declaration.ts";
import type { Clock } from "#src/process/clock.ts";
import type { Exchange, ExchangeNotes } from "../exchange.ts";
import type { AccessLog } from "./access-log.ts";
import { COUNTED_STATUSES, type HTTP_METRICS, NO_CODE, OTHER_CODE, REFUSED_REASONS } from "./http-metrics.ts";
import type { EngineObserver, FinishedExchange } from "./services.ts";

export interface HttpObserverOptions {
  readonly metrics: MetricHandles<typeof HTTP_METRICS>;
  readonly accessLog: AccessLog;
  /** Of the same kind as the loop's: Exchange.startedAt is read against it. */
  readonly clock: Clock;
}

/** Which series a target has is asked again after this time: configuration may have given it another one. */
const REMEMBER_MS = 1000;
const MAX_STATUS = 600;

/** Index of a status among the values of the label `code`. */
const CODE_OF = new Uint8Array(MAX_STATUS).fill(OTHER_CODE);
for (const [index, status] of COUNTED_STATUSES.entries()) CODE_OF[status] = index;
CODE_OF[0] = NO_CODE;

type TargetSeries = Map<string, number>;

export class HttpObserver implements EngineObserver {
  readonly #metrics: MetricHandles<typeof HTTP_METRICS>;
  readonly #accessLog: AccessLog;
  readonly #clock: Clock;
  readonly #refused = new Map<string, number>();
  /** By gateway, route and backend. */
  readonly #series = new Map<string, Map<string, TargetSeries>>();
  readonly #requestStrides: readonly number[];
  readonly #connectionStrides: readonly number[];
  #forgetAt = 0;
  #logDropped = 0;
  // The last target: the next one is often the same.
  #gateway = "";
  #route = "";
  #backend = "";
  #target = -1;

  constructor(options: HttpObserverOptions) {
    this.#metrics = options.metrics;
    this.#accessLog = options.accessLog;
    this.#clock = options.clock;
    this.#requestStrides = options.metrics.httpRequests.strides;
    this.#connectionStrides = options.metrics.httpConnections.strides;
    for (const reason of REFUSED_REASONS) this.#refused.set(reason, options.metrics.httpRefused.seriesOf(reason));
  }

  onConnection(version: "h1" | "h2", secure: boolean): void {
    const series = this.#connectionSeries(version, secure);
    this.#metrics.httpAccepted.add(series, 1);
    this.#metrics.httpConnections.add(series, 1);
  }

  onConnectionEnd(version: "h1" | "h2", secure: boolean): void {
    this.#metrics.httpConnections.add(this.#connectionSeries(version, secure), -1);
  }

  onRequest(_exchange: Exchange): void {
    this.#metrics.httpInFlight.add(0, 1);
  }

  onFinish(exchange: FinishedExchange): void {
    const { notes, request, status } = exchange;
    const now = this.#clock.now();
    const durationMs = Math.max(0, now - exchange.startedAt);
    const target = this.#targetOf(notes, now);
    const metrics = this.#metrics;
    const strides = this.#requestStrides;
    const code = status < MAX_STATUS ? CODE_OF[status]! : OTHER_CODE;
    metrics.httpInFlight.add(0, -1);
    metrics.httpRequests.add(target * strides[0]! + request.method * strides[1]! + code * strides[2]!, 1);
    metrics.httpDuration.observe(target, durationMs / 1000);
    if (notes.upstreamMs >= 0) metrics.httpUpstreamDuration.observe(target, notes.upstreamMs / 1000);
    if (exchange.bytesIn > 0) metrics.httpRequestBytes.add(target, exchange.bytesIn);
    if (exchange.bytesOut > 0) metrics.httpResponseBytes.add(target, exchange.bytesOut);
    if (notes.retries > 0) metrics.httpRetries.add(target, notes.retries);
    if (exchange.aborted !== "") metrics.httpAborted.add(metrics.httpAborted.seriesOf(exchange.aborted), 1);
    this.#accessLog.onFinish(exchange, durationMs);
    if (this.#accessLog.dropped !== this.#logDropped) this.#countDropped();
  }

  onRefused(reason: string): void {
    this.#metrics.httpRefused.add(this.#refused.get(reason) ?? this.#refused.get("other")!, 1);
  }

  #connectionSeries(version: "h1" | "h2", secure: boolean): number {
    const strides = this.#connectionStrides;
    return (version === "h2" ? strides[0]! : 0) + (secure ? strides[1]! : 0);
  }

  #countDropped(): void {
    this.#metrics.httpLogDropped.add(0, this.#accessLog.dropped - this.#logDropped);
    this.#logDropped = this.#accessLog.dropped;
  }

  /** Series of the target in every metric whose only dimension it is. */
  #targetOf({ gateway, route, backend }: ExchangeNotes, now: number): number {
    const isOld = now >= this.#forgetAt;
    if (
      !isOld &&
      gateway === this.#gateway &&
      route === this.#route &&
      backend === this.#backend &&
      this.#target >= 0
    ) {
      return this.#target;
    }
    if (isOld) {
      this.#series.clear();
      this.#forgetAt = now + REMEMBER_MS;
    }
    this.#gateway = gateway;
    this.#route = route;
    this.#backend = backend;
    this.#target = this.#series.get(gateway)?.get(route)?.get(backend) ?? this.#learn(gateway, route, backend);
    return this.#target;
  }

  #learn(gateway: string, route: string, backend: string): number {
    let routes = this.#series.get(gateway);
    if (routes === undefined) this.#series.set(gateway, (routes = new Map<string, TargetSeries>()));
    let backends = routes.get(route);
    if (backends === undefined) routes.set(route, (backends = new Map<string, number>()));
    const series = this.#metrics.httpDuration.seriesOf([gateway, route, backend]);
    backends.set(backend, series);
    return series;
  }
}
