import assert from "node:assert/strict";
import { test } from "node:test";
import { type CpuProfile, functionTimes } from "./cpu-profile.ts";
import { cpuBetween } from "./cpu-time.ts";
import { foreignShare, isBusy, parseCoreTicks } from "./machine-use.ts";
import { parsePss, slopeOf } from "./proportional-set.ts";
import { parseStat, treeOf } from "./process-table.ts";
import { spreadOf } from "./statistics.ts";
import { parseStrace } from "./system-calls.ts";

const stat = (pid: number, parent: number, name = "nginx"): string =>
  `${pid} (${name}) S ${parent} 1 1 0 -1 4194560 100 0 0 0 ${pid} 20 3 4 20 0 1 0 900 1000000 500 18446744073709551615`;

test("a process by its stat line, whatever its name", () => {
  const expected = { pid: 7, parent: 1, user: 7, system: 20, ended: 7 };
  assert.deepEqual(parseStat(stat(7, 1)), expected);
  assert.deepEqual(parseStat(stat(7, 1, "a) S 9 (b")), expected);
});

test("a tree is found in any order, and nothing else", () => {
  const processes = [
    [5, 4],
    [2, 1],
    [4, 2],
    [3, 1],
    [1, 0],
  ].map(([pid, parent]) => parseStat(stat(pid!, parent!)));
  assert.deepEqual(
    treeOf(2, processes)
      .map(({ pid }) => pid)
      .toSorted((a, b) => a - b),
    [2, 4, 5],
  );
  assert.deepEqual(treeOf(9, processes), []);
});

test("CPU time is the scheduler's while no thread has ended, and the ticks' then", () => {
  const before = {
    userTicks: 10,
    systemTicks: 20,
    threads: new Map([
      ["1/1", 1_000_000],
      ["1/2", 500_000],
    ]),
  };
  const ticks = { userTicks: 11, systemTicks: 23 };
  const grown = {
    ...ticks,
    threads: new Map([
      ["1/1", 21_000_000],
      ["1/2", 20_500_000],
      ["1/3", 1_000_000],
    ]),
  };
  assert.deepEqual(cpuBetween(before, grown), { user: 10_250, system: 30_750 });
  const ended = { ...ticks, threads: new Map([["1/1", 21_000_000]]) };
  assert.deepEqual(cpuBetween(before, ended), { user: 10_000, system: 30_000 });
  assert.deepEqual(cpuBetween(before, before), { user: 0, system: 0 });
});

test("what others used is what our own processes did not", () => {
  const text =
    "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 100 5 50 900 3 7 7 2 0 0\ncpu1 1 2 3 4 5 6 7 8 0 0\ncpu10 9 9 9 9 9 9 9 9 0 0\n";
  assert.equal(parseCoreTicks(text, [0]), 157);
  assert.equal(parseCoreTicks(text, [0, 1]), 171);
  const before = { cores: 1000, own: 400, at: 0 };
  assert.equal(foreignShare(before, { cores: 1250, own: 600, at: 1000 }), 0.5);
  assert.equal(foreignShare(before, { cores: 1250, own: 660, at: 1000 }), 0);
  assert.equal(isBusy(0.5), true);
  assert.equal(isBusy(0.05), false);
});

test("median and spread", () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, most: 3 });
  assert.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, least: 1, most: 4 });
  assert.throws(() => spreadOf([]), /no values/);
});

test("the slope of proportional sets", () => {
  const text = "00400000-7fff rw-p 00000000 00:00 0 [rollup]\nRss:  9000 kB\nPss:  4321 kB\nPss_Dirty: 10 kB\n";
  assert.equal(parsePss(text), 4321 * 1024);
  assert.throws(() => parsePss("Rss: 1 kB\n"), /has none/);
  assert.equal(slopeOf({ count: 5_000, bytes: 1_000_000 }, { count: 15_000, bytes: 5_000_000 }), 400);
});

test("a profile's functions by self time, without what was idle", () => {
  const frame = (id: number, functionName: string, url = "", lineNumber = -1): CpuProfile["nodes"][number] => ({
    id,
    callFrame: { functionName, url, lineNumber },
  });
  const profile = {
    nodes: [frame(1, "(idle)"), frame(2, "send"), frame(3, "", "file:///r/src/a.ts", 6), frame(4, "send")],
    samples: [1, 2, 3, 4],
    timeDeltas: [500, 1000, 3000, 4000],
  };
  assert.deepEqual(functionTimes(profile, "/r"), [
    { name: "send", place: "", selfMs: 5, share: 0.625 },
    { name: "(anonymous)", place: "src/a.ts:7", selfMs: 3, share: 0.375 },
  ]);
});

test("the table of strace", () => {
  const text = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.120000           1       100        12 recvfrom
 40.00    0.080000           1       250           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.200000           1       350        12 total
`;
  assert.deepEqual(parseStrace(text), [
    { name: "sendto", calls: 250, errors: 0 },
    { name: "recvfrom", calls: 100, errors: 12 },
  ]);
});
