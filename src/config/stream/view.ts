/**
 * What the clients share who may see the same entries: the digest, the last changes, and the frames made of them. A
 * change is filtered, hashed and serialised once for all of them. No socket and no clock in here.
 */
import type { Entry } from "#src/config/model.ts";
import { digestText, digestWeight } from "./entry.ts";
import { encodeFrame } from "./frame.ts";

/** Its answer for an entry is for good: one that becomes visible to others is another object of the same version. */
export type EntryFilter = (entry: Entry) => boolean;

/** What became of a key from one publication to the next; one of the two is there. */
export interface EntryChange {
  readonly key: string;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/** The version that each changed key had before the step; undefined: it was not there. */
type Step = ReadonlyMap<string, string | undefined>;

/** Changed keys that are remembered. Who is further behind tells anew what it has. */
const MAX_REMEMBERED_KEYS = 16_384;
/** In `#frames`: from nothing. */
const NOTHING = -1;

export class ConfigView {
  readonly #filter: EntryFilter;
  #entries: ReadonlyMap<string, Entry>;
  #sum = 0n;
  #digest = "";
  #generation = 0;
  #revision = 0;
  /** Step i led to generation `#generation - #steps.length + 1 + i`. */
  readonly #steps: Step[] = [];
  #rememberedKeys = 0;
  /** The last generation with each digest, as far back as the steps go. */
  readonly #generations = new Map<string, number>();
  /** By the generation that they are a step from. */
  readonly #frames = new Map<number, Buffer>();

  constructor(filter: EntryFilter) {
    this.#filter = filter;
    this.#entries = new Map();
  }

  /** "" until something is published. */
  get digest(): string {
    return this.#digest;
  }

  /** Counts the publications that changed something here. */
  get generation(): number {
    return this.#generation;
  }

  /** When it was the view's digest last; undefined: never, or too long ago. */
  generationOf(digest: string): number | undefined {
    return this.#generations.get(digest);
  }

  /** Begins with a configuration that is already public. */
  begin(entries: ReadonlyMap<string, Entry>, revision: number): void {
    this.#entries = entries;
    this.#revision = revision;
    for (const entry of entries.values()) {
      if (this.#filter(entry)) this.#sum += digestWeight(entry.key, entry.version);
    }
    this.#remember();
  }

  /** Goes on to the next publication. */
  step(entries: ReadonlyMap<string, Entry>, changes: readonly EntryChange[], revision: number): void {
    const step = new Map<string, string | undefined>();
    for (const { key, before, after } of changes) {
      const had = before !== undefined && this.#filter(before);
      const has = after !== undefined && this.#filter(after);
      if (had && has && before.version === after.version) continue;
      if (had) this.#sum -= digestWeight(key, before.version);
      if (has) this.#sum += digestWeight(key, after.version);
      if (had || has) step.set(key, had ? before.version : undefined);
    }
    this.#entries = entries;
    this.#revision = revision;
    this.#frames.clear();
    if (step.size > 0) this.#keep(step);
    this.#remember();
  }

  /** The update from that generation to now, encoded; undefined: it is no longer known what it was. */
  updateSince(generation: number): Buffer | undefined {
    const known = this.#frames.get(generation);
    if (known !== undefined) return known;
    const changed = this.#changedSince(generation);
    if (changed === undefined) return undefined;
    const upsert: Entry[] = [];
    const remove: string[] = [];
    for (const [key, had] of changed) {
      const entry = this.#find(key);
      if (entry === undefined) {
        if (had !== undefined) remove.push(key);
      } else if (entry.version !== had) upsert.push(entry);
    }
    return this.#encode(generation, upsert, remove);
  }

  /** The update for one who holds these versions, encoded. */
  updateFrom(have: ReadonlyMap<string, string>): Buffer {
    const known = have.size === 0 ? this.#frames.get(NOTHING) : undefined;
    if (known !== undefined) return known;
    const upsert: Entry[] = [];
    for (const entry of this.#entries.values()) {
      if (have.get(entry.key) !== entry.version && this.#filter(entry)) upsert.push(entry);
    }
    const remove = [...have.keys()].filter((key) => this.#find(key) === undefined);
    return this.#encode(have.size === 0 ? NOTHING : undefined, upsert, remove);
  }

  /** Keys that have become something else since then; undefined: any may have. */
  behind(generation: number | undefined): ReadonlySet<string> | undefined {
    if (generation === undefined) return undefined;
    const changed = this.#changedSince(generation);
    if (changed === undefined) return undefined;
    return new Set(changed.entries().flatMap(([key, had]) => (this.#find(key)?.version === had ? [] : [key])));
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  /** Drops encoded frames, the largest of which is everything: they are for those who come together. */
  forgetFrames(): void {
    this.#frames.clear();
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && this.#filter(entry) ? entry : undefined;
  }

  /** Changed keys with the version they had at that generation. */
  #changedSince(generation: number): ReadonlyMap<string, string | undefined> | undefined {
    const back = this.#generation - generation;
    if (back < 0 || back > this.#steps.length) return undefined;
    const steps = this.#steps.slice(this.#steps.length - back);
    if (steps.length === 1) return steps[0]!;
    const changed = new Map<string, string | undefined>();
    for (const step of steps) for (const [key, had] of step) if (!changed.has(key)) changed.set(key, had);
    return changed;
  }

  #keep(step: Step): void {
    this.#generation += 1;
    this.#steps.push(step);
    this.#rememberedKeys += step.size;
    while (this.#steps.length > 1 && this.#rememberedKeys > MAX_REMEMBERED_KEYS) {
      this.#rememberedKeys -= this.#steps.shift()!.size;
    }
    const oldest = this.#generation - this.#steps.length;
    for (const [digest, generation] of this.#generations) {
      if (generation >= oldest) break;
      this.#generations.delete(digest);
    }
  }

  #remember(): void {
    this.#digest = digestText(this.#sum);
    // Deleted first, so that the map stays in the order of generations.
    this.#generations.delete(this.#digest);
    this.#generations.set(this.#digest, this.#generation);
  }

  #encode(from: number | undefined, upsert: readonly Entry[], remove: readonly string[]): Buffer {
    const frame = encodeFrame({ type: "update", upsert, remove, digest: this.#digest, revision: this.#revision });
    if (from !== undefined) this.#frames.set(from, frame);
    return frame;
  }
}
