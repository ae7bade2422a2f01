/** How long work of a few kinds took: a histogram, for a program without data processes. */
import { DURATION_SECONDS } from "#src/metrics/declaration.ts";
import type { CollectedMetric } from "#src/metrics/registry.ts";

export class DurationMetric<Kind extends string> {
  readonly metric: CollectedMetric;
  /** By kind: one slot for each bound, one for what is longer, and the sum in seconds. */
  readonly #slots: ReadonlyMap<Kind, number[]>;

  constructor(name: string, help: string, kinds: readonly Kind[]) {
    this.#slots = new Map(kinds.map((kind) => [kind, Array.from({ length: DURATION_SECONDS.length + 2 }, () => 0)]));
    this.metric = {
      type: "histogram",
      name,
      help,
      labels: ["kind"],
      buckets: DURATION_SECONDS,
      collect: () => Array.from(this.#slots, ([kind, slots]) => ({ labels: { kind }, slots })),
    };
  }

  /** By kind, how often and how long altogether. */
  get figures(): Readonly<Record<string, { readonly count: number; readonly seconds: number }>> {
    return Object.fromEntries(
      Array.from(this.#slots, ([kind, slots]) => [
        kind,
        { count: slots.slice(0, -1).reduce((sum, count) => sum + count, 0), seconds: slots.at(-1)! },
      ]),
    );
  }

  measure<T>(kind: Kind, work: () => T): T {
    const begun = performance.now();
    const result = work();
    this.#observe(kind, (performance.now() - begun) / 1000);
    return result;
  }

  #observe(kind: Kind, seconds: number): void {
    const slots = this.#slots.get(kind)!;
    const bucket = DURATION_SECONDS.findIndex((bound) => seconds <= bound);
    slots[bucket === -1 ? DURATION_SECONDS.length : bucket]! += 1;
    slots[slots.length - 1]! += seconds;
  }
}
