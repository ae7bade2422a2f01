/** Versions and digests: names of contents, so that any two servers agree without asking each other. */
import { hash } from "node:crypto";
import type { Entry, EntryValue } from "#src/config/model.ts";

/** An entry with the version that its value has. */
export function toEntry(key: string, value: EntryValue): Entry {
  return { key, version: versionOf(value), value };
}

/** First 16 hex digits of SHA-256 over the value's canonical JSON: members sorted by name, undefined ones left out. */
export function versionOf(value: unknown): string {
  return hash("sha256", canonicalJson(value)).slice(0, 16);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** Names a whole configuration: 16 hex digits, the sum of its entries' own, so the order does not matter. */
export function digestOf(entries: Iterable<Entry>): string {
  let sum = 0n;
  for (const { key, version } of entries) {
    sum += BigInt(`0x${hash("sha256", `${key}\0${version}`).slice(0, 16)}`);
  }
  return BigInt.asUintN(64, sum).toString(16).padStart(16, "0");
}
