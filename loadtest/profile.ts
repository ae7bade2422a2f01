/** `npm run profile -- NAME`: where the time of a data process goes under a bench's load. loadtest/README.md says more. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { defineCommand } from "#src/process/command-line.ts";
import { StartFault } from "#src/process/fault.ts";
import { installCommand, isInstalled } from "#src/testing/programs.ts";
import { formatTable } from "../services/cli/table.ts";
import { selectBench } from "./bench/all.ts";
import { type CpuProfile, functionTimes } from "./measure/cpu-profile.ts";
import { readProcesses, treeOf } from "./measure/process-table.ts";
import { countSystemCalls } from "./measure/system-calls.ts";
import type { Contender } from "./run/bench.ts";
import { INSPECTABLE, profileWhile } from "./run/inspector.ts";
import { openProgress } from "./run/progress.ts";
import { requirePrograms } from "./run/requirements.ts";
import { percent } from "./run/report.ts";
import { OURS } from "./run/result.ts";
import { runProgramMain, untilStopped } from "./run/program-main.ts";
import { chooseCores, type OurService, pinSelf, TestBed } from "./run/test-bed.ts";

const ROOT = join(import.meta.dirname, "..");
const REPORTS = join(import.meta.dirname, "reports");
const WARM_UP_SECONDS = 2;
const STRACE_SECONDS = 1;

const profile = defineCommand({
  name: "profile",
  help: "Profiles a data process under the load of a bench: functions by self time, system calls by operation.",
  arguments: [{ name: "<name>", help: "a bench with a data process: npm run bench -- list" }],
  options: {
    seconds: { type: "integer", default: 3, min: 1, max: 600, unit: "seconds", help: "Length of the profile." },
    top: { type: "integer", default: 30, min: 1, max: 1000, unit: "functions", help: "How many are printed." },
  },
  run: ({ arguments: [name], options }) =>
    untilStopped("profile", async (signal) => {
      const bench = selectBench(name!);
      requirePrograms([bench]);
      const cores = chooseCores();
      pinSelf(cores);
      const progress = openProgress(process.stderr);
      await using bed = new TestBed({ cores, signal, environment: INSPECTABLE });
      progress.say(`${bench.name}: starting`);
      const contender = (await bench.prepare(bed)).find((one) => one.name === OURS)!;
      const [service] = bed.ours;
      if (service === undefined) throw new StartFault(`Cannot profile ${name}: no data process runs through it`, 2);
      const pid = treeOf(service.pid, readProcesses()).find(({ parent }) => parent === service.pid)!.pid;
      progress.say(`${bench.name}: warming up`);
      await contender.measure(WARM_UP_SECONDS);
      progress.say(`${bench.name}: counting system calls`);
      const calls = await callsText(contender, pid, join(bed.folder, "strace"));
      progress.say(`${bench.name}: profiling`);
      const text = await profileText(bench.name, contender, pid, service, options);
      progress.clear();
      console.log(`${text}\n\n${calls}`);
      return 0;
    }),
});

async function profileText(
  name: string,
  contender: Contender,
  pid: number,
  service: OurService,
  { seconds, top }: { readonly seconds: number; readonly top: number },
): Promise<string> {
  const seen = await profileWhile(
    pid,
    () => service.errors,
    () => contender.measure(seconds),
  );
  const { cost, faults } = seen.done;
  const saved = save(name, seen.profile);
  const rows = functionTimes(seen.profile, ROOT)
    .slice(0, top)
    .map(({ name: called, place, selfMs, share }) => [percent(share), selfMs.toFixed(0), called, place]);
  return [
    `${name}: data process ${pid}, ${cost.toFixed(2)} us an operation with the profiler; ${saved} has all of it`,
    formatTable(["SELF", "MS", "FUNCTION", "PLACE"], rows),
    ...faults.map((fault) => `wrong: ${fault}`),
  ].join("\n");
}

/** For the performance panel of Chrome's or an editor's developer tools. */
function save(name: string, profiled: CpuProfile): string {
  mkdirSync(REPORTS, { recursive: true });
  const file = join(REPORTS, `${name}.cpuprofile`);
  writeFileSync(file, JSON.stringify(profiled));
  return relative(process.cwd(), file);
}

async function callsText(contender: Contender, pid: number, file: string): Promise<string> {
  if (!isInstalled("strace"))
    return `no system calls: strace is not installed. Install it: ${installCommand("strace")}`;
  const { done, calls } = await countSystemCalls(pid, file, () => contender.measure(STRACE_SECONDS));
  if (typeof calls === "string") return `no system calls: ${calls}`;
  const each = (count: number): string => (count / Math.max(1, done.operations ?? 0)).toFixed(3);
  const rows = calls.map(({ name, calls: count, errors }) => [each(count), each(errors), name]);
  return formatTable(["AN OPERATION", "ERRORS", "SYSTEM CALL"], rows);
}

await runProgramMain(profile, "PROFILE");
