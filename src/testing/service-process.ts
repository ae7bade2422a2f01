/** A service started as a program of its own, configured over a config stream, for integration tests and benches. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Entry } from "#src/config/model.ts";
import type { Liveness } from "#src/config/stream/publication-waiters.ts";
import { ConfigServer } from "#src/config/stream/server.ts";

const START_MS = 15_000;

/** Below the ports that the kernel gives to outgoing connections (from 32768), and above those of services and demos. */
const [FIRST_PORT, LAST_PORT] = [20_000, 32_767];

/**
 * A TCP port that is free on loopback now, and for UDP most likely too. Between this and the test's own use of it no
 * connection of another program can get it, since the kernel has none of this range to give.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") continue;
      throw error;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

export interface ServiceProcessOptions {
  /** A program and its arguments that become the service by exec: `taskset -c 0`. */
  readonly launcher?: readonly string[];
  /** The user it runs as; who sets it is root. */
  readonly uid?: number;
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Flags that say where its configuration comes from, in place of this process. */
  readonly source?: readonly string[];
  /** How long it may take to become ready. Default 15,000. */
  readonly startMs?: number;
}

export class ServiceProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #server: ConfigServer;
  readonly #folder: string;
  readonly #closed: Promise<number | null>;
  readonly #admin = Promise.withResolvers<string>();
  #errors = "";

  private constructor(child: ChildProcess, server: ConfigServer, folder: string) {
    this.#child = child;
    this.#server = server;
    this.#folder = folder;
    this.#closed = once(child, "close").then(([code]: (number | null)[]) => code ?? null);
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const { event, admin } = JSON.parse(line) as { event?: string; admin?: string };
      if (event === "ready") this.#admin.resolve(admin ?? "");
    });
    child.stderr!.on("data", (bytes: Buffer) => (this.#errors += bytes.toString()));
    void this.#closed.then(() => this.#admin.reject(new Error(`The service has ended: ${this.#errors}`)));
  }

  /** Starts `services/NAME/main.ts` with one worker; resolves when it is ready. */
  static async start(
    name: string,
    args: readonly string[],
    entries: readonly Entry[],
    { launcher = [], uid, environment, source, startMs = START_MS }: ServiceProcessOptions = {},
  ): Promise<ServiceProcess> {
    const folder = mkdtempSync(join(tmpdir(), `fairway-${name}-`));
    const socket = join(folder, "config");
    const server = new ConfigServer({ select: () => () => true });
    await server.listen(socket);
    server.publish(entries);
    const main = join(import.meta.dirname, "../../services", name, "main.ts");
    const frame = ["--workers=1", "--admin-port=0", ...(source ?? [`--config-socket=${socket}`])];
    if (uid !== undefined) for (const path of [folder, socket]) chownSync(path, uid, uid);
    const command = [...launcher, process.execPath, "--no-warnings", main, ...frame, ...args];
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const service = new ServiceProcess(child, server, folder);
    const timer = setTimeout(() => child.kill("SIGKILL"), startMs);
    try {
      await service.#admin.promise;
      return service;
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The main's; its data processes are its children. */
  get pid(): number {
    return this.#child.pid!;
  }

  /** What was written to standard error so far. */
  get errors(): string {
    return this.#errors;
  }

  /** Makes this the configuration and waits until the service has taken it. */
  async publish(entries: readonly Entry[]): Promise<readonly Liveness[]> {
    return this.#server.publish(entries).live;
  }

  /** What the admin endpoint answers. */
  async ask(path: string): Promise<string> {
    const response = await fetch(`http://${await this.#admin.promise}${path}`);
    return `${response.status} ${(await response.text()).trimEnd()}`;
  }

  /** The value of a series as the admin endpoint tells it; NaN when there is none. */
  async metric(series: string): Promise<number> {
    const line = (await this.ask("/metrics")).split("\n").find((one) => one.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1));
  }

  /** Its container is killed. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }

  /** Asks it to end; its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await this.#closed;
    await this.#server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
