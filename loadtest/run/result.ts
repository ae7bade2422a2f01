/** From the rounds of a bench to its figures: medians, ratios round by round, and whether the bars hold. */
import { type Spread, spreadOf } from "../measure/statistics.ts";
import type { Bar, Bench, Sample } from "./bench.ts";

/** The samples of one round by contender. */
export type Round = ReadonlyMap<string, Sample>;

/** "void": one of the two did not do what it had to. */
export type Verdict = "met" | "tie" | "missed" | "void";

export interface BarResult {
  readonly bar: Bar;
  /** What is compared with the bar: ratio, difference or value, round by round. */
  readonly seen: Spread;
  readonly verdict: Verdict;
}

export interface BenchResult {
  readonly name: string;
  readonly unit: string;
  /** In the order of preparation, ours first. */
  readonly contenders: readonly string[];
  readonly rounds: readonly Round[];
  readonly bars: readonly BarResult[];
  /** The most of one core that others used during a round; see `isBusy`. */
  readonly foreign: number;
  readonly faults: readonly string[];
}

export const OURS = "fairway";

/** Median of what a contender's samples have; undefined where they have none of it. */
export function medianOf(
  rounds: readonly Round[],
  contender: string,
  value: (sample: Sample) => number | undefined,
): number | undefined {
  const values = rounds.flatMap((round) => {
    const sample = round.get(contender);
    return sample === undefined ? [] : (value(sample) ?? []);
  });
  return values.length === 0 ? undefined : spreadOf(values).median;
}

export function summarize(bench: Bench, rounds: readonly Round[], foreign: number): BenchResult {
  const contenders = [...(rounds[0]?.keys() ?? [])];
  const faults = rounds.flatMap((round, index) =>
    [...round].flatMap(([name, sample]) => sample.faults.map((fault) => `round ${index + 1}, ${name}: ${fault}`)),
  );
  const bars = bench.bars.flatMap((bar) => {
    const values = rounds.map((round) => compare(bar, round)).filter((value) => value !== undefined);
    if (values.length === 0) return [];
    const seen = spreadOf(values);
    const verdict: Verdict = isRight(bar, rounds) ? judge(bar, seen) : "void";
    return { bar, seen, verdict };
  });
  return { name: bench.name, unit: bench.unit, contenders, rounds, bars, foreign, faults };
}

/** Undefined when one of the two was not measured. */
function compare(bar: Bar, round: Round): number | undefined {
  const ours = round.get(bar.subject ?? OURS)?.cost;
  if (bar.kind === "value" || ours === undefined) return ours;
  const peer = round.get(bar.peer)?.cost;
  if (peer === undefined) return undefined;
  return bar.kind === "ratio" ? ours / peer : ours - peer;
}

function isRight(bar: Bar, rounds: readonly Round[]): boolean {
  const names = bar.kind === "value" ? [bar.subject ?? OURS] : [bar.subject ?? OURS, bar.peer];
  return rounds.every((round) => names.every((name) => (round.get(name)?.faults.length ?? 0) === 0));
}

/** A bar at parity is also met when the rounds lie on both sides of it; that is said to be a tie. */
export function judge(bar: Bar, { median, least }: Spread): Exclude<Verdict, "void"> {
  if (median <= bar.atMost) return "met";
  return bar.kind === "ratio" && bar.atMost === 1 && least <= 1 ? "tie" : "missed";
}
