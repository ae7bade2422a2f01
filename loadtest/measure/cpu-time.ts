/** CPU time of a whole process tree: a server's master and its workers, a main and its data processes. */
import { readdirSync, readFileSync } from "node:fs";
import { readProcesses, TICK_US, treeOf } from "./process-table.ts";

/** Of a tree, since it was started. */
export interface TreeTime {
  readonly userTicks: number;
  readonly systemTicks: number;
  /** Nanoseconds on a CPU by thread (/proc/PID/task/TID/schedstat), by `PID/TID`; a thread that has ended is missing. */
  readonly threads: ReadonlyMap<string, number>;
}

/** Microseconds. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

export function readTreeTime(root: number): TreeTime {
  const tree = treeOf(root, readProcesses());
  if (tree.length === 0) throw new Error(`Cannot measure: process ${root} has ended`);
  const sum = (value: (process: (typeof tree)[number]) => number): number =>
    tree.reduce((total, process) => total + value(process), 0);
  return {
    userTicks: sum(({ user }) => user),
    systemTicks: sum(({ system }) => system),
    threads: new Map(tree.flatMap(({ pid }) => readThreads(pid))),
  };
}

function readThreads(pid: number): [string, number][] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((tid) => {
      const text = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, "utf8");
      return [`${pid}/${tid}`, Number.parseInt(text, 10)];
    });
  } catch {
    return [];
  }
}

/**
 * What was used between two readings. The total is the scheduler's own, in nanoseconds, as long as every thread is still
 * there; otherwise that of the ticks, which counts ended threads too. Ticks tell user from system.
 */
export function cpuBetween(before: TreeTime, after: TreeTime): CpuTime {
  const user = after.userTicks - before.userTicks;
  const system = after.systemTicks - before.systemTicks;
  const isWhole = before.threads.size > 0 && [...before.threads.keys()].every((thread) => after.threads.has(thread));
  const total = isWhole ? (sumOf(after) - sumOf(before)) / 1000 : (user + system) * TICK_US;
  const share = user + system === 0 ? 0 : user / (user + system);
  return { user: total * share, system: total * (1 - share) };
}

function sumOf({ threads }: TreeTime): number {
  let sum = 0;
  for (const nanoseconds of threads.values()) sum += nanoseconds;
  return sum;
}
