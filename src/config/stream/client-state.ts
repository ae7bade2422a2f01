/** What a config stream's server knows about one client, and what to send it next. No socket and no clock in here. */
import type { Entry } from "#src/config/model.ts";
import { digestOf } from "./entry.ts";
import type { AckFrame, HelloFrame, UpdateFrame } from "./frame.ts";
import type { Rejection } from "./update.ts";

export type EntryFilter = (entry: Entry) => boolean;

export class ClientState {
  readonly name: string;
  readonly #filter: EntryFilter;
  /** Versions by key after the last update that was sent: it applies whole, so this is what the client holds. */
  #have: Map<string, string>;
  /** The update that waits for its ack. At most one: what changes meanwhile goes out together afterwards. */
  #unacknowledged: { readonly digest: string; readonly generation: number } | undefined;
  #greeted = true;
  #rejected: readonly Rejection[] = [];
  #acknowledgedGeneration = 0;
  #acknowledgedDigest: string | undefined;

  constructor(hello: HelloFrame, filter: EntryFilter) {
    this.name = hello.client;
    this.#filter = filter;
    this.#have = new Map(Object.entries(hello.have));
  }

  /** The last generation that the client has in use. */
  get acknowledgedGeneration(): number {
    return this.#acknowledgedGeneration;
  }

  get acknowledgedDigest(): string | undefined {
    return this.#acknowledgedDigest;
  }

  /** What it refused of the acknowledged configuration. */
  get rejected(): readonly Rejection[] {
    return this.#rejected;
  }

  /** A repeated hello: the client says anew what it holds and waits for the difference. */
  greet(hello: HelloFrame): void {
    this.#have = new Map(Object.entries(hello.have));
    this.#unacknowledged = undefined;
    this.#greeted = true;
  }

  /** The update to send now, or undefined: nothing differs, or an ack is awaited. */
  next(entries: ReadonlyMap<string, Entry>, generation: number): UpdateFrame | undefined {
    if (this.#unacknowledged !== undefined) return undefined;
    const wanted = new Map<string, Entry>();
    for (const [key, entry] of entries) if (this.#filter(entry)) wanted.set(key, entry);
    const upsert = [...wanted.values()].filter(({ key, version }) => this.#have.get(key) !== version);
    const remove = [...this.#have.keys()].filter((key) => !wanted.has(key));
    if (upsert.length === 0 && remove.length === 0 && !this.#greeted) {
      this.#acknowledgedGeneration = generation;
      return undefined;
    }
    this.#greeted = false;
    this.#have = new Map(Array.from(wanted.values(), ({ key, version }) => [key, version]));
    const digest = digestOf(wanted.values());
    this.#unacknowledged = { digest, generation };
    return { type: "update", upsert, remove, digest };
  }

  /** False: not an answer to what was sent last (the client has said hello since), nothing changed. */
  acknowledge(ack: AckFrame): boolean {
    if (this.#unacknowledged?.digest !== ack.digest) return false;
    this.#acknowledgedGeneration = this.#unacknowledged.generation;
    this.#acknowledgedDigest = ack.digest;
    this.#rejected = ack.rejected;
    this.#unacknowledged = undefined;
    return true;
  }
}
