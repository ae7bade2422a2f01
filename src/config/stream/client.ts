/**
 * The config stream's client: a service's main, or a data process on the socket pair from its main. Updates and commands
 * are handed on one at a time, in the order they came; each update is acknowledged when its reader has taken it.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Entry } from "#src/config/model.ts";
import { type BackoffPolicy, backoffMs } from "#src/process/backoff.ts";
import { Connection, type EndReason } from "./connection.ts";
import { digestOf } from "./entry.ts";
import {
  type CommandOutcome,
  type CommandFrame,
  MAX_SERVER_FRAME_BYTES,
  PROTOCOL,
  type ServerFrame,
  type UpdateFrame,
} from "./frame.ts";
import { asServerFrame } from "./frame-shape.ts";
import type { Command, ConfigUpdate, Observation, Rejection } from "./update.ts";

export interface ConfigClientOptions {
  /** Whom the server should take us for. */
  readonly name: string;
  /** Opens the stream to the server: `() => connect(path)`, or hands over the one end of a socket pair. */
  readonly connect: () => Duplex;
  /** How soon to connect again after an end; absent: an end is the end. */
  readonly reconnect?: BackoffPolicy;
  /** Takes a step; returns what could not be used of it. A throw is a programming error and ends the process. */
  readonly apply: (update: ConfigUpdate) => readonly Rejection[] | Promise<readonly Rejection[]>;
  /** One outcome per process that carried it out; a throw is an outcome with `error`. */
  readonly command?: (command: Command) => readonly CommandOutcome[] | Promise<readonly CommandOutcome[]>;
  readonly onConnected?: () => void;
  readonly onDisconnected?: (reason: EndReason) => void;
  /** See Connection. Default 15,000; 0: never. */
  readonly silenceMs?: number;
}

export class ConfigClient implements AsyncDisposable {
  readonly #options: ConfigClientOptions;
  /** Last observation by key and process, told again to a server that we connect to anew. */
  readonly #observed = new Map<string, Observation & { readonly process?: number }>();
  #opened: Connection<ServerFrame> | undefined;
  #isConnected = false;
  /** By key: refused, and still part of the configuration. */
  readonly #rejected = new Map<string, Rejection>();
  #entries: ReadonlyMap<string, Entry> = new Map();
  /** What the next update is a step from: the entries that the last hello told of, or those of the last update. */
  #base: ReadonlyMap<string, Entry> = this.#entries;
  #digest = "";
  #updates = 0;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  /** The tail of what is being handed on. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: ConfigClientOptions) {
    this.#options = options;
    this.#open();
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** Of the last update that was applied; "" before the first. */
  get digest(): string {
    return this.#digest;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** How many updates were applied. */
  get updates(): number {
    return this.#updates;
  }

  observe(observation: Observation & { readonly process?: number }): void {
    this.#observed.set(`${observation.key} ${observation.process ?? ""}`, observation);
    if (this.#isConnected) this.#opened?.send({ type: "observed", ...observation });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#opened?.close();
    await this.#work;
  }

  #open(): void {
    const socket = this.#options.connect();
    const connection = new Connection<ServerFrame>({
      socket,
      maxFrameBytes: MAX_SERVER_FRAME_BYTES,
      read: asServerFrame,
      onFrame: (frame) => this.#onFrame(connection, frame),
      onEnd: (reason) => this.#onEnd(reason),
      silenceMs: this.#options.silenceMs ?? 15_000,
    });
    this.#opened = connection;
    if (socket instanceof Socket && socket.connecting) socket.once("connect", () => this.#onConnect(connection));
    else this.#onConnect(connection);
  }

  #onConnect(connection: Connection<ServerFrame>): void {
    this.#isConnected = true;
    this.#options.onConnected?.();
    // Behind the work in hand: what is being applied counts as held.
    this.#enqueue(() => {
      this.#hello(connection, this.#entries);
      for (const observation of this.#observed.values()) connection.send({ type: "observed", ...observation });
    });
  }

  #hello(connection: Connection<ServerFrame>, entries: ReadonlyMap<string, Entry>): void {
    this.#base = entries;
    const have = Object.fromEntries(Array.from(entries.values(), ({ key, version }) => [key, version]));
    connection.send({ type: "hello", protocol: PROTOCOL, client: this.#options.name, have });
  }

  #onFrame(connection: Connection<ServerFrame>, frame: ServerFrame): void {
    switch (frame.type) {
      case "update":
        return this.#enqueue(() => this.#apply(connection, frame));
      case "command":
        return this.#enqueue(() => this.#command(connection, frame));
      case "ping":
        return;
    }
  }

  #onEnd(reason: EndReason): void {
    const { reconnect, onDisconnected } = this.#options;
    const wasConnected = this.#isConnected;
    this.#isConnected = false;
    if (this.#closed) return;
    if (wasConnected) onDisconnected?.(reason);
    if (reconnect === undefined) return;
    this.#retry = setTimeout(() => this.#open(), backoffMs(reconnect, this.#attempt, Math.random()));
    this.#attempt += 1;
  }

  #enqueue(task: () => void | Promise<void>): void {
    this.#work = this.#work.then(task);
  }

  async #apply(connection: Connection<ServerFrame>, frame: UpdateFrame): Promise<void> {
    const entries = new Map(this.#base);
    for (const key of frame.remove) entries.delete(key);
    for (const entry of frame.upsert) entries.set(entry.key, entry);
    if (digestOf(entries.values()) !== frame.digest) return this.#resync(connection);
    const { upsert, digest } = frame;
    const remove = [...this.#entries.keys()].filter((key) => !entries.has(key));
    this.#base = entries;
    this.#attempt = 0;
    if (this.#updates === 0 || upsert.length > 0 || remove.length > 0)
      await this.#handOn({ upsert, remove, entries, digest });
    connection.send({ type: "ack", digest, rejected: [...this.#rejected.values()] });
  }

  async #handOn(update: ConfigUpdate): Promise<void> {
    this.#entries = update.entries;
    this.#digest = update.digest;
    for (const { key } of update.upsert) this.#rejected.delete(key);
    for (const key of update.remove) {
      this.#rejected.delete(key);
      for (const [name, observation] of this.#observed) if (observation.key === key) this.#observed.delete(name);
    }
    for (const rejection of await this.#options.apply(update)) this.#rejected.set(rejection.key, rejection);
    this.#updates += 1;
  }

  /** We and the server disagree about what we hold: ask for all of it; a server that contradicts itself is left. */
  #resync(connection: Connection<ServerFrame>): void {
    if (this.#base.size === 0) connection.close();
    else this.#hello(connection, new Map());
  }

  async #command(connection: Connection<ServerFrame>, frame: CommandFrame): Promise<void> {
    let outcomes: readonly CommandOutcome[];
    try {
      outcomes = (await this.#options.command?.({ name: frame.name, argument: frame.argument })) ?? [];
    } catch (error) {
      outcomes = [{ error: error instanceof Error ? error.message : String(error) }];
    }
    connection.send({ type: "result", id: frame.id, outcomes });
  }
}
