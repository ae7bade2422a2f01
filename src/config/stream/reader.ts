/**
 * The reader's side of a client: what it holds, what it refused, what it observed. Updates and commands are handed on
 * one at a time, in the order they came, whatever connection they came by.
 */
import type { Entry } from "#src/config/model.ts";
import type { ClientObservation } from "./client-state.ts";
import { digestText } from "./entry.ts";
import type { AckFrame, CommandOutcome, UpdateFrame } from "./frame.ts";
import { difference, type Held, heldOf, HOLDS_NOTHING } from "./held.ts";
import type { Command, ConfigUpdate, Rejection } from "./update.ts";

export interface ConfigReaderOptions {
  /** Takes a step; returns what could not be used of it. A throw is a programming error and ends the process. */
  readonly apply: (update: ConfigUpdate) => readonly Rejection[] | Promise<readonly Rejection[]>;
  /** One outcome per process that carried it out; a throw is an outcome with `error`. */
  readonly command?: (command: Command) => readonly CommandOutcome[] | Promise<readonly CommandOutcome[]>;
}

export class ConfigReader {
  readonly #options: ConfigReaderOptions;
  /** Last observation by key and process, told again to a server that we connect to anew. */
  readonly #observed = new Map<string, ClientObservation>();
  /** By key: refused, and still part of the configuration. */
  readonly #rejected = new Map<string, Rejection>();
  #held: Held = HOLDS_NOTHING;
  #digest = "";
  #revision = 0;
  #updates = 0;
  /** The tail of what is being handed on. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: ConfigReaderOptions) {
    this.#options = options;
  }

  get held(): Held {
    return this.#held;
  }

  /** Of the last update that was applied; "" before the first. */
  get digest(): string {
    return this.#digest;
  }

  /** How new what is held is, see OfferFrame. */
  get revision(): number {
    return this.#revision;
  }

  /** How many updates were applied. */
  get updates(): number {
    return this.#updates;
  }

  get observed(): Iterable<ClientObservation> {
    return this.#observed.values();
  }

  get ack(): AckFrame {
    return { type: "ack", digest: this.#digest, rejected: [...this.#rejected.values()] };
  }

  observe(observation: ClientObservation): void {
    this.#observed.set(`${observation.key} ${observation.process ?? ""}`, observation);
  }

  /** Does it after everything that came before. */
  enqueue(task: () => void | Promise<void>): void {
    this.#work = this.#work.then(task);
  }

  /** Resolves when nothing is being handed on any more. */
  async settled(): Promise<void> {
    await this.#work;
  }

  /** Hands on what leads from what is held to `next`, the server's word after `frame`. */
  async take(base: Held, next: Held, frame: Pick<UpdateFrame, "upsert" | "remove" | "digest">): Promise<void> {
    // Held and named by the server alike: its step is ours. Else (it was told of nothing) the step is what differs.
    const { upsert, remove } =
      base === this.#held
        ? {
            upsert: frame.upsert.filter(({ key, version }) => base.entries.get(key)?.version !== version),
            remove: frame.remove.filter((key) => base.entries.has(key) && !next.entries.has(key)),
          }
        : difference(this.#held.entries, next.entries);
    const isFirst = this.#updates === 0;
    this.#held = next;
    this.#digest = frame.digest;
    if (isFirst || upsert.length > 0 || remove.length > 0) {
      await this.#handOn({ upsert, remove, entries: next.entries, digest: frame.digest });
    }
  }

  /** What was kept from before, as a first step. */
  async restore(entries: ReadonlyMap<string, Entry>, revision: number): Promise<void> {
    const next = heldOf(entries);
    this.#revision = revision;
    await this.take(this.#held, next, { upsert: [...entries.values()], remove: [], digest: digestText(next.sum) });
  }

  /** What is held is this new. */
  setRevision(revision: number): void {
    this.#revision = revision;
  }

  async command(command: Command): Promise<readonly CommandOutcome[]> {
    try {
      return (await this.#options.command?.(command)) ?? [];
    } catch (error) {
      return [{ error: error instanceof Error ? error.message : String(error) }];
    }
  }

  async #handOn(update: ConfigUpdate): Promise<void> {
    for (const { key } of update.upsert) this.#rejected.delete(key);
    for (const key of update.remove) {
      this.#rejected.delete(key);
      for (const [name, observation] of this.#observed) if (observation.key === key) this.#observed.delete(name);
    }
    for (const rejection of await this.#options.apply(update)) this.#rejected.set(rejection.key, rejection);
    this.#updates += 1;
  }
}
