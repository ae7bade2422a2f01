/**
 * The configuration's way through a main: taken from the config stream (or empty without one), shown to the main's own
 * part, handed to the data processes, acknowledged upwards when all of them have it in use.
 */
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import type { Entry } from "#src/config/model.ts";
import { ConfigClient } from "#src/config/stream/client.ts";
import type { CommandOutcome, ObservedFrame } from "#src/config/stream/frame.ts";
import { ConfigServer } from "#src/config/stream/server.ts";
import type { ConfigOrigin } from "#src/config/stream/replica-client.ts";
import type { Command, ConfigUpdate, Observation, Rejection } from "#src/config/stream/update.ts";
import type { LabelTable } from "#src/metrics/label-table.ts";
import type { CollectedMetric } from "#src/metrics/registry.ts";
import type { ConfigSource } from "./config-source.ts";
import { relayMetrics } from "./config-relay-metrics.ts";
import type { Logger } from "./logger.ts";
import { LABELS_COMMAND, PROCESS_KEY } from "./process-messages.ts";
import type { ReplicaSource } from "./replica-source.ts";

export interface ConfigRelayOptions {
  readonly name: string;
  readonly source: ConfigSource;
  readonly log: Logger;
  readonly tables: readonly LabelTable[];
  /** A configured label's index means something else from now on. */
  readonly onLabel: (table: LabelTable, index: number) => void;
  /** The main's own part. */
  readonly apply: (update: ConfigUpdate) => Promise<readonly Rejection[]>;
  readonly command: (command: Command) => Promise<readonly CommandOutcome[]>;
  /** What a data process says about itself (PROCESS_KEY) or about an entry. */
  readonly onObserved: (index: number, observation: Observation) => void;
  /** A data process does not answer, or not in frames. */
  readonly onLost: (index: number) => void;
  /** Resolves when the data processes have come up: before that nothing is live. */
  readonly allReady: () => Promise<void>;
}

export interface RelayStatus {
  readonly digest: string;
  readonly entries: number;
  readonly updates: number;
  readonly rejected: readonly Rejection[];
  readonly origin: ConfigOrigin;
  /** Which replica of the controller it comes from. */
  readonly server?: string;
}

/** What both clients have in common. */
type Upstream = Pick<ConfigClient, "entries" | "digest" | "isConnected" | "observe" | typeof Symbol.asyncDispose>;

/** A first configuration is acknowledged after this long even when not all data processes are up. */
const START_LIMIT_MS = 10_000;

export class ConfigRelay implements AsyncDisposable {
  readonly #options: ConfigRelayOptions;
  readonly #server: ConfigServer;
  #client: Upstream | undefined;
  /** In a cluster: around the client. */
  #replicas: ReplicaSource | undefined;
  readonly #closing = Promise.withResolvers<void>();
  #isClosed = false;
  /** There is a configuration, an empty one included. */
  #isSynced = false;
  #rejected: readonly Rejection[] = [];
  #changedAt = 0;
  #updates = 0;

