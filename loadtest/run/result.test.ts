import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bench, Sample } from "./bench.ts";
import { formatRecord } from "./record.ts";
import { formatResult, toJson } from "./report.ts";
import { missingPeers, missingPrograms } from "./requirements.ts";
import { judge, type Round, summarize } from "./result.ts";
import { parseCoreList } from "./test-bed.ts";

const BENCH: Bench = {
  name: "some",
  help: "",
  unit: "us",
  bars: [
    { kind: "ratio", peer: "peer", atMost: 1 },
    { kind: "difference", peer: "peer", atMost: 0.5 },
    { kind: "value", subject: "fairway-user", atMost: 10 },
  ],
  programs: [],
  prepare: () => Promise.resolve([]),
};

const sample = (cost: number, more: Partial<Sample> = {}): Sample => ({ cost, faults: [], ...more });
const round = (ours: number, peer: number, user: number): Round =>
  new Map([
    ["fairway", sample(ours, { user: 0.5, system: ours - 0.5, rate: 100 })],
    ["peer", sample(peer, { note: "100 bytes of headers" })],
    ["fairway-user", sample(user)],
  ]);

const ROUNDS = [round(2, 4, 11), round(3, 2, 12), round(2, 2, 13)];

test("ratios are made round by round, and judged by their median", () => {
  const { bars, contenders } = summarize(BENCH, ROUNDS, 0);
  assert.deepEqual(contenders, ["fairway", "peer", "fairway-user"]);
  assert.deepEqual(
    bars.map(({ seen, verdict }) => ({ ...seen, verdict })),
    [
      { median: 1, least: 0.5, most: 1.5, verdict: "met" },
      { median: 0, least: -2, most: 1, verdict: "met" },
      { median: 12, least: 11, most: 13, verdict: "missed" },
    ],
  );
});

test("a bar of a contender that was not measured has no verdict", () => {
  const alone = summarize(BENCH, [new Map([["fairway", sample(2)]])], 0);
  assert.deepEqual(alone.bars, []);
  assert.match(toJson(alone), /^\{"name":"some","unit":"us","fairway":2,"peers":\{\},"bars":\[\],/);
});

test("at parity, and only there, rounds on both sides are a tie", () => {
  const spread = { median: 1.05, least: 0.95, most: 1.2 };
  assert.equal(judge({ kind: "ratio", peer: "peer", atMost: 1 }, spread), "tie");
  assert.equal(judge({ kind: "ratio", peer: "peer", atMost: 1 }, { ...spread, least: 1.01 }), "missed");
  assert.equal(judge({ kind: "ratio", peer: "peer", atMost: 0.6 }, { median: 0.61, least: 0.5, most: 1 }), "missed");
  assert.equal(judge({ kind: "value", atMost: 1 }, spread), "missed");
});

test("the table has rounds, medians, rates, notes, bars, and what was wrong", () => {
  const wrong = new Map(ROUNDS[0]).set("peer", sample(4, { faults: ["status 500"] }));
  const text = formatResult(summarize(BENCH, [...ROUNDS, wrong], 0.4)).split("\n");
  assert.equal(text[0], "some: us (user + system)");
  assert.match(text[2]!, /^1 +2\.00 \(0\.50 \+ 1\.50\) +4\.00 +11\.00 +0\.50 +0\.18$/);
  assert.match(text[6]!, /^median +2\.00 \(0\.50 \+ 1\.50\) +3\.00 +11\.50 +0\.75 \(0\.50 to 1\.50\)/);
  assert.match(text[7]!, /^per second +100$/);
  assert.deepEqual(text.slice(8), [
    "bar: at most 1 x peer: no verdict, since something was wrong (0.75, 0.50 to 1.50)",
    "bar: at most 0.5 above peer: no verdict, since something was wrong (-1.00, -2.00 to 1.00)",
    "bar: fairway-user: at most 10: missed by 15 % (11.50, 11.00 to 13.00)",
    "busy: other processes used up to 40 % of a core: run it again",
    "wrong: round 4, peer: status 500",
  ]);
});

test("the line of JSON", () => {
  const told = JSON.parse(toJson(summarize(BENCH, ROUNDS, 0.4))) as Record<string, unknown>;
  const { name, fairway, peers, ratio, spread, busy, rounds } = told;
  assert.deepEqual(
    { name, fairway, peers, ratio, spread, busy, rounds },
    {
      name: "some",
      fairway: 2,
      peers: { peer: 2, "fairway-user": 12 },
      ratio: 1,
      spread: [0.5, 1.5],
      busy: true,
      rounds: 3,
    },
  );
});

test("cores as the kernel lists them", () => {
  assert.deepEqual(parseCoreList("0-2,5"), [0, 1, 2, 5]);
  assert.deepEqual(parseCoreList("3"), [3]);
  assert.deepEqual(parseCoreList(""), []);
});

test("the record says when, where, with what, and what is not to be relied on", () => {
  const machine = {
    date: "2026-01-02",
    cpu: "Some CPU",
    cores: 2,
    memoryGiB: 8,
    kernel: "6.1.0",
    node: "26.0.0",
    versions: { nginx: "1.22.1", wrk: "4.1.0" },
  };
  const lines = formatRecord(machine, [summarize(BENCH, ROUNDS, 0.4)], "3 rounds of 3 s").split("\n");
  assert.ok(lines.includes("- 2026-01-02, Some CPU, 2 cores, 8 GiB, Linux 6.1.0, Node 26.0.0"));
  assert.ok(lines.includes("- nginx 1.22.1, wrk 4.1.0"));
  assert.ok(lines.includes("- Not to be relied on: some; other processes used 40 % of a core"));
  assert.deepEqual(lines.slice(-5, -1), [
    "|---|---|---|---|---|---|---|",
    "| some | us | fairway 2.00 | peer 2.00 | ratio 1.00 (0.50 to 1.50) | 1 | met |",
    "| some | us | fairway 2.00 | peer 2.00 | difference 0.00 (-2.00 to 1.00) | 0.5 | met |",
    "| some | us | fairway-user 12.00 |  | value 12.00 (11.00 to 13.00) | 10 | missed by 20 % |",
  ]);
});

test("what is missing is told, and what a race can do without apart from it", () => {
  const bench = { ...BENCH, programs: ["node", "fairway-no-such-program"], optional: ["fairway-no-such-peer"] };
  assert.ok(missingPrograms(bench).includes("fairway-no-such-program"));
  assert.deepEqual(missingPeers(bench), ["fairway-no-such-peer"]);
});
