/** `npm run race`: a first impression in a quarter of a minute, with the peers that are installed. */
import { defineCommand } from "#src/process/command-line.ts";
import { StartFault } from "#src/process/fault.ts";
import { installCommand } from "#src/testing/programs.ts";
import { formatTable } from "../services/cli/table.ts";
import { selectBench } from "./bench/all.ts";
import { isBusy } from "./measure/machine-use.ts";
import { runProgramMain, untilStopped } from "./run/program-main.ts";
import { openProgress } from "./run/progress.ts";
import { digits } from "./run/report.ts";
import { missingPeers, missingPrograms } from "./run/requirements.ts";
import { type BenchResult, OURS } from "./run/result.ts";
import { runBench } from "./run/run-bench.ts";
import { chooseCores, pinSelf } from "./run/test-bed.ts";

const EVENTS = [
  { name: "dns-auth", what: "authoritative DNS, a question" },
  { name: "http-hit-1k", what: "cache, a hit of 1 KiB" },
  { name: "l7-1k", what: "HTTP balancer, a request of 1 KiB" },
] as const;

const race = defineCommand({
  name: "race",
  help: "Fairway against the peers that are installed: one short run each, for a first impression.",
  options: {},
  run: () =>
    untilStopped("race", async (signal) => {
      const cores = chooseCores();
      const events = EVENTS.map((event) => ({ ...event, bench: selectBench(event.name) }));
      const missing = new Set(events.flatMap(({ bench }) => [...missingPrograms(bench), ...missingPeers(bench)]));
      const runnable = events.filter(({ bench }) => missingPrograms(bench).length === 0);
      const absent = [...missing].map((one) => `not installed: ${one}. Install it: ${installCommand(one)}`);
      if (runnable.length === 0) throw new StartFault(["Cannot race: nothing to race with", ...absent].join("\n"), 2);
      pinSelf(cores);
      const progress = openProgress(process.stderr);
      const rows: string[][] = [];
      const results: BenchResult[] = [];
      for (const { bench, what } of runnable) {
        const leftOut = missingPeers(bench);
        const settings = { rounds: 1, seconds: 1, warmUp: "ours", cores, signal, progress, leftOut } as const;
        const result = await runBench(bench, settings);
        results.push(result);
        rows.push(...rowsOf(what, result));
      }
      console.log(formatTable(["CPU TIME OF", "FAIRWAY", "PEER", "", "FAIRWAY / PEER"], rows));
      console.log("\nOne run of a second each, on one core: a first impression. Measured well: npm run bench -- NAME");
      for (const line of absent) console.log(line);
      if (results.some(({ foreign }) => isBusy(foreign))) console.log("busy: other processes used the same cores");
      const faults = results.flatMap((result) => result.faults);
      for (const fault of faults) console.log(`wrong: ${fault}`);
      return faults.length === 0 ? 0 : 1;
    }),
});

function rowsOf(what: string, { contenders, rounds }: BenchResult): string[][] {
  const cost = (name: string): number => rounds[0]!.get(name)!.cost;
  const us = (name: string): string => `${digits(cost(name))} us`;
  const peers = contenders.filter((name) => name !== OURS);
  if (peers.length === 0) return [[what, us(OURS)]];
  return peers.map((peer) => [what, us(OURS), peer, us(peer), digits(cost(OURS) / cost(peer))]);
}

await runProgramMain(race, "RACE");
