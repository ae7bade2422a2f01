/**
 * What `fairway up` does: one process tree per service, restarted with back-off when it ends, its lines in one log, all
 * stopped together; and when the supervisor is killed, the kernel ends them (supervised.ts).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { compileCacheEnvironment } from "./compile-cache.ts";
import { StartFault } from "./fault.ts";
import { decideRestart, NO_FAILURES, type RestartState } from "./restart-policy.ts";
import { isReadyMessage, supervisorEnvironment } from "./supervised.ts";

export interface SupervisedService {
  readonly name: string;
  /** Path of the service's main.ts. */
  readonly entry: string;
  /** Its command line; a service whose own is not known yet is started when it is. */
  readonly args: readonly string[] | Promise<readonly string[]>;
}

/** Why a service's main ended, and what follows. */
export interface ServiceEnd {
  readonly name: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly restartInMs: number;
}

export interface SupervisorOptions {
  readonly services: readonly SupervisedService[];
  /** One line of the merged log, JSON, with the service's name in it, without its newline. */
  readonly onLine: (line: string) => void;
  /** Each time a service has become ready, after a restart too. `admin` is `HOST:PORT`. */
  readonly onReady?: (name: string, admin: string) => void;
  readonly onEnd?: (end: ServiceEnd) => void;
  /** From SIGTERM to SIGKILL: longer than the services' own drain. Default 15,000. */
  readonly stopTimeoutMs?: number;
}

export interface ServiceStatus {
  readonly name: string;
  readonly pid: number | undefined;
  readonly ready: boolean;
  readonly admin: string | undefined;
  readonly restarts: number;
}

interface Tree {
  readonly service: SupervisedService;
  readonly ready: PromiseWithResolvers<void>;
  args: readonly string[];
  child: ChildProcess | undefined;
  startedAt: number;
  isReady: boolean;
  wasReady: boolean;
  admin: string | undefined;
  restarts: number;
  state: RestartState;
  /** The last thing said on standard error: when it cannot start, the sentence why. */
  lastWords: string;
  retry: NodeJS.Timeout | undefined;
}

export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #trees: readonly Tree[];
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#trees = options.services.map((service) => ({
      service,
      ready: Promise.withResolvers<void>(),
      args: [],
      child: undefined,
      startedAt: 0,
      isReady: false,
      wasReady: false,
      admin: undefined,
      restarts: 0,
      state: NO_FAILURES,
      lastWords: "",
      retry: undefined,
    }));
  }

  get status(): readonly ServiceStatus[] {
    return this.#trees.map(({ service, child, isReady, admin, restarts }) => ({
      name: service.name,
      pid: child?.pid,
      ready: isReady,
      admin,
      restarts,
    }));
  }

  /** Resolves when all are ready; rejects with a StartFault as soon as one cannot come up. Dispose in either case. */
  async start(): Promise<void> {
    await Promise.all(this.#trees.map((tree) => this.#bringUp(tree)));
  }

  async #bringUp(tree: Tree): Promise<void> {
    const { args } = tree.service;
    tree.args = args instanceof Promise ? await args : args;
    if (!this.#stopping) this.#spawn(tree);
    await tree.ready.promise;
  }

  /** SIGTERM to all, so that they drain side by side; SIGKILL when the time is up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    for (const { retry } of this.#trees) clearTimeout(retry);
    const running = this.#trees.flatMap(({ child }) => child ?? []);
    const ends = running.map((child) => once(child, "close"));
    for (const child of running) child.kill("SIGTERM");
    const timer = setTimeout(() => {
      for (const child of running) child.kill("SIGKILL");
    }, this.#options.stopTimeoutMs ?? 15_000);
    await Promise.all(ends);
    clearTimeout(timer);
  }

  #spawn(tree: Tree): void {
    const { args } = tree;
    const { name, entry } = tree.service;
    tree.startedAt = performance.now();
    const child = spawn(process.execPath, ["--no-warnings", entry, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // A Ctrl-C at the terminal is for the supervisor, which then stops the services.
      detached: true,
      env: { ...process.env, ...compileCacheEnvironment(process.env), ...supervisorEnvironment(tree.restarts) },
    });
    tree.child = child;
    createInterface({ input: child.stdout! }).on("line", (line) => this.#options.onLine(line));
    createInterface({ input: child.stderr! }).on("line", (line) => this.#onStderr(tree, line));
    child.on("message", (message) => {
      if (isReadyMessage(message)) this.#onReady(tree, message.admin);
    });
    child.on("error", (error) => (tree.lastWords = `Cannot start ${name}: ${error.message}`));
    child.on("close", (code, signal) => this.#onEnd(tree, code, signal));
  }

  /** Services say sentences there when they cannot start, and Node its stack traces. */
  #onStderr(tree: Tree, line: string): void {
    if (line.startsWith("Cannot ")) tree.lastWords = line;
    const { name } = tree.service;
    this.#options.onLine(
      JSON.stringify({ time: new Date().toISOString(), level: "error", event: line, service: name }),
    );
  }

  #onReady(tree: Tree, admin: string): void {
    tree.isReady = true;
    tree.wasReady = true;
    tree.lastWords = "";
    tree.admin = admin;
    tree.ready.resolve();
    this.#options.onReady?.(tree.service.name, admin);
  }

  #onEnd(tree: Tree, code: number | null, signal: NodeJS.Signals | null): void {
    const { name } = tree.service;
    const end = { wasReady: tree.isReady, livedMs: performance.now() - tree.startedAt, groupWasReady: tree.wasReady };
    tree.child = undefined;
    tree.isReady = false;
    if (this.#stopping) return tree.ready.reject(new StartFault(`Cannot start ${name}: stopped before it was ready`));
    const [state, decision] = decideRestart(tree.state, end, Math.random());
    tree.state = state;
    const isRefusal = !tree.wasReady && tree.lastWords !== "";
    if (isRefusal || decision.action === "giveUp") {
      const reason = isRefusal
        ? tree.lastWords.replace(/^C/, "c")
        : `it ended ${state.failures} times before it was ready`;
      return tree.ready.reject(new StartFault(`Cannot start ${name}: ${reason}`, code === 2 ? 2 : 1));
    }
    tree.restarts += 1;
    this.#options.onEnd?.({ name, code, signal, restartInMs: decision.afterMs });
    tree.retry = setTimeout(() => this.#spawn(tree), decision.afterMs);
  }
}
