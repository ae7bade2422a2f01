/**
 * The config stream's client in a cluster: connected to every replica of the controller, it takes the configuration from
 * one of them (replica-choice.ts) and tells all what it has in use, so that whoever becomes leader knows it already.
 */
import type { Duplex } from "node:stream";
import type { Entry } from "#src/config/model.ts";
import { type BackoffPolicy, backoffMs } from "#src/process/backoff.ts";
import { type Clock, systemClock } from "#src/process/clock.ts";
import type { ClientObservation } from "./client-state.ts";
import type { EndReason } from "./connection.ts";
import type { OfferFrame, UpdateFrame } from "./frame.ts";
import { ServerLink } from "./link.ts";
import { ConfigReader, type ConfigReaderOptions } from "./reader.ts";
import { chooseReplica, type HeldRevision, isBehind, isBelieved, type Replica } from "./replica-choice.ts";
import type { Snapshot } from "./snapshot.ts";

export interface ReplicaClientOptions extends ConfigReaderOptions {
  /** Whom the servers should take us for; what we may see follows from the token. */
  readonly name: string;
  /** The addresses of all replicas as of now; a rejection keeps those known. */
  readonly resolve: () => Promise<readonly string[]>;
  /** Opens the stream to one of them. Throws when it cannot even try. */
  readonly connect: (address: string) => Duplex;
  /** The token as of now: it changes in its file. Throws when there is none. */
  readonly token: () => string;
  readonly reconnect: BackoffPolicy;
  /** What was kept from before: in use at once. */
  readonly restored?: Snapshot | undefined;
  readonly onConnected?: (address: string) => void;
  /** It was connected, or could not be at the first try. */
  readonly onDisconnected?: (address: string, reason: string) => void;
  /** The configuration comes from there from now on. */
  readonly onFollowing?: (address: string) => void;
  /** There is another content in use than before: to be kept. */
  readonly onChanged?: (snapshot: Snapshot) => void;
  /** See Connection. Default 15,000. */
  readonly silenceMs?: number;
  /** Between two looks at the addresses. Default 5,000. */
  readonly resolveMs?: number;
  /** Between two looks at the token. Default 30,000. */
  readonly tokenMs?: number;
  readonly clock?: Pick<Clock, "now">;
}

/** Where what is in use came from. */
export type ConfigOrigin = "none" | "snapshot" | "stream";

/** One address, connected or to be connected again. */
interface Place {
  readonly address: string;
  link: ServerLink | undefined;
  token: string;
  offer: OfferFrame | undefined;
  behindSince: number | undefined;
  attempt: number;
  retry: NodeJS.Timeout | undefined;
  /** The server that another place is connected to as well. */
  twinOf: string | undefined;
  /** What the server said before it ended the connection. */
  refusal: string | undefined;
}

/** A Deployment's replicas, twice when they have addresses of both families. */
const MAX_PLACES = 16;

export class ReplicaClient implements AsyncDisposable {
  readonly #options: ReplicaClientOptions;
  readonly #reader: ConfigReader;
  readonly #clock: Pick<Clock, "now">;
  readonly #places = new Map<string, Place>();
  readonly #tokens: NodeJS.Timeout;
  #look: NodeJS.Timeout | undefined;
  #followed: Place | undefined;
  #origin: ConfigOrigin = "none";
  #problem = "none was tried yet";
  #keptDigest = "";
  #closed = false;

  constructor(options: ReplicaClientOptions) {
    const { restored, tokenMs = 30_000 } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#reader = new ConfigReader(options);
    if (restored !== undefined) {
      this.#origin = "snapshot";
      this.#keptDigest = restored.digest;
      this.#reader.enqueue(() => this.#reader.restore(restored.entries, restored.revision));
    }
    this.#tokens = setInterval(() => this.#renewTokens(), tokenMs);
    // After what is kept is in use: a server is told of it.
    this.#reader.enqueue(() => void this.#lookAround());
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#reader.held.entries;
  }

