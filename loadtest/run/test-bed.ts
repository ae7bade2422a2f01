/** Where a bench runs: its folder, its cores, and the programs it has started, all gone when it ends. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StartFault } from "#src/process/fault.ts";

export interface Cores {
  /** Of the contender. */
  readonly server: number;
  /** Of the load generator, the origin and this program. */
  readonly load: number;
}

/** A service of ours that a bed has started. */
export interface OurService {
  /** The main's. */
  readonly pid: number;
  /** What was written to standard error so far. */
  readonly errors: string;
}

export interface TestBedOptions {
  readonly cores: Cores;
  /** Aborted when the run is to end early. */
  readonly signal: AbortSignal;
  /** Variables for our services. Default none. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Programs of peers that are not to be started. Default none. */
  readonly leftOut?: readonly string[];
}

export class TestBed implements AsyncDisposable {
  readonly folder: string;
  readonly cores: Cores;
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string>>;
  readonly leftOut: readonly string[];
  readonly ours: OurService[] = [];
  readonly #stack = new AsyncDisposableStack();

  constructor({ cores, signal, environment = {}, leftOut = [] }: TestBedOptions) {
    this.folder = mkdtempSync(join(tmpdir(), "fairway-bench-"));
    this.cores = cores;
    this.signal = signal;
    this.environment = environment;
    this.leftOut = leftOut;
    this.#stack.defer(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** Keeps something until the bed is gone. */
  use<T extends AsyncDisposable | Disposable>(thing: T): T {
    return this.#stack.use(thing);
  }

  /** Writes a file of the bed; its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** The first two cores that this program may use. */
export function chooseCores(): Cores {
  const status = readFileSync("/proc/self/status", "utf8");
  const [server, load] = parseCoreList(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? "");
  if (server === undefined || load === undefined) {
    throw new StartFault("Cannot run a bench: it needs two cores, one for the server and one for the load", 2);
  }
  return { server, load };
}

/** `0-2,5` of cpuset(7). */
export function parseCoreList(text: string): readonly number[] {
  return text.split(",").flatMap((range) => {
    const [first, last] = range.split("-").map(Number);
    if (first === undefined || range === "") return [];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
  });
}

/** This program, its threads and what it starts from now on share the load's core. */
export function pinSelf({ load }: Cores): void {
  const pinned = spawnSync("taskset", ["-a", "-c", "-p", String(load), String(process.pid)]);
  if (pinned.status !== 0) throw new StartFault(`Cannot pin to core ${load}: ${String(pinned.stderr)}`);
}
