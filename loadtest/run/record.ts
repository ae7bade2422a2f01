/** `loadtest/RESULTS.md`: what was measured, when, on which machine, with what. */
import { spawnSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { delimiter } from "node:path";
import { isBusy } from "../measure/machine-use.ts";
import { isInstalled, PROGRAM_FOLDERS } from "#src/testing/programs.ts";
import { digits, percent, verdictOf } from "./report.ts";
import { type BenchResult, medianOf, OURS } from "./result.ts";

export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** By program. */
  readonly versions: Readonly<Record<string, string>>;
}

/** How each peer and generator tells its version. */
const VERSION_FLAG: Readonly<Record<string, string>> = {
  cc: "--version",
  dnsperf: "-h",
  h2load: "--version",
  haproxy: "-v",
  nginx: "-v",
  nsd: "-v",
  unbound: "-V",
  varnishd: "-V",
  wrk: "-v",
};

export function describeMachine(now: Date): Machine {
  const all = cpus();
  return {
    date: now.toISOString().slice(0, 10),
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    versions: Object.fromEntries(
      Object.entries(VERSION_FLAG).flatMap(([program, flag]) =>
        isInstalled(program) ? [[program, versionOf(program, flag)]] : [],
      ),
    ),
  };
}

function versionOf(program: string, flag: string): string {
  const env = { ...process.env, PATH: PROGRAM_FOLDERS.join(delimiter) };
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: "utf8", env, timeout: 5_000 });
  return /\d+\.\d+(?:\.\d+)?/.exec(stdout + stderr)?.[0] ?? "unknown";
}

/** The whole file. */
export function formatRecord(machine: Machine, results: readonly BenchResult[], settings: string): string {
  const { date, cpu, cores, memoryGiB, kernel, node, versions } = machine;
  const programs = Object.entries(versions).map(([program, version]) => `${program} ${version}`);
  const bars = results.flatMap((result) => result.bars.map((bar) => ({ result, bar })));
  const rows = bars.map(({ result, bar: { bar, seen, verdict } }) => {
    const cost = (name: string): string => {
      const median = medianOf(result.rounds, name, (sample) => sample.cost);
      return median === undefined ? "" : digits(median);
    };
    const peer = bar.kind === "value" ? "" : `${bar.peer} ${cost(bar.peer)}`;
    const spread = `${digits(seen.median)} (${digits(seen.least)} to ${digits(seen.most)})`;
    const subject = bar.subject ?? OURS;
    const measure = bar.kind === "ratio" ? "ratio" : bar.kind === "difference" ? "difference" : "value";
    const said = verdictOf({ bar, seen, verdict });
    return [result.name, result.unit, `${subject} ${cost(subject)}`, peer, `${measure} ${spread}`, bar.atMost, said];
  });
  const busy = results.filter(({ foreign }) => isBusy(foreign));
  return [
    "# Results",
    "",
    `Written by \`npm run bench -- all --record\`. What the columns mean: [README.md](README.md).`,
    "",
    `- ${date}, ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}`,
    `- ${programs.join(", ")}`,
    `- ${settings}; medians, and the least and most of all rounds`,
    ...busy.map(
      ({ name, foreign }) => `- Not to be relied on: ${name}; other processes used ${percent(foreign)} of a core`,
    ),
    ...results.flatMap(({ name, faults }) => faults.map((fault) => `- Not to be relied on: ${name}; ${fault}`)),
    "",
    "| bench | unit | ours | peer | seen | at most | bar |",
    "|---|---|---|---|---|---|---|",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
  ].join("\n");
}
