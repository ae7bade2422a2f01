/** What a data process tells about its requests: counters in its row, and the access log on standard output. */
import type { Engine } from "#src/config/model.ts";
import type { ConfigUpdate } from "#src/config/stream/update.ts";
import { AccessLog } from "#src/http/engine/access-log.ts";
import type { HTTP_METRICS } from "#src/http/engine/http-metrics.ts";
import { HttpObserver } from "#src/http/engine/http-observer.ts";
import type { MetricHandles } from "#src/metrics/declaration.ts";
import { type Clock, systemClock } from "#src/process/clock.ts";
import { LineWriter } from "#src/process/line-writer.ts";
import type { Poller } from "#src/reactor/poller.ts";
import { ownOptions } from "./own-options.ts";

const STDOUT = 1;
const OFF = { mode: "off", sampleEvery: 1 } as const;

export class HttpLog implements AsyncDisposable {
  readonly writer = new LineWriter({ fd: STDOUT });
  readonly observer: HttpObserver;
  readonly #engine: Engine;
  readonly #log: AccessLog;

  constructor(engine: Engine, metrics: MetricHandles<typeof HTTP_METRICS>, poller: Poller) {
    const clock: Clock = { now: () => poller.now, wall: () => systemClock.wall() };
    this.#engine = engine;
    this.#log = new AccessLog({ writer: this.writer, clock, settings: OFF });
    this.observer = new HttpObserver({ metrics, accessLog: this.#log, clock });
  }

  apply({ entries }: ConfigUpdate): void {
    const own = ownOptions(this.#engine, entries);
    if (own !== undefined) this.#log.configure(own.accessLog);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.writer[Symbol.asyncDispose]();
  }
}
