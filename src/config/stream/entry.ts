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

/**
 * What one entry adds to the digest of its configuration. Digests are sums, so that a change of one entry among ten
 * thousand costs two hashes: its old weight is taken off and the next one added.
 */
export function digestWeight(key: string, version: string): bigint {
  return BigInt(`0x${hash("sha256", `${key}\0${version}`).slice(0, 16)}`);
}

/** A sum of weights as frames carry it: 16 hex digits. */
export function digestText(sum: bigint): string {
  return BigInt.asUintN(64, sum).toString(16).padStart(16, "0");
}

/** Names a whole configuration: 16 hex digits, the sum of its entries' own, so the order does not matter. */
export function digestOf(entries: Iterable<Entry>): string {
  let sum = 0n;
  for (const { key, version } of entries) sum += digestWeight(key, version);
  return digestText(sum);
}
