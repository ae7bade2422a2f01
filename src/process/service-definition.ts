/** The shape of a service, as its file declares it and as the frame runs it. */
import type { Entry } from "#src/config/model.ts";
import type { Command, ConfigUpdate, Observation, Rejection } from "#src/config/stream/update.ts";
import type { MetricDeclarations, MetricHandles } from "#src/metrics/declaration.ts";
import type { CollectedMetric } from "#src/metrics/registry.ts";
import type { SegmentOptions } from "#src/memory/layout.ts";
import type { Segment } from "#src/memory/segment.ts";
import type { Logger } from "./logger.ts";
import type { Options, OptionValues } from "./option.ts";
import type { FrameOptionValues } from "./frame-options.ts";

export interface ServiceDefinition<O extends Options, M extends MetricDeclarations> {
  /** `dns`, `edge`: in logs, environment names (FAIRWAY_DNS_...), metrics and as the name told to the config stream. */
  readonly name: string;
  /** One sentence for --help. */
  readonly help: string;
  /** Where `/livez /readyz /metrics` are unless --admin-port says otherwise. */
  readonly adminPort: number;
  readonly options: O;
  /** Counted in shared rows, one per process, and exposed by the main. */
  readonly metrics: M;
  /** Shared memory that the service's processes want beside the rows of counters; absent: none. */
  readonly memory?: (options: OptionValues<O> & FrameOptionValues) => SharedMemoryOptions;
  /** TCP ports that the service listens at, for the count of its sockets by state. */
  readonly tcpPorts?: (options: OptionValues<O> & FrameOptionValues, entries: Iterable<Entry>) => Iterable<number>;
  /** Runs in the main, before the data processes start. */
  readonly main?: (context: MainContext<O, M>) => Promise<MainPart>;
  /** Runs in each data process; the process is ready when this and the first `apply` have returned. What either throws is why it cannot serve. */
  readonly data: (context: DataContext<O, M>) => Promise<DataPart>;
}

export type SharedMemoryOptions = Pick<SegmentOptions, "healthTargets" | "slots" | "arenaBytes">;

interface Context<O extends Options, M extends MetricDeclarations> {
  readonly name: string;
  readonly options: OptionValues<O> & FrameOptionValues;
  readonly log: Logger;
  /** This process's own row of counters. */
  readonly metrics: MetricHandles<M>;
  /** How many data processes there are. */
  readonly workers: number;
  /** Memory that all processes of the service map. */
  readonly segment: Segment;
  /** This process's row in it: 0 is the main's, 1 to `workers` the data processes'. */
  readonly row: number;
  /** Aborted when the process begins to stop for good (after the drain). */
  readonly signal: AbortSignal;
  /** Tells the config stream's server (through the main) what became of an entry. */
  readonly observe: (observation: Observation) => void;
}

export interface MainContext<O extends Options, M extends MetricDeclarations> extends Context<O, M> {
  /** An eventfd per row, its own first: each wakes the process of that row, also after that was replaced. Not to be closed. */
  readonly wakeFds: readonly number[];
  /** Adds a GET path to the admin endpoint; the answer is sent as JSON. */
  addAdminPath(path: string, answer: (query: URLSearchParams) => unknown): void;
}

export interface DataContext<O extends Options, M extends MetricDeclarations> extends Context<O, M> {
  /** 0 to workers - 1. A replacement has the index of the one it replaces. */
  readonly index: number;
  /** Eventfds: one that wakes the main, and this process's own. Not to be closed. */
  readonly mainWakeFd: number;
  readonly wakeFd: number;
}

/** What a process runs. All but disposal may be absent. Called from ordinary event-loop turns, never inside a poller batch, never two at once. */
interface Part extends AsyncDisposable {
  /** Compile and swap: returns what could not be used, whose previous version goes on. */
  apply?(update: ConfigUpdate): readonly Rejection[] | Promise<readonly Rejection[]>;
  /** A command of the config stream; the value goes back to who sent it. A throw is the failed result. */
  command?(command: Command): unknown;
}

export interface MainPart extends Part {
  /** What is found out when /metrics is asked. */
  readonly collected?: readonly CollectedMetric[];
  /** Why the service cannot serve now, or undefined: asked by /readyz. */
  unready?(): string | undefined;
  /** SIGHUP. */
  reload?(): void | Promise<void>;
  /** What a data process reported, before it goes on to the config stream's server. */
  observed?(observation: Observation, index: number): void;
  /** The process of a row has ended and its row is cleared: what it held can be taken back. Before its successor starts. */
  ended?(row: number): void;
}

export interface DataPart extends Part {
  /** Take no new work, finish what is open, then resolve. Cut off at --drain-timeout by disposal and the process's end. */
  drain?(): Promise<void>;
}