  /** Of the last update that was applied; "" before the first. */
  get digest(): string {
    return this.#reader.digest;
  }

  /** How new what is held is. */
  get revision(): number {
    return this.#reader.revision;
  }

  get updates(): number {
    return this.#reader.updates;
  }

  get origin(): ConfigOrigin {
    return this.#origin;
  }

  get isConnected(): boolean {
    return this.connectedServers > 0;
  }

  /** Servers that have let us in. */
  get connectedServers(): number {
    return [...this.#places.values()].filter(({ offer }) => offer !== undefined).length;
  }

  /** The address that the configuration comes from. */
  get following(): string | undefined {
    return this.#followed?.address;
  }

  /** Why there is nothing from a server: the last that went wrong. */
  get problem(): string {
    return this.#problem;
  }

  observe(observation: ClientObservation): void {
    this.#reader.observe(observation);
    for (const { link } of this.#places.values()) link?.observe(observation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#look);
    clearInterval(this.#tokens);
    for (const { link, retry } of this.#places.values()) {
      clearTimeout(retry);
      link?.close();
    }
    await this.#reader.settled();
  }

  /** Looks for replicas that have come, again and again. */
  async #lookAround(): Promise<void> {
    const { resolve, resolveMs = 5000 } = this.#options;
    try {
      this.#settlePlaces(await resolve());
    } catch (error) {
      this.#problem = messageOf(error);
    }
    if (this.#closed) return;
    // A leader may be believed by now.
    this.#choose();
    this.#look = setTimeout(() => void this.#lookAround(), resolveMs * (0.8 + 0.4 * Math.random()));
  }

  #settlePlaces(addresses: readonly string[]): void {
    if (this.#closed) return;
    if (addresses.length === 0) this.#problem = "the name has no addresses";
    const wanted = new Set(addresses);
    for (const place of this.#places.values()) {
      // A connection lives as long as its server, whatever the name says.
      if (wanted.has(place.address) || place.link !== undefined) continue;
      clearTimeout(place.retry);
      this.#places.delete(place.address);
    }
    for (const address of wanted) {
      const place = this.#places.get(address);
      if (place === undefined) {
        if (this.#places.size < MAX_PLACES) this.#open(this.#addPlace(address));
      } else if (place.twinOf !== undefined && !this.#isServedElsewhere(place, place.twinOf)) this.#open(place);
    }
  }

  #addPlace(address: string): Place {
    const place: Place = {
      address,
      link: undefined,
      token: "",
      offer: undefined,
      behindSince: undefined,
      attempt: 0,
      retry: undefined,
      twinOf: undefined,
      refusal: undefined,
    };
    this.#places.set(address, place);
    return place;
  }

  #open(place: Place): void {
    const { name, connect, token, silenceMs = 15_000 } = this.#options;
    place.twinOf = undefined;
    place.refusal = undefined;
    try {
      place.token = token();
      place.link = new ServerLink({
        name,
        socket: connect(place.address),
        reader: this.#reader,
        silenceMs,
        token: place.token,
        onOpen: () => this.#greet(place),
        onOffer: (offer) => this.#onOffer(place, offer),
        accepts: (update) => this.#accepts(place, update),
        onTaken: (update) => this.#onTaken(place, update),
        onRefused: (reason) => (place.refusal = reason),
        onEnd: (reason, detail) => this.#onEnd(place, reason, detail),
      });
      place.link.start();
    } catch (error) {
      this.#retry(place, messageOf(error));
    }
  }

  #greet({ link }: Place): void {
    if (link === undefined) return;
    link.watch();
    this.#reader.enqueue(() => {
      for (const observation of this.#reader.observed) link.observe(observation);
      link.acknowledge();
    });
  }

  #onOffer(place: Place, offer: OfferFrame): void {
    if (place.offer === undefined) {
      if (this.#isServedElsewhere(place, offer.server)) {
        place.twinOf = offer.server;
        place.link?.close();
        return;
      }
      place.attempt = 0;
      this.#options.onConnected?.(place.address);
    }
    place.offer = offer;
    if (offer.digest === "") this.#problem = `${place.address}: it has none yet`;
    this.#choose();
  }

