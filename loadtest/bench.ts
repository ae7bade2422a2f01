/** `npm run bench`: Fairway against its peers, on this machine, now. loadtest/README.md says how to read it. */
import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { defineCommand } from "#src/process/command-line.ts";
import { sentenceOf, StartFault } from "#src/process/fault.ts";
import { formatTable } from "../services/cli/table.ts";
import { BENCHES, selectBench } from "./bench/all.ts";
import { runProgramMain, untilStopped } from "./run/program-main.ts";
import { openProgress } from "./run/progress.ts";
import { formatResult, toJson } from "./run/report.ts";
import { describeMachine, formatRecord } from "./run/record.ts";
import { requirePrograms } from "./run/requirements.ts";
import type { BenchResult } from "./run/result.ts";
import { runBench } from "./run/run-bench.ts";
import { chooseCores, pinSelf } from "./run/test-bed.ts";

const RESULTS = join(import.meta.dirname, "RESULTS.md");

const bench = defineCommand({
  name: "bench",
  help: "Measures Fairway and its peers in turn: `list`, names of benches, or `all`.",
  arguments: [{ name: "<names...>", help: "`list`, benches, or `all`" }],
  options: {
    rounds: { type: "integer", default: 3, min: 1, max: 100, unit: "rounds", help: "How often each is measured." },
    seconds: { type: "integer", default: 3, min: 1, max: 600, unit: "seconds", help: "Length of one measurement." },
    record: { type: "boolean", default: false, help: "With `all`: writes loadtest/RESULTS.md." },
    json: { type: "boolean", default: false, help: "Ends with one line of JSON for each bench." },
  },
  run: async ({ arguments: names, options }) => {
    if (names.includes("list")) {
      const rows = BENCHES.map((one) => [one.name, one.help]);
      console.log(formatTable(["BENCH", "WHAT"], rows));
      return 0;
    }
    const isAll = names.includes("all");
    if (options.record && !isAll) throw new StartFault("Cannot record some benches: give `all` with --record", 2);
    const benches = isAll ? BENCHES : names.map(selectBench);
    requirePrograms(benches);
    const cores = chooseCores();
    pinSelf(cores);
    return untilStopped("bench", async (signal) => {
      const progress = openProgress(process.stderr);
      const results: BenchResult[] = [];
      let failed = 0;
      for (const one of benches) {
        try {
          const result = await runBench(one, { ...options, warmUp: "all", cores, signal, progress });
          results.push(result);
          console.log(`${formatResult(result)}\n`);
          if (options.json) console.log(toJson(result));
        } catch (error) {
          progress.clear();
          const sentence = sentenceOf(error);
          if (signal.aborted || sentence === undefined) throw error;
          failed += 1;
          console.error(`${one.name}: ${sentence}`);
        }
      }
      if (options.record && failed === 0) {
        const settings = `${options.rounds} rounds of ${options.seconds} s`;
        writeFileSync(RESULTS, formatRecord(describeMachine(new Date()), results, settings));
        console.log(`written: ${relative(process.cwd(), RESULTS)}`);
      }
      return failed === 0 && results.every(({ faults }) => faults.length === 0) ? 0 : 1;
    });
  },
});

await runProgramMain(bench, "BENCH");
