/**
 * The main's data processes: started, watched, replaced when they die, killed when they hang, and ended in order. They
 * are started from the main thread, since the kernel ends them with the thread that started them.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Duplex } from "node:stream";
import type { MetricHandles } from "#src/metrics/declaration.ts";
import type { Rows } from "#src/memory/rows.ts";
import { compileCacheEnvironment } from "./compile-cache.ts";
import { setupEnvironment, STREAM_FD } from "./data-process-setup.ts";
import type { EndReason, FRAME_METRICS } from "./frame-metrics.ts";
import type { Logger } from "./logger.ts";
import type { OptionValue } from "./option.ts";
import { decideRestart, NO_FAILURES, type RestartState } from "./restart-policy.ts";

export interface DataProcessesOptions {
  /** The service's own file, run again as a data process. */
  readonly entry: string;
  readonly workers: number;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** The segment's descriptor, handed on. */
  readonly memoryFd: number;
  /** Eventfds by row, the main's first. */
  readonly wakeFds: readonly number[];
  readonly rows: Rows;
  readonly log: Logger;
  readonly metrics: MetricHandles<typeof FRAME_METRICS>;
  /** Serves the config stream to a process on its end of the socket pair. */
  readonly attach: (stream: Duplex) => void;
  /** The process of a row has ended and its row is cleared. */
  readonly onEnded: (row: number) => void;
  /** It will not come up: why. Told once. */
  readonly onGiveUp: (sentence: string) => void;
}

export interface DataProcessStatus {
  readonly index: number;
  readonly pid: number | undefined;
  readonly ready: boolean;
  /** How often it was replaced. */
  readonly restarts: number;
}

interface Slot {
  readonly index: number;
  child: ChildProcess | undefined;
  startedAt: number;
  ready: boolean;
  restarts: number;
  state: RestartState;
  /** What it said before it ended, for the one who reads why. */
  fault: string | undefined;
  /** Set when the main ended it on purpose. */
  killed: EndReason | undefined;
  retry: NodeJS.Timeout | undefined;
}

const WATCH_MS = 250;
/** Between the end of the drain and the kill: what a process needs to close its sockets. */
const CLOSE_MS = 1000;
const FLAGS = ["--no-warnings", "--min-semi-space-size=16"];

export class DataProcesses implements AsyncDisposable {
  readonly #options: DataProcessesOptions;
  readonly #slots: readonly Slot[];
  readonly #watch: NodeJS.Timeout;
  readonly #allReady = Promise.withResolvers<void>();
  #wasReady = false;
  #stopping = false;