  #onTaken(place: Place, { digest, revision }: UpdateFrame): void {
    const held = this.#heldRevision;
    const wasKept = this.#keptDigest === digest;
    this.#origin = "stream";
    if (place.offer !== undefined) place.offer = { ...place.offer, digest, revision };
    // The same content is as new as it was known to be; the store of a leader that is believed counts from its own number.
    this.#reader.setRevision(this.#isBelieved(place) ? revision : Math.max(revision, held.revision));
    for (const { link, offer } of this.#places.values()) if (offer !== undefined) link?.acknowledge();
    if (!wasKept) {
      this.#keptDigest = digest;
      this.#options.onChanged?.({ entries: this.entries, digest, revision: this.revision });
    }
    this.#choose();
  }

  #accepts(place: Place, update: UpdateFrame): boolean {
    if (!isBehind(update, this.#heldRevision) || this.#isBelieved(place)) return true;
    if (place.offer !== undefined) place.offer = { ...place.offer, digest: update.digest, revision: update.revision };
    this.#followed = undefined;
    return false;
  }

  #choose(): void {
    const now = this.#clock.now();
    const replicas = this.#replicas(now);
    const id = chooseReplica(replicas, this.#followed?.address, now);
    const chosen = id === undefined ? undefined : this.#places.get(id);
    if (chosen === this.#followed) return;
    if (this.#followed?.link?.isFollowing === true) this.#followed.link.watch();
    this.#followed = chosen;
    if (chosen === undefined) return;
    chosen.link?.follow(chosen.offer?.digest);
    this.#options.onFollowing?.(chosen.address);
  }

  get #heldRevision(): HeldRevision {
    return { digest: this.#reader.digest, revision: this.#reader.revision };
  }

  #replicas(now: number): Replica[] {
    const replicas: Replica[] = [];
    for (const place of this.#places.values()) {
      if (place.offer === undefined) continue;
      const { digest, revision, term } = place.offer;
      place.behindSince = isBehind(place.offer, this.#heldRevision) ? (place.behindSince ?? now) : undefined;
      replicas.push({ id: place.address, digest, revision, term, behindSince: place.behindSince });
    }
    return replicas;
  }

  #isBelieved({ address, offer, behindSince }: Place): boolean {
    return offer !== undefined && isBelieved({ id: address, ...offer, behindSince }, this.#clock.now());
  }

  #isServedElsewhere(place: Place, server: string): boolean {
    return [...this.#places.values()].some((other) => other !== place && other.offer?.server === server);
  }

  #onEnd(place: Place, reason: EndReason, detail: string | undefined): void {
    place.link = undefined;
    place.offer = undefined;
    place.behindSince = undefined;
    if (this.#closed || place.twinOf !== undefined) return;
    this.#retry(place, place.refusal === undefined ? (detail ?? reason) : `refused: ${place.refusal}`);
    if (this.#followed === place) this.#followed = undefined;
    this.#choose();
  }

  #retry(place: Place, why: string): void {
    this.#problem = `${place.address}: ${why}`;
    // The first of a row of failures; getting in ends the row.
    if (place.attempt === 0) this.#options.onDisconnected?.(place.address, why);
    const ms = backoffMs(this.#options.reconnect, place.attempt, Math.random());
    place.attempt += 1;
    place.retry = setTimeout(() => this.#open(place), ms);
  }

  #renewTokens(): void {
    for (const place of this.#places.values()) {
      if (place.offer === undefined) continue;
      try {
        const token = this.#options.token();
        if (token === place.token) continue;
        place.token = token;
        place.link?.sendToken(token);
      } catch (error) {
        this.#problem = messageOf(error);
      }
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
