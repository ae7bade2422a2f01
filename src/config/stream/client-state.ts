/** What a config stream's server knows about one client, and what to send it next. No socket and no clock in here. */
import { type AckFrame, encodeFrame, type HelloFrame, type ObservedFrame } from "./frame.ts";
import type { PodIdentity } from "./identity.ts";
import type { Observation, Rejection } from "./update.ts";
import type { ConfigView, EntryFilter } from "./view.ts";

/** An observation, and which data process made it; absent: the main. */
export type ClientObservation = Observation & { readonly process?: number };

/** One client as others see it, always as of now. */
export interface ClientStatus {
  /** Its plane, when it has an identity; else the name that it gave itself. */
  readonly client: string;
  /** Absent on sockets that only we can open. */
  readonly identity: PodIdentity | undefined;
  /** It takes its configuration from this server; else it only says what it has from another. */
  readonly isFollower: boolean;
  /** What it has in use. */
  readonly acknowledgedDigest: string | undefined;
  /** That is what the server has for it. */
  readonly isCurrent: boolean;
  /** What it refused of that. */
  readonly rejected: readonly Rejection[];
  /** Keys whose present state it has not in use yet; undefined: any, it is not known what it has. */
  readonly behind: ReadonlySet<string> | undefined;
  /** The last observation of each key and process. */
  readonly observed: Iterable<ClientObservation>;
}

/** Observations that are kept of one client, and the longest of them; those beyond are dropped. */
const MAX_OBSERVATIONS = 65_536;
const MAX_OBSERVATION_LENGTH = 2048;
const WANT = encodeFrame({ type: "want" });

export class ClientState implements ClientStatus {
  readonly client: string;
  readonly identity: PodIdentity | undefined;
  readonly view: ConfigView;
  readonly filter: EntryFilter;
  readonly #observed = new Map<string, ClientObservation>();
  #follows = false;
  /** The view's generation that the updates sent so far lead to. */
  #sent: number | undefined;
  /** What its hello said, until the first update. */
  #have: ReadonlyMap<string, string> | undefined;
  /** A hello is answered even when there is nothing to change. */
  #greeted = false;
  /** Digest of the update that waits for its ack. At most one: what changes meanwhile goes out together afterwards. */
  #awaited: string | undefined;
  #acknowledgedDigest: string | undefined;
  #rejected: readonly Rejection[] = [];

  constructor(client: string, view: ConfigView, filter: EntryFilter, identity?: PodIdentity) {
    this.client = client;
    this.view = view;
    this.filter = filter;
    this.identity = identity;
  }

  get isFollower(): boolean {
    return this.#follows;
  }

  get acknowledgedDigest(): string | undefined {
    return this.#acknowledgedDigest;
  }

  get isCurrent(): boolean {
    return this.#acknowledgedDigest === this.view.digest;
  }

  get rejected(): readonly Rejection[] {
    return this.#rejected;
  }

  get behind(): ReadonlySet<string> | undefined {
    return this.view.behind(this.acknowledgedGeneration);
  }

  get observed(): Iterable<ClientObservation> {
    return this.#observed.values();
  }

  /** The view's last generation that the client has in use. */
  get acknowledgedGeneration(): number | undefined {
    return this.#acknowledgedDigest === undefined ? undefined : this.view.generationOf(this.#acknowledgedDigest);
  }

  /** The client says anew what it holds, and whether it waits for the difference. */
  greet({ follow, digest, have }: HelloFrame): void {
    this.#follows = follow;
    this.#awaited = undefined;
    this.#have = have === undefined ? undefined : new Map(Object.entries(have));
    this.#sent = digest === undefined ? undefined : this.view.generationOf(digest);
    this.#greeted = true;
  }

  /** The encoded frame to send now, or undefined: nothing differs, an ack is awaited, or it does not follow. */
  next(): Buffer | undefined {
    if (!this.#follows || this.#awaited !== undefined) return undefined;
    const { digest, generation } = this.view;
    if (digest === "" || (this.#sent === generation && !this.#greeted)) return undefined;
    const update = this.#update();
    if (update === undefined) {
      this.#follows = false;
      return WANT;
    }
    this.#greeted = false;
    this.#have = undefined;
    this.#sent = generation;
    this.#awaited = digest;
    return update;
  }

  /** False: not an answer to what was sent last (the client has said hello since), nothing changed. */
  acknowledge(ack: AckFrame): boolean {
    if (this.#awaited !== undefined && this.#awaited !== ack.digest) return false;
    this.#awaited = undefined;
    this.#acknowledgedDigest = ack.digest;
    this.#rejected = ack.rejected;
    if (this.isCurrent) {
      for (const [name, { key }] of this.#observed) if (!this.view.has(key)) this.#observed.delete(name);
    }
    return true;
  }

  observe({ key, version, state, process }: ObservedFrame): void {
    const name = `${key} ${process ?? ""}`;
    if (name.length + version.length + state.length > MAX_OBSERVATION_LENGTH) return;
    if (this.#observed.size >= MAX_OBSERVATIONS && !this.#observed.has(name)) return;
    this.#observed.set(name, { key, version, state, ...(process === undefined ? {} : { process }) });
  }

  #update(): Buffer | undefined {
    if (this.#have !== undefined) return this.view.updateFrom(this.#have);
    return this.#sent === undefined ? undefined : this.view.updateSince(this.#sent);
  }
}
