/** `npm run bench`: Fairway against its peers, on this machine, now. loadtest/README.md says how to read it. */
import { defineCommand } from "#src/process/command-line.ts";
import { formatTable } from "../services/cli/table.ts";
import { BENCHES, selectBench } from "./bench/all.ts";
import { runProgramMain, untilStopped } from "./run/program-main.ts";
import { openProgress } from "./run/progress.ts";
import { formatResult, toJson } from "./run/report.ts";
import { requirePrograms } from "./run/requirements.ts";
import { runBench } from "./run/run-bench.ts";
import { chooseCores, pinSelf } from "./run/test-bed.ts";

const bench = defineCommand({
  name: "bench",
  help: "Measures Fairway and its peers in turn: `list`, the name of a bench, or `all`.",
  arguments: [{ name: "<name>", help: "`list`, a bench, or `all`" }],
  options: {
    rounds: { type: "integer", default: 3, min: 1, max: 100, unit: "rounds", help: "How often each is measured." },
    seconds: { type: "integer", default: 3, min: 1, max: 600, unit: "seconds", help: "Length of one measurement." },
    json: { type: "boolean", default: false, help: "Ends with one line of JSON for each bench." },
  },
  run: async ({ arguments: [name], options }) => {
    if (name === "list") {
      const rows = BENCHES.map((one) => [one.name, one.help]);
      console.log(formatTable(["BENCH", "WHAT"], rows));
      return 0;
    }
    const benches = name === "all" ? BENCHES : [selectBench(name!)];
    requirePrograms(benches);
    const cores = chooseCores();
    pinSelf(cores);
    return untilStopped("bench", async (signal) => {
      const progress = openProgress(process.stderr);
      let isRight = true;
      for (const one of benches) {
        const result = await runBench(one, { ...options, cores, signal, progress });
        console.log(`${formatResult(result)}\n`);
        if (options.json) console.log(toJson(result));
        isRight &&= result.faults.length === 0;
      }
      return isRight ? 0 : 1;
    });
  },
});

await runProgramMain(bench, "BENCH");
