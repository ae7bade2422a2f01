/**
 * The config stream's server: `fairway up` towards the services' mains, a main towards its data processes, the
 * controller towards pods. It holds one configuration, brings every client to it, and knows what each has in use.
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { once } from "node:events";
import type { Entry } from "#src/config/model.ts";
import { ClientState, type EntryFilter } from "./client-state.ts";
import { Connection, type EndReason } from "./connection.ts";
import { digestOf } from "./entry.ts";
import {
  type ClientFrame,
  type CommandOutcome,
  type HelloFrame,
  MAX_CLIENT_FRAME_BYTES,
  type ObservedFrame,
  PROTOCOL,
} from "./frame.ts";
import { asClientFrame } from "./frame-shape.ts";
import type { Command, Rejection } from "./update.ts";

export interface ConfigServerOptions {
  /** Which entries a client of this name may see; undefined turns it away. */
  readonly select: (client: string) => EntryFilter | undefined;
  /** Sent to a client before its first update, as commands: what it must know to read the entries. */
  readonly preface?: () => readonly Command[];
  readonly onObserved?: (client: string, observation: ObservedFrame) => void;
  readonly onConnected?: (client: string) => void;
  readonly onDisconnected?: (client: string, reason: EndReason) => void;
  /** See Connection: a client silent for this long is dropped. Default 15,000; 0: never. */
  readonly silenceMs?: number;
  /** How long a publication waits for acknowledgements before it is reported with those missing. Default 10,000. */
  readonly liveTimeoutMs?: number;
}

/** How one client took a publication. */
export interface Liveness {
  readonly client: string;
  /** From publishing to its acknowledgement; undefined: not within the time, or it has gone away. */
  readonly afterMs: number | undefined;
  readonly rejected: readonly Rejection[];
}

export interface Publication {
  readonly digest: string;
  /** Keys that differ from the publication before. */
  readonly changed: readonly string[];
  /** Settles when every client that was connected at publishing has it in use, has gone, or has run out of time. */
  readonly live: Promise<readonly Liveness[]>;
}

/** For status pages. */
export interface ClientStatus {
  readonly client: string;
  readonly acknowledgedDigest: string | undefined;
  readonly isCurrent: boolean;
  readonly rejected: readonly Rejection[];
}

interface Client {
  readonly connection: Connection<ClientFrame>;
  state: ClientState | undefined;
  /** Called with what each command came to, by its id. */
  readonly commands: Map<number, (outcomes: readonly CommandOutcome[]) => void>;
}

interface Waiter {
  readonly client: Client;
  readonly generation: number;
  readonly settle: (afterMs: number | undefined) => void;
}

export class ConfigServer implements AsyncDisposable {
  readonly #options: ConfigServerOptions;
  readonly #clients = new Set<Client>();
  readonly #waiters = new Set<Waiter>();
  readonly #listeners: Server[] = [];
  #entries: ReadonlyMap<string, Entry> = new Map();
  /** Counts publications; 0: nothing was published yet, so clients wait. */
  #generation = 0;
  #commandId = 0;

