/** Runs one bench: starts the contenders, warms them up, and measures them in turn, round after round. */
import { foreignShare, readMachineUse } from "../measure/machine-use.ts";
import type { Bench, Contender, Sample } from "./bench.ts";
import type { Progress } from "./progress.ts";
import { type BenchResult, OURS, type Round, summarize } from "./result.ts";
import { TestBed, type TestBedOptions } from "./test-bed.ts";

export interface RunOptions extends TestBedOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Which contenders do some work before the first round. */
  readonly warmUp: "all" | "ours";
  readonly progress: Progress;
}

const WARM_UP_SECONDS = 2;

export async function runBench(bench: Bench, options: RunOptions): Promise<BenchResult> {
  const { rounds, seconds, cores, signal, progress } = options;
  await using bed = new TestBed(options);
  progress.say(`${bench.name}: starting`);
  const contenders = await bench.prepare(bed);
  for (const contender of contenders) {
    if (contender.isFresh === true || (options.warmUp === "ours" && contender.name !== OURS)) continue;
    progress.say(`${bench.name}: warming up ${contender.name}`);
    await measure(contender, Math.min(seconds, WARM_UP_SECONDS), signal);
  }
  const done: Round[] = [];
  let foreign = 0;
  for (let round = 1; round <= rounds; round++) {
    const before = readMachineUse([cores.server, cores.load]);
    const samples = new Map<string, Sample>();
    for (const contender of contenders) {
      progress.say(`${bench.name}: round ${round} of ${rounds}, ${contender.name}`);
      samples.set(contender.name, await measure(contender, seconds, signal));
    }
    foreign = Math.max(foreign, foreignShare(before, readMachineUse([cores.server, cores.load])));
    done.push(samples);
  }
  progress.clear();
  return summarize(bench, done, foreign);
}

async function measure(contender: Contender, seconds: number, signal: AbortSignal): Promise<Sample> {
  signal.throwIfAborted();
  const sample = await contender.measure(seconds);
  signal.throwIfAborted();
  return sample;
}
