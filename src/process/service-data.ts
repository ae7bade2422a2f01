/** A data process of a service: builds its part, takes the configuration, serves, drains and ends. */
import { Socket } from "node:net";
import { ConfigClient } from "#src/config/stream/client.ts";
import type { Command, ConfigUpdate, Rejection } from "#src/config/stream/update.ts";
import type { MetricDeclarations } from "#src/metrics/declaration.ts";
import type { LabelTable, TableImage } from "#src/metrics/label-table.ts";
import { Segment } from "#src/memory/segment.ts";
import { saveCompileCache } from "./compile-cache.ts";
import { MAIN_WAKE_FD, MEMORY_FD, OWN_WAKE_FD, STREAM_FD } from "./data-process-setup.ts";
import { watchEventLoop } from "./event-loop-lag.ts";
import { sentenceOf } from "./fault.ts";
import { type Frame, layoutService, openFrame } from "./frame.ts";
import { createLogger, type Logger } from "./logger.ts";
import type { Options } from "./option.ts";
import { DRAIN_COMMAND, FAULT_STATE, LABELS_COMMAND, PROCESS_KEY, READY_STATE } from "./process-messages.ts";
import type { DataPart, ServiceDefinition } from "./service-definition.ts";
import type { ServiceOptionValues } from "./service-main.ts";
import { handleSignals } from "./stop-signals.ts";

export interface ServiceDataSetup<O extends Options> {
  readonly index: number;
  readonly workers: number;
  readonly options: ServiceOptionValues<O>;
}

export class ServiceData<O extends Options, M extends MetricDeclarations> {
  readonly #definition: ServiceDefinition<O, M>;
  readonly #setup: ServiceDataSetup<O>;
  readonly #log: Logger;
  readonly #segment: Segment;
  readonly #frame: Frame<M>;
  readonly #client: ConfigClient;
  readonly #abort = new AbortController();
  /** The part, as soon as it is built: updates that come before wait for it. */
  readonly #part = Promise.withResolvers<DataPart>();
  /** The exit code, when it is time. */
  readonly #ended = Promise.withResolvers<number>();
  #drained: Promise<void> | undefined;

  constructor(definition: ServiceDefinition<O, M>, setup: ServiceDataSetup<O>) {
    const { index, options } = setup;
    this.#definition = definition;
    this.#setup = setup;
    this.#log = createLogger({ level: options.logLevel, fields: { service: definition.name, process: index } });
    this.#segment = Segment.open(MEMORY_FD);
    this.#frame = openFrame(definition.metrics, layoutService(definition.metrics), this.#segment, index + 1);
    this.#client = new ConfigClient({
      name: String(index),
      connect: () => new Socket({ fd: STREAM_FD }),
      apply: (update) => this.#apply(update),
      command: async (command) => [{ process: index, value: await this.#command(command) }],
      // The main has gone, or has closed the stream so that we go.
      onDisconnected: () => this.#ended.resolve(1),
    });
  }

  /** Resolves when the process is to end, to its exit code. */
  async run(): Promise<number> {
    await using stack = new AsyncDisposableStack();
    stack.use(watchEventLoop(this.#frame.frameMetrics));
    stack.use(handleSignals({ stop: () => void this.#drainAndEnd(), reload: () => {} }));
    const part = await this.#build();
    if (part === undefined) return 1;
    stack.use(part);
    this.#part.resolve(part);
    const code = await this.#ended.promise;
    this.#abort.abort();
    return code;
  }

  /** Undefined: it could not be built, and the main has been told why. */
  async #build(): Promise<DataPart | undefined> {
    const { name } = this.#definition;
    const { index, workers, options } = this.#setup;
    try {
      return await this.#definition.data({
        name,
        options,
        log: this.#log,
        metrics: this.#frame.metrics,
        workers,
        segment: this.#segment,
        row: index + 1,
        index,
        mainWakeFd: MAIN_WAKE_FD,
        wakeFd: OWN_WAKE_FD,
        signal: this.#abort.signal,
        observe: (observation) => this.#client.observe({ ...observation, process: index }),
      });
    } catch (error) {
      this.#reportFault(error);
      await this.#client[Symbol.asyncDispose]();
      return undefined;
    }
  }

  async #apply(update: ConfigUpdate): Promise<readonly Rejection[]> {
    const part = await this.#part.promise;
    const isFirst = this.#client.updates === 0;
    let rejected: readonly Rejection[];
    try {
      rejected = (await part.apply?.(update)) ?? [];
    } catch (error) {
      if (!isFirst) throw error;
      this.#reportFault(error);
      // After what was reported has gone out.
      setImmediate(() => this.#ended.resolve(1));
      return [];
    }
    if (isFirst) {
      this.#report(READY_STATE);
      saveCompileCache();
    }
    return rejected;
  }

  async #command(command: Command): Promise<unknown> {
    if (command.name === LABELS_COMMAND) return adoptLabels(this.#frame.tables, command.argument);
    if (command.name === DRAIN_COMMAND) return this.#drainAndEnd();
    const part = await this.#part.promise;
    return part.command?.(command);
  }

  async #drainAndEnd(): Promise<void> {
    this.#drained ??= this.#part.promise.then((part) => part.drain?.());
    await this.#drained;
    // After the answer to the command has gone out.
    setImmediate(() => this.#ended.resolve(0));
  }

  /** It cannot serve: why. */
  #reportFault(error: unknown): void {
    const sentence = sentenceOf(error);
    if (sentence === undefined) this.#log.error("data process failed", { error });
    this.#report(`${FAULT_STATE}${sentence ?? `Cannot start a data process: ${String(error)}`}`);
  }

  #report(state: string): void {
    this.#client.observe({ key: PROCESS_KEY, version: "", state, process: this.#setup.index });
  }
}

function adoptLabels(tables: readonly LabelTable[], argument: unknown): void {
  if (!isImages(argument)) throw new Error("Cannot adopt labels: they are not tables");
  for (const [i, table] of tables.entries()) table.adopt(argument[i] ?? []);
}

const isImages = (value: unknown): value is readonly TableImage[] =>
  Array.isArray(value) && value.every((table) => Array.isArray(table) && table.every((tuple) => Array.isArray(tuple)));
