/** Whether others used the cores of a measurement while it ran. */
import { readFileSync } from "node:fs";
import { readProcesses, treeOf } from "./process-table.ts";

/** Clock ticks since the machine was started, and since they were born. */
export interface MachineUse {
  /** Of the cores in question, in processes of anyone, and what a hypervisor took away. */
  readonly cores: number;
  /** Of this process and all that it has started. */
  readonly own: number;
  /** When it was read, in milliseconds. */
  readonly at: number;
}

/** Of one core; tick counting and the harness's own start and end are well below. */
const BUSY_SHARE = 0.1;

/** /proc/stat: user, nice and system time and steal of `cores`. Interrupts are left out: no process is charged for them. */
export function parseCoreTicks(text: string, cores: readonly number[]): number {
  let sum = 0;
  for (const line of text.split("\n")) {
    const [name, user, nice, system, , , , , steal] = line.split(/\s+/);
    if (!cores.some((core) => name === `cpu${core}`)) continue;
    for (const ticks of [user, nice, system, steal]) sum += Number(ticks);
  }
  return sum;
}

export function readMachineUse(cores: readonly number[]): MachineUse {
  const tree = treeOf(process.pid, readProcesses());
  return {
    cores: parseCoreTicks(readFileSync("/proc/stat", "utf8"), cores),
    own: tree.reduce((sum, { user, system, ended }) => sum + user + system + ended, 0),
    at: performance.now(),
  };
}

/** How much of one core others used, 0 to the number of cores. */
export function foreignShare(before: MachineUse, after: MachineUse): number {
  const foreign = after.cores - before.cores - (after.own - before.own);
  const ticks = (after.at - before.at) / 10;
  return ticks === 0 ? 0 : Math.max(0, foreign / ticks);
}

export const isBusy = (share: number): boolean => share > BUSY_SHARE;
