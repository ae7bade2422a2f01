/**
 * The last configuration as a file, so that a container that starts again needs no controller. Lines of JSON: a header,
 * one entry a line, and at the end the SHA-256 of all that comes before. Text and values only; the file is elsewhere.
 */
import { createHash } from "node:crypto";
import type { Entry } from "#src/config/model.ts";
import { digestOf } from "./entry.ts";
import { isEntry } from "./frame-shape.ts";

export interface Snapshot {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly digest: string;
  readonly revision: number;
}

const FORMAT = 1;
const LINES_AT_ONCE = 256;

/** The file's text in pieces: a large one is not made in one go. `owner`: whose configuration it is. */
export function* encodeSnapshot(owner: string, { entries, digest, revision }: Snapshot): Generator<Buffer> {
  const sum = createHash("sha256");
  let lines = [JSON.stringify({ snapshot: FORMAT, owner, digest, revision })];
  for (const entry of entries.values()) {
    lines.push(JSON.stringify(entry));
    if (lines.length < LINES_AT_ONCE) continue;
    yield summed(sum, lines);
    lines = [];
  }
  yield summed(sum, lines);
  yield Buffer.from(JSON.stringify({ sha256: sum.digest("hex") }));
}

/** What it holds, or why it is not taken. */
export function decodeSnapshot(owner: string, bytes: Buffer): Snapshot | { readonly fault: string } {
  const end = bytes.lastIndexOf("\n") + 1;
  const sha256 = field(parse(bytes.toString("utf8", end)), "sha256");
  const body = bytes.subarray(0, end);
  if (sha256 !== createHash("sha256").update(body).digest("hex")) return { fault: "it is damaged" };
  const [header, ...lines] = body.toString().trimEnd().split("\n").map(parse);
  if (field(header, "snapshot") !== FORMAT) return { fault: "it has another format" };
  const [whose, digest, revision] = ["owner", "digest", "revision"].map((name) => field(header, name));
  if (whose !== owner) return { fault: `it is of ${JSON.stringify(whose)}, not of "${owner}"` };
  if (!lines.every(isEntry) || typeof digest !== "string" || typeof revision !== "number") {
    return { fault: "it has another format" };
  }
  if (digestOf(lines) !== digest) return { fault: "its entries are not those of its digest" };
  return { entries: new Map(lines.map((entry) => [entry.key, entry])), digest, revision };
}

function summed(sum: ReturnType<typeof createHash>, lines: readonly string[]): Buffer {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  sum.update(bytes);
  return bytes;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
