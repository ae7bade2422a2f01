/**
 * Which index each configured tuple of labels has. The main assigns, in the configuration's order, and tells the data
 * processes; a tuple keeps its index while it is configured, and after that until nothing unused is left.
 */
import type { Entry } from "#src/config/model.ts";
import type { CappedDimension } from "./declaration.ts";

/** Index of all tuples that have none of their own. */
const OTHER = 0;

/** How many indexes a dimension has, that of all others included. */
export const indexesOf = ({ cap, always }: CappedDimension): number => cap + 1 + (always?.length ?? 0);

/** A table as it is sent: the tuple at each index; [] where there is none, as at `OTHER`. */
export type TableImage = readonly (readonly string[])[];

export class LabelTable {
  readonly dimension: CappedDimension;
  readonly #tuples: (readonly string[])[];
  readonly #indexes = new Map<string, number>();
  /** Indexes whose tuple is no longer configured, the longest so first. */
  readonly #released = new Set<number>();
  #unused = 1;

  constructor(dimension: CappedDimension) {
    this.dimension = dimension;
    this.#tuples = Array.from({ length: indexesOf(dimension) }, () => []);
    for (const tuple of dimension.always ?? []) this.#put(this.#unused++, tuple);
  }

  indexOf(tuple: readonly string[]): number {
    return this.#indexes.get(keyOf(tuple)) ?? OTHER;
  }

  /** The labels' values at an index: `other` at 0, undefined where there is none. */
  tupleAt(index: number): readonly string[] | undefined {
    if (index === OTHER) return this.dimension.labels.map(() => "other");
    const tuple = this.#tuples[index]!;
    return tuple.length === 0 ? undefined : tuple;
  }

  /** Main: gives indexes to what the configuration names. Returns those that name something else than before. */
  assign(entries: Iterable<Entry>): number[] {
    const wanted = new Map((this.dimension.always ?? []).map((tuple) => [keyOf(tuple), tuple]));
    for (const entry of entries) for (const tuple of this.dimension.tuples(entry)) wanted.set(keyOf(tuple), tuple);
    for (const [key, index] of this.#indexes) {
      if (wanted.has(key)) this.#released.delete(index);
      else this.#released.add(index);
    }
    const changed: number[] = [];
    for (const [key, tuple] of wanted) {
      if (this.#indexes.has(key)) continue;
      const index = this.#take();
      if (index === undefined) break;
      this.#indexes.delete(keyOf(this.#tuples[index]!));
      this.#put(index, tuple);
      changed.push(index);
    }
    return changed;
  }

  image(): TableImage {
    return this.#tuples;
  }

  /** Data process: takes over what the main assigned. */
  adopt(image: TableImage): void {
    this.#indexes.clear();
    for (const [index, tuple] of image.entries()) this.#put(index, tuple);
  }

  #put(index: number, tuple: readonly string[]): void {
    this.#tuples[index] = tuple;
    if (tuple.length > 0) this.#indexes.set(keyOf(tuple), index);
  }

  #take(): number | undefined {
    if (this.#unused < this.#tuples.length) return this.#unused++;
    const [oldest] = this.#released;
    if (oldest !== undefined) this.#released.delete(oldest);
    return oldest;
  }
}

const keyOf = (tuple: readonly string[]): string => tuple.join("\0");
