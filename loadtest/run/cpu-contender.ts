/** A contender whose cost is the CPU time of its process tree by operation. */
import { cpuBetween, readTreeTime } from "../measure/cpu-time.ts";
import type { LoadResult } from "../generators/load-result.ts";
import type { Contender, Sample } from "./bench.ts";

/** Called before a load; what it gives is called after the load, and tells all that was not right. */
export type Check = () => Promise<() => Promise<readonly string[]>>;

export interface CpuContenderOptions {
  readonly name: string;
  /** Of the tree's root. */
  readonly pid: number;
  readonly load: (seconds: number) => Promise<LoadResult>;
  readonly check?: Check;
  /** Operations in one unit of cost. Default 1; a gigabyte is 10^9 operations of a byte. */
  readonly per?: number;
  /** Microseconds in one unit of cost. Default 1. */
  readonly unitUs?: number;
}

export function cpuContender(options: CpuContenderOptions): Contender {
  const { name, pid, load, check, per = 1, unitUs = 1 } = options;
  const measure = async (seconds: number): Promise<Sample> => {
    const finishCheck = await check?.();
    const before = readTreeTime(pid);
    const done = await load(seconds);
    const cpu = cpuBetween(before, readTreeTime(pid));
    const faults = [...done.faults, ...((await finishCheck?.()) ?? [])];
    const cost = (us: number): number => (us / unitUs / done.operations) * per;
    return {
      cost: cost(cpu.user + cpu.system),
      user: cost(cpu.user),
      system: cost(cpu.system),
      operations: done.operations,
      rate: done.operations / done.seconds,
      faults,
      ...(done.note === undefined ? {} : { note: done.note }),
    };
  };
  return { name, measure };
}
