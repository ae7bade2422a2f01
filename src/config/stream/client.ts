/**
 * The config stream's client where there is one server: a service's main under `fairway up`, or a data process on the
 * socket pair from its main. Each update is acknowledged when its reader has taken it.
 */
import type { Duplex } from "node:stream";
import type { Entry } from "#src/config/model.ts";
import { type BackoffPolicy, backoffMs } from "#src/process/backoff.ts";
import type { ClientObservation } from "./client-state.ts";
import type { EndReason } from "./connection.ts";
import { ServerLink } from "./link.ts";
import { ConfigReader, type ConfigReaderOptions } from "./reader.ts";

export interface ConfigClientOptions extends ConfigReaderOptions {
  /** Whom the server should take us for. */
  readonly name: string;
  /** Opens the stream to the server: `() => connect(path)`, or hands over the one end of a socket pair. */
  readonly connect: () => Duplex;
  /** How soon to connect again after an end; absent: an end is the end. */
  readonly reconnect?: BackoffPolicy;
  readonly onConnected?: () => void;
  readonly onDisconnected?: (reason: EndReason) => void;
  /** See Connection. Default 15,000; 0: never. */
  readonly silenceMs?: number;
}

export class ConfigClient implements AsyncDisposable {
  readonly #options: ConfigClientOptions;
  readonly #reader: ConfigReader;
  #link: ServerLink | undefined;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ConfigClientOptions) {
    this.#options = options;
    this.#reader = new ConfigReader(options);
    this.#open();
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#reader.held.entries;
  }

  /** Of the last update that was applied; "" before the first. */
  get digest(): string {
    return this.#reader.digest;
  }

  get isConnected(): boolean {
    return this.#link?.isOpen ?? false;
  }

  /** How many updates were applied. */
  get updates(): number {
    return this.#reader.updates;
  }

  observe(observation: ClientObservation): void {
    this.#reader.observe(observation);
    this.#link?.observe(observation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#link?.close();
    await this.#reader.settled();
  }

  #open(): void {
    const { name, connect, silenceMs } = this.#options;
    let isConnected = false;
    const link = new ServerLink({
      name,
      socket: connect(),
      reader: this.#reader,
      silenceMs: silenceMs ?? 15_000,
      onOpen: () => {
        isConnected = true;
        this.#greet(link);
      },
      onTaken: () => {
        this.#attempt = 0;
        link.acknowledge();
      },
      onEnd: (reason) => this.#onEnd(reason, isConnected),
    });
    this.#link = link;
    link.start();
  }

  #greet(link: ServerLink): void {
    this.#options.onConnected?.();
    link.follow();
    this.#reader.enqueue(() => {
      for (const observation of this.#reader.observed) link.observe(observation);
    });
  }

  #onEnd(reason: EndReason, wasConnected: boolean): void {
    const { reconnect, onDisconnected } = this.#options;
    if (this.#closed) return;
    if (wasConnected) onDisconnected?.(reason);
    if (reconnect === undefined) return;
    this.#retry = setTimeout(() => this.#open(), backoffMs(reconnect, this.#attempt, Math.random()));
    this.#attempt += 1;
  }
}
