/**
 * The config stream's server: `fairway up` towards the services' mains, a main towards its data processes, each replica
 * of the controller towards pods. It holds one configuration, brings every client to it, and knows what each has in use.
 */
import { randomUUID } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { once } from "node:events";
import type { Entry } from "#src/config/model.ts";
import { ClientState, type ClientStatus } from "./client-state.ts";
import { Connection, type EndReason } from "./connection.ts";
import {
  type ClientFrame,
  type CommandOutcome,
  encodeFrame,
  type HelloFrame,
  MAX_CLIENT_FRAME_BYTES,
  MAX_POD_FRAME_BYTES,
  type ObservedFrame,
  PROTOCOL,
} from "./frame.ts";
import { asClientFrame } from "./frame-shape.ts";
import type { PodIdentity } from "./identity.ts";
import { type Liveness, PublicationWaiters } from "./publication-waiters.ts";
import type { Command } from "./update.ts";
import { ConfigView, type EntryChange, type EntryFilter } from "./view.ts";

export interface ConfigServerOptions {
  /**
   * Which entries a client may see; undefined turns it away. By the plane of its identity, or, without one, by the name
   * that it gave itself. The same function for clients that may see the same: what is sent to them is made once.
   */
  readonly select: (client: string) => EntryFilter | undefined;
  /** Sent to a client before its first update, as commands: what it must know to read the entries. */
  readonly preface?: () => readonly Command[];
  readonly onObserved?: (client: string, observation: ObservedFrame, status: ClientStatus) => void;
  readonly onAcknowledged?: (status: ClientStatus) => void;
  readonly onConnected?: (client: string, status: ClientStatus) => void;
  readonly onDisconnected?: (client: string, reason: EndReason, status: ClientStatus) => void;
  /** See Connection: a client silent for this long is dropped. Default 15,000; 0: never. */
  readonly silenceMs?: number;
  /** How long a publication waits for acknowledgements before it is reported with those missing. Default 10,000. */
  readonly liveTimeoutMs?: number;
}

export interface Publication {
  readonly digest: string;
  /** Keys that differ from the publication before. */
  readonly changed: readonly string[];
  /** Settles when every client that was connected at publishing has it in use, has gone, or has run out of time. */
  readonly live: Promise<readonly Liveness[]>;
}

/** A client whose identity someone else vouches for. */
export interface VouchedPeer {
  readonly identity: PodIdentity;
  /** It sent another token on the same connection. */
  readonly onToken: (token: string) => void;
  readonly onEnd: () => void;
}

/** What the one who vouches can do to the connection. */
export interface ServedPeer {
  /** Tells why, and ends it. */
  refuse(reason: string): void;
}

interface Client {
  readonly connection: Connection<ClientFrame>;
  readonly peer: VouchedPeer | undefined;
  state: ClientState | undefined;
  /** Called with what each command came to, by its id. */
  readonly commands: Map<number, (outcomes: readonly CommandOutcome[]) => void>;
}

/** How long an encoded frame is kept for others who need the same. */
const KEEP_FRAMES_MS = 2000;

export class ConfigServer implements AsyncDisposable {
  readonly #options: ConfigServerOptions;
  readonly #id = randomUUID();
  readonly #clients = new Set<Client>();
  /** By filter, with the clients that have it. */
  readonly #views = new Map<EntryFilter, { readonly view: ConfigView; clients: number }>();
  readonly #everything = new ConfigView(() => true);
  readonly #waiters: PublicationWaiters;
  readonly #listeners: Server[] = [];
  readonly #keepFrames: NodeJS.Timeout;
  #entries: ReadonlyMap<string, Entry> = new Map();
  /** Nothing was published yet: clients wait. */
  #isEmpty = true;
  #revision = 0;
  #term = 0;
  #commandId = 0;

