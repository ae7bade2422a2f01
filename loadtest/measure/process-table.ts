/** What /proc says of processes and of the CPU time they have used (proc(5), proc_pid_stat(5)). */
import { readdirSync, readFileSync } from "node:fs";

/** Microseconds in one clock tick of /proc: USER_HZ is 100 on every Linux that Node runs on. */
export const TICK_US = 10_000;

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks. */
  readonly user: number;
  readonly system: number;
  /** User and system ticks of children that have ended and were waited for. */
  readonly ended: number;
}

/** /proc/PID/stat. The name, in brackets, may have spaces and brackets itself. */
export function parseStat(text: string): ProcessStat {
  const rest = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = (index: number): number => Number(rest[index]);
  return {
    pid: Number.parseInt(text, 10),
    parent: ticks(1),
    user: ticks(11),
    system: ticks(12),
    ended: ticks(13) + ticks(14),
  };
}

/** Every process, or none of those that ended while they were being read. */
export function readProcesses(): readonly ProcessStat[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return parseStat(readFileSync(`/proc/${name}/stat`, "utf8"));
    } catch {
      return [];
    }
  });
}

/** `root` and everything below it. */
export function treeOf(root: number, processes: readonly ProcessStat[]): readonly ProcessStat[] {
  const found = new Set([root]);
  for (let size = 0; size !== found.size;) {
    size = found.size;
    for (const { pid, parent } of processes) if (found.has(parent)) found.add(pid);
  }
  return processes.filter(({ pid }) => found.has(pid));
}
