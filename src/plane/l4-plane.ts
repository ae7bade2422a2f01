/** TCP and UDP ports of a data process with what they count and log. */
import { L4Accounts } from "#src/balance/l4/l4-accounts.ts";
import { L4Log } from "#src/balance/l4/l4-log.ts";
import type { L4_METRICS } from "#src/balance/l4/l4-metrics.ts";
import { L4Ports } from "#src/balance/l4/l4-ports.ts";
import type { Engine } from "#src/config/model.ts";
import type { ConfigUpdate, Observation, Rejection } from "#src/config/stream/update.ts";
import type { MetricHandles } from "#src/metrics/declaration.ts";
import type { LineWriter } from "#src/process/line-writer.ts";
import type { Tcp } from "#src/reactor/tcp.ts";
import type { Backends } from "./backends.ts";
import { ownOptions } from "./own-options.ts";

export interface L4PlaneOptions {
  readonly engine: Engine;
  readonly tcp: Tcp;
  readonly backends: Backends;
  readonly metrics: MetricHandles<typeof L4_METRICS>;
  readonly writer: LineWriter;
  readonly bind: readonly string[];
  readonly observe: (observation: Observation) => void;
}

export class L4Plane implements Disposable {
  readonly #engine: Engine;
  readonly #log: L4Log;
  readonly #ports: L4Ports;

  constructor(options: L4PlaneOptions) {
    const { engine, tcp, backends, metrics, writer, bind, observe } = options;
    this.#engine = engine;
    this.#log = new L4Log({ writer, wall: Date.now });
    this.#ports = new L4Ports({
      engine,
      tcp,
      poolOf: (key) => backends.poolOf(key),
      observer: new L4Accounts({ metrics, onRecord: (record) => this.#log.write(record) }),
      bind,
      observe,
    });
  }

  /** Backends are applied by their holder, before. */
  apply(update: ConfigUpdate): Rejection[] {
    const own = ownOptions(this.#engine, update.entries);
    if (own !== undefined) this.#log.configure(own.accessLog);
    return this.#ports.apply(update);
  }

  drain(): Promise<void> {
    return this.#ports.drain();
  }

  [Symbol.dispose](): void {
    this.#ports[Symbol.dispose]();
  }
}
