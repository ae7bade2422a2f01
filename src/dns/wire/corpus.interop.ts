/** Every packet of the hostile corpus, and a million generated ones, through the parser, the decoder and the answer. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeMessage } from "./message.ts";
import { parseQuery, Query } from "./query.ts";
import { formatRdata } from "./rdata/codecs.ts";
import { keptMemory } from "#src/testing/kept-memory.ts";

const corpora = process.env["FAIRWAY_CORPORA"];
assert.ok(corpora !== undefined, "Cannot run: set FAIRWAY_CORPORA to the folder with dns-packets");
const folder = join(corpora, "dns-packets");
const packets = readdirSync(folder).map((file) => new Uint8Array(readFileSync(join(folder, file))));

const query = new Query();

/** What became of a packet; it must never throw, and a response must never get past the header. */
function take(packet: Uint8Array): string {
  const result = parseQuery(packet, 0, packet.length, query);
  if (packet.length < 12) assert.equal(result, "shortHeader");
  else if ((packet[2]! & 0x80) !== 0) assert.equal(result, "isResponse");
  else assert.ok(result !== "isResponse" && result !== "shortHeader");
  const message = decodeMessage(packet, 0, packet.length);
  if (typeof message === "string") return result;
  for (const record of [...message.answer, ...message.authority, ...message.additional])
    formatRdata(record.type, record.rdata);
  return result;
}

test("corpus: every packet has an outcome", (context) => {
  assert.ok(packets.length > 1000, `${packets.length} packets in ${folder}`);
  const outcomes: Record<string, number> = {};
  for (const packet of packets) {
    const outcome = take(packet);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  context.diagnostic(JSON.stringify(outcomes));
});

test("a million mutations of the corpus, from a fixed seed: no throw, no growth of memory", async () => {
  let state = 20_261_124;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const scratch = new Uint8Array(65_536);
  let before = 0;
  for (let round = 0; round < 1_000_000; round++) {
    if (round === 200_000) before = await keptMemory();
    const source = packets[random(packets.length)]!;
    const length = Math.max(0, Math.min(source.length, 2048) - (random(4) === 0 ? random(16) : 0));
    scratch.set(source.subarray(0, length));
    for (let flips = random(4); flips >= 0; flips--) scratch[random(Math.max(length, 1))] = random(256);
    if (random(2) === 0 && length > 2) scratch[2]! &= 0x7f;
    take(scratch.subarray(0, length));
  }
  const growth = (await keptMemory()) - before;
  assert.ok(growth < 1024 * 1024, `grew by ${growth} bytes`);
});