  constructor(options: ConfigServerOptions) {
    this.#options = options;
    this.#waiters = new PublicationWaiters(options.liveTimeoutMs ?? 10_000);
    this.#keepFrames = setTimeout(() => {
      for (const { view } of this.#views.values()) view.forgetFrames();
    }, KEEP_FRAMES_MS).unref();
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** Those that have said hello. */
  get clients(): readonly ClientStatus[] {
    return [...this.#clients].flatMap(({ state }) => state ?? []);
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

  /** Serves one client over a stream that is already there: a socket pair to a child, a TLS connection of a pod that a `peer` vouches for. */
  attach(socket: Duplex, peer?: VouchedPeer): ServedPeer {
    const client: Client = {
      connection: new Connection<ClientFrame>({
        socket,
        maxFrameBytes: peer === undefined ? MAX_CLIENT_FRAME_BYTES : MAX_POD_FRAME_BYTES,
        read: asClientFrame,
        onFrame: (frame) => this.#onFrame(client, frame),
        onEnd: (reason) => this.#onEnd(client, reason),
        silenceMs: this.#options.silenceMs ?? 15_000,
      }),
      peer,
      state: undefined,
      commands: new Map(),
    };
    this.#clients.add(client);
    return { refuse: (reason) => refuse(client, reason) };
  }

  /**
   * Makes this the configuration; clients are sent what differs for them. `newness` says how new it is: in a cluster the
   * largest resourceVersion that it was made from, which every replica reads alike. It does not go down while this server
   * lives: a smaller one is taken for the last. See replica-choice.ts for what it is used for.
   */
  publish(entries: Iterable<Entry>, newness = 0): Publication {
    const before = this.#entries;
    const revision = Math.max(newness, this.#revision);
    this.#entries = new Map(Array.from(entries, (entry) => [entry.key, entry]));
    const isNews = this.#isEmpty || revision !== this.#revision;
    this.#isEmpty = false;
    this.#revision = revision;
    const changes = changesOf(before, this.#entries);
    this.#everything.step(this.#entries, changes, revision);
    for (const { view } of this.#views.values()) view.step(this.#entries, changes, revision);
    const states = [...this.#clients].flatMap(({ state }) => state ?? []);
    const live = Promise.all(states.map((state) => this.#waiters.wait(state)));
    for (const client of this.#clients) {
      const isTold = this.#advance(client);
      if (!isTold && (isNews || (changes.length > 0 && client.state?.isFollower === false))) this.#offer(client);
    }
    const changed = changes.filter(({ before: old, after }) => old?.version !== after?.version);
    return { digest: this.#everything.digest, changed: changed.map(({ key }) => key), live };
  }

  /** From now on the leader, in that term (its Lease's leaseTransitions, plus 1 since they begin with 0); 0: not any more. */
  lead(term: number): void {
    if (term === this.#term) return;
    this.#term = term;
    for (const client of this.#clients) this.#offer(client);
  }

  /** Sends a command to every client of that name ("" is all) and gathers the outcomes; a client that goes away counts as failed. */
  async command(clientName: string, command: Command): Promise<readonly CommandOutcome[]> {
    const targets = [...this.#clients].filter(
      ({ state }) => state !== undefined && (clientName === "" || state.client === clientName),
    );
    const outcomes = await Promise.all(targets.map((client) => this.#sendCommand(client, command)));
    return outcomes.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#keepFrames);
    for (const client of this.#clients) client.connection.close();
    await Promise.all(
      this.#listeners.map((listener) => new Promise<void>((resolve) => listener.close(() => resolve()))),
    );
  }

  #onFrame(client: Client, frame: ClientFrame): void {
    const { state, peer } = client;
    switch (frame.type) {
      case "token":
        if (peer === undefined) refuse(client, "tokens are not asked for here");
        else peer.onToken(frame.token);
        return;
      case "hello":
        return this.#onHello(client, frame);
      case "ack":
        if (state?.acknowledge(frame) !== true) return;
        this.#advance(client);
        this.#options.onAcknowledged?.(state);
        return;
      case "observed":
        if (state === undefined) return;
        state.observe(frame);
        this.#options.onObserved?.(state.client, frame, state);
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
    const isFirst = client.state === undefined;
    const state = client.state ?? this.#welcome(client, hello);
    if (state === undefined) return;
    state.greet(hello);
    if (isFirst) {
      this.#options.onConnected?.(state.client, state);
      for (const command of this.#options.preface?.() ?? []) void this.#sendCommand(client, command);
    }
    this.#advance(client);
    if (!hello.follow) this.#offer(client);
  }

  /** A state for a client that may be here; else it is told why not. */
  #welcome(client: Client, hello: HelloFrame): ClientState | undefined {
    if (hello.protocol !== PROTOCOL) return refuse(client, `this server speaks protocol ${PROTOCOL}`);
    const { peer } = client;
    const name = peer?.identity.plane ?? hello.client;
    const filter = this.#options.select(name);
    if (filter === undefined) return refuse(client, "there is no configuration of that name");
    client.state = new ClientState(name, this.#takeView(filter), filter, peer?.identity);
    return client.state;
  }

  /** Sends what comes next, and settles those who wait for this client. True: it was sent something. */
  #advance(client: Client): boolean {
    const { state } = client;
    if (state === undefined || this.#isEmpty) return false;
    const frame = state.next();
    if (frame !== undefined) {
      client.connection.sendBytes(frame);
      this.#keepFrames.refresh();
    }
    this.#waiters.check(state);
    return frame !== undefined;
  }

  #offer({ connection, state }: Client): void {
    if (state === undefined) return;
    const { digest } = state.view;
    connection.send({ type: "offer", server: this.#id, digest, revision: this.#revision, term: this.#term });
  }

  #takeView(filter: EntryFilter): ConfigView {
    const shared = this.#views.get(filter);
    if (shared !== undefined) {
      shared.clients += 1;
      return shared.view;
    }
    const view = new ConfigView(filter);
    if (!this.#isEmpty) view.begin(this.#entries, this.#revision);
    this.#views.set(filter, { view, clients: 1 });
    return view;
  }

  #releaseView(filter: EntryFilter): void {
    const shared = this.#views.get(filter);
    if (shared === undefined) return;
    shared.clients -= 1;
    if (shared.clients === 0) this.#views.delete(filter);
  }

  #sendCommand(client: Client, command: Command): Promise<readonly CommandOutcome[]> {
    const id = ++this.#commandId;
    return new Promise((resolve) => {
      client.commands.set(id, resolve);
      client.connection.send({ type: "command", id, name: command.name, argument: command.argument });
    });
  }

  #onEnd(client: Client, reason: EndReason): void {
    const { state, peer, commands } = client;
    this.#clients.delete(client);
    for (const resolve of commands.values()) resolve([{ error: `connection ${reason}` }]);
    peer?.onEnd();
    if (state === undefined) return;
    this.#waiters.drop(state);
    this.#releaseView(state.filter);
    this.#options.onDisconnected?.(state.client, reason, state);
  }
}

/** Tells the client why, and ends the connection. */
function refuse({ connection }: Client, reason: string): undefined {
  connection.sendBytes(encodeFrame({ type: "refused", reason }));
  connection.close();
}

function changesOf(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): EntryChange[] {
  const changes: EntryChange[] = [];
  for (const [key, entry] of after) {
    const old = before.get(key);
    // Another object of the same version may be for other clients: filters are asked of both.
    if (old !== entry) changes.push({ key, before: old, after: entry });
  }
  for (const [key, old] of before) if (!after.has(key)) changes.push({ key, before: old, after: undefined });
  return changes;
}
