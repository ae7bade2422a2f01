/** A configuration as a client holds it, and the step that an update is from one to the next. Pure. */
import type { Entry } from "#src/config/model.ts";
import { digestText, digestWeight } from "./entry.ts";
import type { UpdateFrame } from "./frame.ts";

export interface Held {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Of the entries' weights, see digestWeight. */
  readonly sum: bigint;
}

export const HOLDS_NOTHING: Held = { entries: new Map(), sum: 0n };

export function heldOf(entries: ReadonlyMap<string, Entry>): Held {
  let sum = 0n;
  for (const { key, version } of entries.values()) sum += digestWeight(key, version);
  return { entries, sum };
}

/** What is held after the update; undefined: its digest is another, server and client disagree about what was held. */
export function stepFrom(
  held: Held,
  { upsert, remove, digest }: Pick<UpdateFrame, "upsert" | "remove" | "digest">,
): Held | undefined {
  const entries = new Map(held.entries);
  let { sum } = held;
  for (const key of remove) {
    const old = entries.get(key);
    if (old === undefined) continue;
    sum -= digestWeight(key, old.version);
    entries.delete(key);
  }
  for (const entry of upsert) {
    const old = entries.get(entry.key);
    if (old?.version === entry.version) continue;
    if (old !== undefined) sum -= digestWeight(entry.key, old.version);
    sum += digestWeight(entry.key, entry.version);
    entries.set(entry.key, entry);
  }
  return digestText(sum) === digest ? { entries, sum } : undefined;
}

/** The least that leads from one to the other. */
export function difference(
  before: ReadonlyMap<string, Entry>,
  after: ReadonlyMap<string, Entry>,
): { readonly upsert: readonly Entry[]; readonly remove: readonly string[] } {
  return {
    upsert: [...after.values()].filter(({ key, version }) => before.get(key)?.version !== version),
    remove: [...before.keys()].filter((key) => !after.has(key)),
  };
}
