/**
 * The main of a service: shared memory, admin endpoint, the service's own part, data processes, configuration, in the
 * order in which they start; and then unready, go on accepting, drain, end.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { CommandOutcome } from "#src/config/stream/frame.ts";
import type { Command, Observation } from "#src/config/stream/update.ts";
import type { MetricDeclarations } from "#src/metrics/declaration.ts";
import type { MetricLayout } from "#src/metrics/layout.ts";
import { SlotReader } from "#src/metrics/slot-reader.ts";
import { Rows } from "#src/memory/rows.ts";
import type { Segment } from "#src/memory/segment.ts";
import { createWakeFd } from "#src/memory/wake.ts";
import { AdminServer, hostPort, json } from "./admin.ts";
import { saveCompileCache } from "./compile-cache.ts";
import { ConfigRelay } from "./config-relay.ts";
import { configSourceOf } from "./config-source.ts";
import { DataProcesses } from "./data-processes.ts";
import { watchEventLoop } from "./event-loop-lag.ts";
import { StartFault } from "./fault.ts";
import { createSegment, type Frame, layoutService, openFrame } from "./frame.ts";
import type { FrameOptionValues } from "./frame-options.ts";
import { createLogger, type Logger } from "./logger.ts";
import { addMainPaths, type MainState } from "./main-paths.ts";
import type { Options, OptionValue, OptionValues } from "./option.ts";
import { DRAIN_COMMAND, FAULT_STATE, PROCESS_KEY, READY_STATE } from "./process-messages.ts";
import type { MainContext, MainPart, ServiceDefinition } from "./service-definition.ts";
import { handleSignals } from "./stop-signals.ts";
import { reportReady } from "./supervised.ts";

export type ServiceOptionValues<O extends Options> = OptionValues<O> &
  FrameOptionValues &
  Readonly<Record<string, OptionValue>>;

export class ServiceMain<O extends Options, M extends MetricDeclarations> {
  readonly #definition: ServiceDefinition<O, M>;
  readonly #options: ServiceOptionValues<O>;
  readonly #restarts: number;
  readonly #log: Logger;
  readonly #layout: MetricLayout;
  readonly #segment: Segment;
  readonly #rows: Rows;
  readonly #wakeFds: readonly number[];
  readonly #frame: Frame<M>;
  readonly #reader: SlotReader;
  readonly #relay: ConfigRelay;
  readonly #admin = new AdminServer();
  readonly #abort = new AbortController();
  readonly #state: MainState = { phase: "starting" };
  readonly #stopped = Promise.withResolvers<"signal">();
  readonly #gaveUp = Promise.withResolvers<never>();
  #part: MainPart = { [Symbol.asyncDispose]: () => Promise.resolve() };
  #processes: DataProcesses | undefined;

  /** `restarts`: how often a supervisor has started the service again. */
  constructor(definition: ServiceDefinition<O, M>, options: ServiceOptionValues<O>, restarts: number) {
    const { name } = definition;
    this.#definition = definition;
    this.#options = options;
    this.#restarts = restarts;
    this.#log = createLogger({ level: options.logLevel, fields: { service: name } });
    this.#layout = layoutService(definition.metrics);
    this.#segment = createSegment(name, options.workers, this.#layout, definition.memory?.(options));
    this.#rows = new Rows(this.#segment);
    this.#wakeFds = Array.from({ length: options.workers + 1 }, createWakeFd);
    this.#frame = openFrame(definition.metrics, this.#layout, this.#segment, 0);
    this.#reader = new SlotReader(this.#rows, options.workers + 1, this.#layout, this.#frame.tables);
    this.#relay = this.#createRelay();
  }

  /** Resolves to the exit code when everything has ended. Throws a StartFault when it cannot start. */
  async run(): Promise<number> {
    const { adminAddress, adminPort, workers } = this.#options;
    await using stack = new AsyncDisposableStack();
    stack.use(watchEventLoop(this.#frame.frameMetrics));
    stack.use(this.#handleSignals());
    stack.use(this.#admin);
    this.#part = stack.use((await this.#definition.main?.(this.#context())) ?? this.#part);
    const admin = hostPort(adminAddress, await this.#admin.listen(adminAddress, adminPort));
    const processes = stack.use(this.#startProcesses());
    // Closed before the processes are waited for: the end of its stream tells a data process to end.
    stack.use(this.#relay);
    this.#addPaths(processes);
    await this.#relay.start();

    const first = await Promise.race([processes.allReady, this.#stopped.promise, this.#gaveUp.promise]);
    if (first !== "signal") {
      this.#state.phase = "serving";
      this.#log.info("ready", { workers, admin, ms: Math.round(process.uptime() * 1000) });
      reportReady(admin);
      saveCompileCache();
      await this.#stopped.promise;
    }
    this.#state.phase = "stopping";
    await this.#drain(processes);
    this.#abort.abort();
    this.#log.info("stopped");
    return 0;
  }

  #createRelay(): ConfigRelay {
    return new ConfigRelay({
      name: this.#definition.name,
      source: configSourceOf(this.#options),
      log: this.#log,
      tables: this.#frame.tables,
      onLabel: (table, index) => this.#reader.restart(table, index),
      apply: async (update) => (await this.#part.apply?.(update)) ?? [],
      command: (command) => this.#command(command),
      onObserved: (index, observation) => this.#onObserved(index, observation),
      onLost: (index) => this.#processes?.endSilent(index),
      allReady: () => this.#processes?.allReady ?? Promise.resolve(),
    });
  }

  #startProcesses(): DataProcesses {
    this.#processes = new DataProcesses({
      entry: process.argv[1]!,
      workers: this.#options.workers,
      options: this.#options,
      memoryFd: this.#segment.fd,
      wakeFds: this.#wakeFds,
      rows: this.#rows,
      log: this.#log,
      metrics: this.#frame.frameMetrics,
      attach: (stream) => this.#relay.attach(stream),
      onEnded: (row) => this.#part.ended?.(row),
      onGiveUp: (sentence) => this.#gaveUp.reject(new StartFault(sentence)),
    });
    return this.#processes;
  }

  #context(): MainContext<O, M> {
    return {
      name: this.#definition.name,
      options: this.#options,
      log: this.#log,
      metrics: this.#frame.metrics,
      workers: this.#options.workers,
      segment: this.#segment,
      row: 0,
      wakeFds: this.#wakeFds,
      signal: this.#abort.signal,
      observe: (observation) => this.#relay.observe(observation),
      addAdminPath: (path, answer) => this.#admin.add(path, async (query) => json(await answer(query))),
    };
  }

  #addPaths(processes: DataProcesses): void {
    const { name, tcpPorts } = this.#definition;
    addMainPaths(this.#admin, {
      name,
      state: this.#state,
      restarts: this.#restarts,
      unready: () => this.#part.unready?.(),
      collected: () => this.#part.collected ?? [],
      relay: this.#relay,
      processes,
      layout: this.#layout,
      reader: this.#reader,
      tcpPorts: () => new Set(tcpPorts?.(this.#options, this.#relay.entries.values())),
    });
  }

  #handleSignals(): Disposable {
    return handleSignals({
      stop: (signal) => {
        this.#log.info("stopping", { signal });
        this.#stopped.resolve("signal");
      },
      reload: () => void this.#reload(),
    });
  }

  async #reload(): Promise<void> {
    await this.#part.reload?.();
    this.#log.info("reloaded");
  }

  async #command(command: Command): Promise<readonly CommandOutcome[]> {
    return this.#part.command === undefined ? [] : [{ value: await this.#part.command(command) }];
  }

  #onObserved(index: number, observation: Observation): void {
    const { key, state } = observation;
    if (key !== PROCESS_KEY) this.#part.observed?.(observation, index);
    else if (state === READY_STATE) this.#processes?.markReady(index);
    else if (state.startsWith(FAULT_STATE)) this.#processes?.noteFault(index, state.slice(FAULT_STATE.length));
  }

  async #drain(processes: DataProcesses): Promise<void> {
    const { drainDelay, drainTimeout } = this.#options;
    await wait(drainDelay);
    processes.stopReplacing();
    const deadline = new AbortController();
    const drained = await Promise.race([
      this.#relay.tellDataProcesses({ name: DRAIN_COMMAND, argument: null }),
      wait(drainTimeout, undefined, { signal: deadline.signal }).catch(() => undefined),
    ]);
    deadline.abort();
    if (drained === undefined) this.#log.warn("open work was cut off", { drainTimeout });
  }
}
