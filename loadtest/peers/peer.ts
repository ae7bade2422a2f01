/** Programs that serve: the peers, and the origins behind them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { delimiter } from "node:path";
import { PROGRAM_FOLDERS } from "#src/testing/programs.ts";

export interface PeerOptions {
  readonly command: readonly string[];
  readonly core: number;
  /** Asked until it succeeds: the peer is up. */
  readonly isReady: () => Promise<boolean>;
}

const START_MS = 60_000;
const STOP_MS = 3_000;
const POLL_MS = 20;

/** What pins a program and all that it starts to one core, and ends it with this program (prctl(2), PR_SET_PDEATHSIG). */
export const launcherOn = (core: number): readonly string[] =>
  ["setpriv", "--pdeathsig", "TERM", "taskset", "-c"].concat(String(core));

export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #errors = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, "close").catch(() => {});
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (bytes: Buffer) => (this.#errors = (this.#errors + bytes.toString()).slice(-4000)));
    }
  }

  /** Resolves when it answers. */
  static async start({ command, core, isReady }: PeerOptions): Promise<Peer> {
    const line = [...launcherOn(core), ...command];
    const child = spawn(line[0]!, line.slice(1), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: PROGRAM_FOLDERS.join(delimiter) },
    });
    const peer = new Peer(child);
    const deadline = performance.now() + START_MS;
    while (!(await isReady())) {
      if (child.exitCode === null && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        continue;
      }
      await peer[Symbol.asyncDispose]();
      throw new Error(`Cannot start ${command[0]}: ${peer.#errors.trim() || "it does not answer"}`);
    }
    return peer;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** Whether someone accepts connections at this port of 127.0.0.1. */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
