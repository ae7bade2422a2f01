/** The process_* figures of a whole tree of processes, from /proc (proc(5)). */
import { readdir, readFile } from "node:fs/promises";

export interface ProcessFigures {
  readonly cpuSeconds: number;
  /** Private memory of every process and the shared segment once. */
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly openFds: number;
  /** The lowest limit of a process. */
  readonly maxFds: number;
  readonly threads: number;
}

/** The kernel's unit of time in /proc, the same on every architecture that Node runs on: sysconf(_SC_CLK_TCK). */
const TICKS_PER_SECOND = 100;

/** Adds up the processes that are still there; the first one's ended children count with their CPU time. */
export async function readProcessFigures(pids: readonly number[], folder = "/proc"): Promise<ProcessFigures> {
  const all = await Promise.all(pids.map((pid, i) => readProcess(`${folder}/${pid}`, i === 0).catch(() => undefined)));
  const found = all.filter((one) => one !== undefined);
  const sum = (of: (one: OneProcess) => number): number => found.reduce((total, one) => total + of(one), 0);
  const sharedBytes = Math.max(0, ...found.map((one) => one.sharedBytes));
  return {
    cpuSeconds: sum((one) => one.cpuSeconds),
    residentBytes: sum((one) => one.privateBytes) + sharedBytes,
    virtualBytes: sum((one) => one.virtualBytes),
    openFds: sum((one) => one.openFds),
    maxFds: Math.min(...found.map((one) => one.maxFds)),
    threads: sum((one) => one.threads),
  };
}

interface OneProcess {
  readonly cpuSeconds: number;
  readonly privateBytes: number;
  readonly sharedBytes: number;
  readonly virtualBytes: number;
  readonly openFds: number;
  readonly maxFds: number;
  readonly threads: number;
}

async function readProcess(folder: string, withChildren: boolean): Promise<OneProcess> {
  const [stat, status, limits, fds] = await Promise.all([
    readFile(`${folder}/stat`, "utf8"),
    readFile(`${folder}/status`, "utf8"),
    readFile(`${folder}/limits`, "utf8"),
    readdir(`${folder}/fd`),
  ]);
  // The second field is the program's name in brackets and may hold anything; utime is the 14th field.
  const [utime, stime, ofChildren, sOfChildren] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15)
    .map(Number);
  const ticks = utime! + stime! + (withChildren ? ofChildren! + sOfChildren! : 0);
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    cpuSeconds: ticks / TICKS_PER_SECOND,
    privateBytes: (kibibytes("RssAnon") + kibibytes("RssFile")) * 1024,
    sharedBytes: kibibytes("RssShmem") * 1024,
    virtualBytes: kibibytes("VmSize") * 1024,
    openFds: fds.length,
    maxFds: Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY),
    threads: kibibytes("Threads"),
  };
}