  constructor(options: ConfigServerOptions) {
    this.#options = options;
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  get clients(): readonly ClientStatus[] {
    return [...this.#clients].flatMap(({ state }) =>
      state === undefined
        ? []
        : {
            client: state.name,
            acknowledgedDigest: state.acknowledgedDigest,
            isCurrent: this.#generation > 0 && state.acknowledgedGeneration === this.#generation,
            rejected: state.rejected,
          },
    );
  }

  /** Serves clients at a Unix socket that only this user can open. A socket file left by a dead server is replaced. */
  async listen(path: string): Promise<void> {
    rmSync(path, { force: true });
    const listener = createServer((socket) => this.attach(socket));
    this.#listeners.push(listener);
    listener.listen(path);
    await once(listener, "listening");
    chmodSync(path, 0o600);
  }

  /** Serves one client over a stream that is already there: a socket pair to a child, a TLS connection. */
  attach(socket: Duplex): void {
    const client: Client = {
      connection: new Connection<ClientFrame>({
        socket,
        maxFrameBytes: MAX_CLIENT_FRAME_BYTES,
        read: asClientFrame,
        onFrame: (frame) => this.#onFrame(client, frame),
        onEnd: (reason) => this.#onEnd(client, reason),
        silenceMs: this.#options.silenceMs ?? 15_000,
      }),
      state: undefined,
      commands: new Map(),
    };
    this.#clients.add(client);
  }

  /** Makes this the configuration; clients are sent what differs for them. */
  publish(entries: Iterable<Entry>): Publication {
    const before = this.#entries;
    this.#entries = new Map(Array.from(entries, (entry) => [entry.key, entry]));
    this.#generation += 1;
    const changed = [
      ...[...this.#entries.values()]
        .filter(({ key, version }) => before.get(key)?.version !== version)
        .map(({ key }) => key),
      ...before.keys().filter((key) => !this.#entries.has(key)),
    ];
    const live = Promise.all(
      [...this.#clients].filter(({ state }) => state !== undefined).map((client) => this.#whenLive(client)),
    );
    for (const client of this.#clients) this.#advance(client);
    return { digest: digestOf(this.#entries.values()), changed, live };
  }

  /** Sends a command to every client of that name ("" is all) and gathers the outcomes; a client that goes away counts as failed. */
  async command(clientName: string, command: Command): Promise<readonly CommandOutcome[]> {
    const targets = [...this.#clients].filter(
      ({ state }) => state !== undefined && (clientName === "" || state.name === clientName),
    );
    const outcomes = await Promise.all(targets.map((client) => this.#sendCommand(client, command)));
    return outcomes.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.connection.close();
    await Promise.all(
      this.#listeners.map((listener) => new Promise<void>((resolve) => listener.close(() => resolve()))),
    );
  }

  #onFrame(client: Client, frame: ClientFrame): void {
    switch (frame.type) {
      case "hello":
        return this.#onHello(client, frame);
      case "ack":
        if (client.state?.acknowledge(frame) === true) this.#advance(client);
        return;
      case "observed":
        if (client.state !== undefined) this.#options.onObserved?.(client.state.name, frame);
        return;
      case "result":
        client.commands.get(frame.id)?.(frame.outcomes);
        client.commands.delete(frame.id);
        return;
      case "ping":
        return;
    }
  }

  #onHello(client: Client, hello: HelloFrame): void {
    if (client.state !== undefined) {
      client.state.greet(hello);
    } else {
      const filter = hello.protocol === PROTOCOL ? this.#options.select(hello.client) : undefined;
      if (filter === undefined) return client.connection.close();
      client.state = new ClientState(hello, filter);
      this.#options.onConnected?.(hello.client);
      for (const command of this.#options.preface?.() ?? []) void this.#sendCommand(client, command);
    }
    this.#advance(client);
  }

  /** Sends what comes next, if anything, and settles those who wait for this client. */
  #advance(client: Client): void {
    const { state } = client;
    if (state === undefined || this.#generation === 0) return;
    const update = state.next(this.#entries, this.#generation);
    if (update !== undefined) client.connection.send(update);
    const now = performance.now();
    for (const waiter of this.#waiters) {
      if (waiter.client === client && waiter.generation <= state.acknowledgedGeneration) waiter.settle(now);
    }
  }

  #whenLive(client: Client): Promise<Liveness> {
    const published = performance.now();
    return new Promise((resolve) => {
      const waiter: Waiter = {
        client,
        generation: this.#generation,
        settle: (at) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          const afterMs = at === undefined ? undefined : at - published;
          resolve({ client: client.state?.name ?? "", afterMs, rejected: client.state?.rejected ?? [] });
        },
      };
      const timer = setTimeout(() => waiter.settle(undefined), this.#options.liveTimeoutMs ?? 10_000);
      this.#waiters.add(waiter);
    });
  }

  #sendCommand(client: Client, command: Command): Promise<readonly CommandOutcome[]> {
    const id = ++this.#commandId;
    return new Promise((resolve) => {
      client.commands.set(id, resolve);
      client.connection.send({ type: "command", id, name: command.name, argument: command.argument });
    });
  }

  #onEnd(client: Client, reason: EndReason): void {
    this.#clients.delete(client);
    for (const waiter of this.#waiters) if (waiter.client === client) waiter.settle(undefined);
    for (const resolve of client.commands.values()) resolve([{ error: `connection ${reason}` }]);
    if (client.state !== undefined) this.#options.onDisconnected?.(client.state.name, reason);
  }
}
