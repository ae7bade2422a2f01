/** `npm run bench`: Fairway against its peers, on this machine, now. loadtest/README.md says how to read it. */
import { defineCommand, parseCommandLine } from "#src/process/command-line.ts";
import { failWith, StartFault } from "#src/process/fault.ts";
import { VERSION } from "#src/process/requirements.ts";
import { handleSignals } from "#src/process/stop-signals.ts";
import { formatTable } from "../services/cli/table.ts";
import { BENCHES } from "./bench/all.ts";
import type { Bench } from "./run/bench.ts";
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
      console.log(
        formatTable(
          ["BENCH", "WHAT"],
          BENCHES.map((one) => [one.name, one.help]),
        ),
      );
      return 0;
    }
    const benches = selectBenches(name!);
    requirePrograms(benches);
    const cores = chooseCores();
    pinSelf(cores);
    const abort = new AbortController();
    using _signals = handleSignals({
      stop: (signal) => abort.abort(new StartFault(`Cannot finish the bench: ${signal}`)),
      reload: () => {},
    });
    const progress = openProgress(process.stderr);
    let isRight = true;
    for (const one of benches) {
      const result = await runBench(one, { ...options, cores, signal: abort.signal, progress });
      console.log(`${formatResult(result)}\n`);
      if (options.json) console.log(toJson(result));
      isRight &&= result.faults.length === 0;
    }
    return isRight ? 0 : 1;
  },
});

function selectBenches(name: string): readonly Bench[] {
  if (name === "all") return BENCHES;
  const found = BENCHES.filter((one) => one.name === name);
  if (found.length === 0) {
    throw new StartFault(`Cannot run ${name}: there is no such bench. See npm run bench -- list`, 2);
  }
  return found;
}

const PROGRAM = { name: "bench", environmentName: "BENCH", help: bench.help, version: VERSION };

try {
  const parsed = parseCommandLine(PROGRAM, [bench], process.argv.slice(2), process.env);
  if (parsed.outcome === "shown") process.stdout.write(parsed.text);
  else if (parsed.outcome === "faults") throw new StartFault(parsed.sentences.join("\n"), 2);
  else process.exitCode = await parsed.command.run(parsed.input);
} catch (error) {
  failWith(error);
}
