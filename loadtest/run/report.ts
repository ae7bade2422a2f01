/** A bench's figures as a table for people, and as one line of JSON for programs. */
import { formatTable } from "../../services/cli/table.ts";
import { isBusy } from "../measure/machine-use.ts";
import { spreadOf } from "../measure/statistics.ts";
import { type BarResult, type BenchResult, medianOf, OURS, type Round } from "./result.ts";

export const digits = (value: number): string =>
  value >= 1000 ? value.toFixed(0) : value >= 100 ? value.toFixed(1) : value.toFixed(2);

/** Every round and the medians; costs with their user and system parts, rates, ratios to each peer. */
export function formatResult(result: BenchResult): string {
  const { name, unit, contenders, rounds, bars, foreign, faults } = result;
  const peers = contenders.filter((one) => one !== OURS);
  const hasParts = rounds.some((round) => [...round.values()].some(({ user }) => user !== undefined));
  const head = ["round", ...contenders, ...peers.map((peer) => `/ ${peer}`)];
  const rows = rounds.map((round, index) => [
    String(index + 1),
    ...contenders.map((one) => costCell(round, one)),
    ...peers.map((peer) => digits(ratioIn(round, peer))),
  ]);
  const medians = [
    "median",
    ...contenders.map((one) => medianCell(rounds, one)),
    ...peers.map((peer) => ratioCell(rounds, peer)),
  ];
  const rates = contenders.map((one) => medianOf(rounds, one, ({ rate }) => rate));
  const rateRow = rates.some((rate) => rate !== undefined)
    ? [["per second", ...rates.map((rate) => (rate === undefined ? "" : rate.toFixed(0)))]]
    : [];
  return [
    `${name}: ${unit}${hasParts ? " (user + system)" : ""}`,
    formatTable(head, [...rows, medians, ...rateRow]),
    ...notes(rounds),
    ...bars.map(formatBar),
    ...(isBusy(foreign) ? [`busy: other processes used up to ${percent(foreign)} of a core: run it again`] : []),
    ...faults.map((fault) => `wrong: ${fault}`),
  ].join("\n");
}

function costCell(round: Round, contender: string): string {
  const sample = round.get(contender);
  if (sample === undefined) return "";
  const { cost, user, system } = sample;
  return user === undefined || system === undefined
    ? digits(cost)
    : `${digits(cost)} (${digits(user)} + ${digits(system)})`;
}

function medianCell(rounds: readonly Round[], contender: string): string {
  const [cost, user, system] = (["cost", "user", "system"] as const).map((part) =>
    medianOf(rounds, contender, (sample) => sample[part]),
  );
  if (cost === undefined) return "";
  return user === undefined || system === undefined
    ? digits(cost)
    : `${digits(cost)} (${digits(user)} + ${digits(system)})`;
}

const ratioIn = (round: Round, peer: string): number => (round.get(OURS)?.cost ?? NaN) / (round.get(peer)?.cost ?? NaN);

function ratioCell(rounds: readonly Round[], peer: string): string {
  const { median, least, most } = spreadOf(rounds.map((round) => ratioIn(round, peer)));
  return `${digits(median)} (${digits(least)} to ${digits(most)})`;
}

function notes(rounds: readonly Round[]): readonly string[] {
  return [...(rounds.at(-1) ?? [])].flatMap(([name, { note }]) => (note === undefined ? [] : `${name}: ${note}`));
}

function formatBar(result: BarResult): string {
  const { bar, seen } = result;
  const target = bar.kind === "ratio" ? `x ${bar.peer}` : bar.kind === "difference" ? `above ${bar.peer}` : "";
  const subject = bar.subject === undefined ? "" : `${bar.subject}: `;
  const spread = `${digits(seen.median)}, ${digits(seen.least)} to ${digits(seen.most)}`;
  return `bar: ${subject}at most ${[bar.atMost, target].join(" ").trim()}: ${verdictOf(result)} (${spread})`;
}

/** "met", or by how much it is not. */
export function verdictOf({ bar, seen, verdict }: BarResult): string {
  const excess = seen.median - bar.atMost;
  const by = bar.kind === "difference" ? digits(excess) : percent(excess / bar.atMost);
  return {
    met: "met",
    tie: "met (a tie within the spread)",
    missed: `missed by ${by}`,
    void: "no verdict, since something was wrong",
  }[verdict];
}

export const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

/** The last line with `--json`. `ratio` and `spread` are those of the first bar: to its peer, above it, or the value. */
export function toJson(result: BenchResult): string {
  const { name, unit, contenders, rounds, bars, foreign, faults } = result;
  const cost = (one: string): number | undefined => medianOf(rounds, one, (sample) => sample.cost);
  const seen = bars[0]?.seen;
  return JSON.stringify({
    name,
    unit,
    fairway: cost(OURS),
    peers: Object.fromEntries(contenders.filter((one) => one !== OURS).map((one) => [one, cost(one)])),
    ratio: seen?.median,
    spread: seen === undefined ? undefined : [seen.least, seen.most],
    bars: bars.map(({ bar, seen: { median }, verdict }) => ({ ...bar, seen: median, verdict })),
    rounds: rounds.length,
    busy: isBusy(foreign),
    faults,
  });
}
