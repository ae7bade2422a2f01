/** A data process: maps the shared memory, builds its part, takes the configuration, serves, drains and ends. */
import { Socket } from "node:net";
import { ConfigClient } from "#src/config/stream/client.ts";
import type { Command, Observation } from "#src/config/stream/update.ts";
import type { MetricDeclarations } from "#src/metrics/declaration.ts";
import { bindMetrics } from "#src/metrics/handles.ts";
import { LabelTable, type TableImage } from "#src/metrics/label-table.ts";
import { layoutMetrics } from "#src/metrics/layout.ts";
import { counterRow } from "#src/memory/rows.ts";
import { Segment } from "#src/memory/segment.ts";
import { saveCompileCache } from "./compile-cache.ts";
import { type DataProcessSetup, MEMORY_FD, STREAM_FD } from "./data-process-setup.ts";
import { watchEventLoop } from "./event-loop-lag.ts";
import { sentenceOf } from "./fault.ts";
import { FRAME_METRICS } from "./frame-metrics.ts";
import { FRAME_OPTIONS } from "./frame-options.ts";
import { createLogger } from "./logger.ts";
import { areValuesOf, type Options } from "./option.ts";
import { endWithParent } from "./parent-death.ts";
import { DRAIN_COMMAND, FAULT_STATE, LABELS_COMMAND, PROCESS_KEY, READY_STATE } from "./process-messages.ts";
import type { DataPart, ServiceDefinition } from "./service.ts";
import { handleSignals } from "./stop-signals.ts";

/** Resolves when the process is to end, to its exit code. */
export async function runData<O extends Options, M extends MetricDeclarations>(
  definition: ServiceDefinition<O, M>,
  setup: DataProcessSetup,
): Promise<number> {
  endWithParent(setup.mainPid);
  const { index, workers, options } = setup;
  process.title = `fairway-${definition.name} data ${index}`;
  if (!areValuesOf(FRAME_OPTIONS, options) || !areValuesOf(definition.options, options)) {
    throw new Error("Cannot start as a data process: an option has no value");
  }
  const log = createLogger({ level: options.logLevel, fields: { service: definition.name, process: index } });
  const segment = Segment.open(MEMORY_FD);
  const declarations = { ...definition.metrics, ...FRAME_METRICS };
  const layout = layoutMetrics(declarations);
  const tables = layout.tables.map((dimension) => new LabelTable(dimension));
  const row = index + 1;
  const slots = counterRow(segment, row);
  using _watch = watchEventLoop(bindMetrics(FRAME_METRICS, layout, tables, slots));
  const stop = new AbortController();
  const ended = Promise.withResolvers<number>();
  const started = Promise.withResolvers<DataPart>();

  const observe = (observation: Observation): void => client.observe({ ...observation, process: index });
  const report = (state: string): void => client.observe({ key: PROCESS_KEY, version: "", state, process: index });
  let drained: Promise<void> | undefined;
  const drain = (): Promise<void> => {
    drained ??= started.promise.then((part) => part.drain?.());
    return drained;
  };
  const command = async (one: Command): Promise<unknown> => {
    if (one.name === LABELS_COMMAND) return adoptLabels(tables, one.argument);
    if (one.name === DRAIN_COMMAND) return drain().then(() => void setImmediate(() => ended.resolve(0)));
    return (await started.promise).command?.(one);
  };
  const client = new ConfigClient({
    name: String(index),
    connect: () => new Socket({ fd: STREAM_FD }),
    apply: async (update) => {
      const rejected = (await (await started.promise).apply?.(update)) ?? [];
      if (client.updates === 0) {
        report(READY_STATE);
        saveCompileCache();
      }
      return rejected;
    },
    command: async (one) => [{ process: index, value: await command(one) }],
    onDisconnected: () => ended.resolve(1),
  });
  using _signals = handleSignals({ stop: () => void drain().then(() => ended.resolve(0)), reload: () => {} });
  try {
    const metrics = bindMetrics(definition.metrics, layout, tables, slots);
    const context = {
      name: definition.name,
      options,
      log,
      metrics,
      workers,
      segment,
      row,
      index,
      signal: stop.signal,
      observe,
    };
    started.resolve(await definition.data(context));
  } catch (error) {
    report(`${FAULT_STATE}${sentenceOf(error) ?? `Cannot start: ${String(error)}`}`);
    if (sentenceOf(error) === undefined) log.error("data process failed", { error });
    await client[Symbol.asyncDispose]();
    return 1;
  }
  const code = await ended.promise;
  stop.abort();
  await (await started.promise)[Symbol.asyncDispose]();
  return code;
}

function adoptLabels(tables: readonly LabelTable[], argument: unknown): void {
  if (!isImages(argument)) throw new Error("Cannot adopt labels: they are not tables");
  for (const [i, table] of tables.entries()) table.adopt(argument[i] ?? []);
}

const isImages = (value: unknown): value is readonly TableImage[] =>
  Array.isArray(value) && value.every((table) => Array.isArray(table) && table.every((tuple) => Array.isArray(tuple)));