  constructor(options: ConfigRelayOptions) {
    this.#options = options;
    this.#server = new ConfigServer({
      select: () => everything,
      preface: () => [this.#labels()],
      onObserved: (client, observation) => this.#onObserved(Number(client), observation),
      onDisconnected: (client, reason) => {
        // A stream that was closed is a process that ends by itself.
        if (reason !== "closed" && reason !== "failed") options.onLost(Number(client));
      },
    });
  }

  get isConnected(): boolean {
    return this.#client?.isConnected ?? false;
  }

  /** Why there is no configuration yet; undefined: there is one. */
  get missing(): string | undefined {
    if (this.#isSynced) return undefined;
    return this.#replicas === undefined ? "no configuration yet" : `no configuration yet: ${this.#replicas.problem}`;
  }

  /** Where what is in use came from. */
  get origin(): ConfigOrigin {
    if (!this.#isSynced || this.#client === undefined) return "none";
    return this.#replicas?.client.origin ?? "stream";
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#server.entries;
  }

  get status(): RelayStatus {
    const { entries, digest } = this.#client ?? { entries: new Map(), digest: "" };
    const { origin } = this;
    const { following } = this.#replicas?.client ?? {};
    return {
      digest,
      entries: entries.size,
      updates: this.#updates,
      rejected: this.#rejected,
      origin,
      ...(following === undefined ? {} : { server: following }),
    };
  }

  attach(stream: Duplex): void {
    this.#server.attach(stream);
  }

  /** Begins: after this the data processes get what there is. */
  async start(): Promise<void> {
    const { name, source, log, allReady } = this.#options;
    const reader = {
      name,
      apply: (update: ConfigUpdate) => this.#apply(update),
      command: (command: Command) => this.#command(command),
    };
    switch (source.kind) {
      case "none":
        this.#server.publish([]);
        this.#isSynced = true;
        return;
      case "socket":
        this.#client = new ConfigClient({
          ...reader,
          connect: () => connect(source.path),
          reconnect: { firstMs: 20, maxMs: 2000 },
          onConnected: () => log.info("config stream connected", { socketPath: source.path }),
          onDisconnected: (reason) =>
            log.warn("config stream lost: the last configuration goes on", { socketPath: source.path, reason }),
        });
        return;
      case "servers": {
        // What only a cluster needs is not part of every start.
        const { ReplicaSource } = await import("./replica-source.ts");
        this.#replicas = new ReplicaSource({ ...reader, source, log });
        this.#client = this.#replicas.client;
        void allReady().then(() => this.#replicas?.confirmSnapshot());
      }
    }
  }

  observe(observation: Observation & { readonly process?: number }): void {
    this.#client?.observe(observation);
  }

  /** To every data process; the outcomes say which. */
  tellDataProcesses(command: Command): Promise<readonly CommandOutcome[]> {
    return this.#server.command("", command);
  }

  /** The config_* metrics. */
  metrics(): readonly CollectedMetric[] {
    return relayMetrics({
      isWhole: () => this.#isSynced && this.#rejected.length === 0,
      changedAt: () => this.#changedAt / 1000,
      updates: () => this.#updates,
      rejected: () => this.#rejected.length,
      origin: () => this.origin,
      servers: () => this.#replicas?.client.connectedServers ?? Number(this.isConnected),
      snapshotAt: () => this.#replicas?.snapshotWrittenAt,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // An update may be waiting for data processes that will not come up any more.
    this.#isClosed = true;
    this.#closing.resolve();
    await this.#server[Symbol.asyncDispose]();
    await (this.#replicas ?? this.#client)?.[Symbol.asyncDispose]();
  }

  async #apply(update: ConfigUpdate): Promise<readonly Rejection[]> {
    const { apply, allReady, log } = this.#options;
    const begun = performance.now();
    const own = await apply(update);
    this.#assignLabels(update);
    const { live } = this.#server.publish(update.entries.values());
    this.#isSynced = true;
    await Promise.race([allReady(), this.#closing.promise, wait(START_LIMIT_MS, undefined, { ref: false })]);
    const taken = await live;
    if (this.#isClosed) return own;
    const rejected = new Map([...own, ...taken.flatMap((one) => one.rejected)].map((one) => [one.key, one]));
    this.#rejected = [...rejected.values()];
    this.#changedAt = Date.now();
    this.#updates += 1;
    const { upsert, remove, digest } = update;
    const ms = Math.round(performance.now() - begun);
    log.info("configuration in use", {
      digest,
      changed: upsert.length,
      removed: remove.length,
      rejected: rejected.size,
      ms,
    });
    for (const { key, reason } of rejected.values()) log.warn("entry refused", { key, reason });
    return this.#rejected;
  }

  #assignLabels(update: ConfigUpdate): void {
    const { tables, onLabel } = this.#options;
    let changed = false;
    for (const table of tables) {
      for (const index of table.assign(update.entries.values())) {
        onLabel(table, index);
        changed = true;
      }
    }
    if (changed) void this.#server.command("", this.#labels());
  }

  #labels(): Command {
    return { name: LABELS_COMMAND, argument: this.#options.tables.map((table) => table.image()) };
  }

  async #command(command: Command): Promise<readonly CommandOutcome[]> {
    const own = await this.#options.command(command);
    return [...own, ...(await this.tellDataProcesses(command))];
  }

  #onObserved(index: number, { key, version, state }: ObservedFrame): void {
    this.#options.onObserved(index, { key, version, state });
    if (key !== PROCESS_KEY) this.observe({ key, version, state, process: index });
  }
}

const everything = (): boolean => true;