  constructor(options: DataProcessesOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.workers }, (_, index) => ({
      index,
      child: undefined,
      startedAt: 0,
      ready: false,
      restarts: 0,
      state: NO_FAILURES,
      fault: undefined,
      killed: undefined,
      retry: undefined,
    }));
    for (const slot of this.#slots) this.#start(slot);
    this.#watch = setInterval(() => this.#killStuck(), WATCH_MS);
  }

  /** When all were ready for the first time. */
  get allReady(): Promise<void> {
    return this.#allReady.promise;
  }

  get readyCount(): number {
    return this.#slots.filter(({ ready }) => ready).length;
  }

  get pids(): readonly number[] {
    return this.#slots.flatMap(({ child }) => child?.pid ?? []);
  }

  get status(): readonly DataProcessStatus[] {
    return this.#slots.map(({ index, child, ready, restarts }) => ({ index, pid: child?.pid, ready, restarts }));
  }

  /** A process reported that it serves. */
  markReady(index: number): void {
    const slot = this.#slots[index];
    if (slot === undefined || slot.child === undefined || slot.ready) return;
    slot.ready = true;
    slot.fault = undefined;
    this.#wasReady = true;
    this.#options.metrics.frameReady.set(0, this.readyCount);
    const ms = Math.round(performance.now() - slot.startedAt);
    this.#options.log.info("data process ready", { process: index, pid: slot.child.pid, ms });
    if (this.readyCount === this.#slots.length) this.#allReady.resolve();
  }

  /** A process said, before it ends, why it cannot serve. */
  noteFault(index: number, sentence: string): void {
    const slot = this.#slots[index];
    if (slot !== undefined) slot.fault = sentence;
  }

  /** A process stopped answering on its stream: nothing can be said to it any more. */
  endSilent(index: number): void {
    const slot = this.#slots[index];
    if (slot?.child !== undefined && !this.#stopping) this.#kill(slot, "silent");
  }

  /** No more replacements: from here on an end is an end. */
  stopReplacing(): void {
    this.#stopping = true;
    for (const slot of this.#slots) clearTimeout(slot.retry);
  }

  /** Waits for those that are closing themselves, kills what is left, returns when all have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopReplacing();
    clearInterval(this.#watch);
    const running = this.#slots.flatMap(({ child }) => child ?? []);
    const ends = running.map((child) => once(child, "close"));
    const timer = setTimeout(() => {
      for (const child of running) child.kill("SIGKILL");
    }, CLOSE_MS);
    await Promise.all(ends);
    clearTimeout(timer);
  }

  #start(slot: Slot): void {
    const { entry, workers, options, memoryFd, wakeFds, attach } = this.#options;
    const setup = { index: slot.index, workers, mainPid: process.pid, options };
    slot.startedAt = performance.now();
    slot.killed = undefined;
    const child = spawn(process.execPath, [...FLAGS, entry, "data", String(slot.index)], {
      stdio: ["ignore", "inherit", "inherit", "pipe", memoryFd, wakeFds[0]!, wakeFds[slot.index + 1]!],
      detached: true,
      env: { ...process.env, ...compileCacheEnvironment(process.env), ...setupEnvironment(setup) },
    });
    slot.child = child;
    const stream = child.stdio[STREAM_FD];
    if (stream instanceof Duplex) attach(stream);
    child.on("error", (error) => this.noteFault(slot.index, `Cannot start a data process: ${error.message}`));
    // "close" and not "exit": what it said on its stream before it ended has been read by then.
    child.on("close", (code, signal) => this.#onEnd(slot, code, signal));
  }

  #onEnd(slot: Slot, code: number | null, signal: NodeJS.Signals | null): void {
    const { log, rows, metrics, onEnded, onGiveUp } = this.#options;
    const wasReady = slot.ready;
    const { child, fault, killed } = slot;
    slot.child = undefined;
    slot.ready = false;
    // Only now: until its end was reported it may have been reading (src/memory).
    rows.clear(slot.index + 1);
    onEnded(slot.index + 1);
    metrics.frameReady.set(0, this.readyCount);
    if (this.#stopping) return;
    const reason = killed ?? (wasReady ? "crash" : "start");
    metrics.frameExits.add(metrics.frameExits.seriesOf(reason), 1);
    const end = { wasReady, livedMs: performance.now() - slot.startedAt, groupWasReady: this.#wasReady };
    const [state, decision] = decideRestart(slot.state, end, Math.random());
    slot.state = state;
    log.warn("data process ended", { process: slot.index, pid: child?.pid, reason, code, signal, fault });
    if (!this.#wasReady && (fault !== undefined || decision.action === "giveUp")) {
      this.stopReplacing();
      onGiveUp(
        fault ??
          `Cannot start: a data process ended ${state.failures} times before it was ready; its messages are above`,
      );
    } else if (decision.action === "restart") {
      slot.restarts += 1;
      if (decision.afterMs === 0) this.#start(slot);
      else slot.retry = setTimeout(() => this.#start(slot), decision.afterMs);
    }
  }

  #killStuck(): void {
    for (const row of this.#options.rows.stuck(performance.now())) {
      const slot = this.#slots[row - 1];
      if (slot?.child !== undefined && slot.killed === undefined) this.#kill(slot, "stuck");
    }
  }

  #kill(slot: Slot, reason: EndReason): void {
    slot.killed = reason;
    slot.child?.kill("SIGKILL");
  }
}
