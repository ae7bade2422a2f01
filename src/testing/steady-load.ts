/** A load of HTTP by k6 and of TCP from here, from the start to `stop`, and what was wrong meanwhile. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";

export interface LoadStream {
  readonly name: string;
  readonly url: string;
  /** A connection for each request, instead of kept ones. */
  readonly isFresh: boolean;
  readonly perSecond: number;
  /** The whole body. */
  readonly answer: string;
}

export interface SteadyReport {
  readonly asked: number;
  /** Not even begun: too many were still under way. */
  readonly dropped: number;
  /** A line each. */
  readonly wrong: readonly string[];
}

const SCRIPT = join(import.meta.dirname, "k6/steady.ts");

/** k6, run until it is told to stop. */
export class SteadyLoad implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #out: Buffer[] = [];
  readonly #err: Buffer[] = [];

  /** `hosts`: the address that a name leads to, whatever DNS says. */
  constructor(streams: readonly LoadStream[], hosts: Readonly<Record<string, string>>) {
    const args = ["run", "--quiet", "--no-usage-report", "--address=", "--log-format=raw", SCRIPT];
    const env = { ...process.env, STREAMS: JSON.stringify(streams), HOSTS: JSON.stringify(hosts) };
    this.#child = spawn("k6", args, { stdio: ["ignore", "pipe", "pipe"], env });
    this.#child.stdout!.on("data", (bytes: Buffer) => this.#out.push(bytes));
    this.#child.stderr!.on("data", (bytes: Buffer) => this.#err.push(bytes));
    this.#closed = once(this.#child, "close");
  }

  async stop(): Promise<SteadyReport> {
    const stoppedAt = Date.now();
    await this[Symbol.asyncDispose]();
    const lines = Buffer.concat(this.#err).toString().split("\n");
    const wrong = lines.filter((line) => {
      const at = /^WRONG (\d+) /.exec(line)?.[1];
      return at !== undefined && Number(at) < stoppedAt;
    });
    const said = Buffer.concat(this.#out).toString();
    if (!said.startsWith("{")) throw new Error(`Cannot read what k6 says: ${said}${lines.join("\n")}`);
    return { ...(JSON.parse(said) as { asked: number; dropped: number }), wrong };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGINT");
    await this.#closed;
  }
}

/** Connections to an echo over TCP, one after another, each with a few words to and fro. */
export class EchoLoad implements AsyncDisposable {
  readonly #wrong: string[] = [];
  readonly #ended: Promise<void>;
  #asked = 0;
  #isStopped = false;

  /** So long between the words of a connection. */
  constructor(host: string, port: number, pauseMs: number) {
    this.#ended = this.#run(host, port, pauseMs);
  }

  async stop(): Promise<SteadyReport> {
    await this[Symbol.asyncDispose]();
    return { asked: this.#asked, dropped: 0, wrong: this.#wrong };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(host: string, port: number, pauseMs: number): Promise<void> {
    while (!this.#isStopped) {
      this.#asked++;
      try {
        await converse(host, port, pauseMs);
      } catch (error) {
        this.#wrong.push(`${new Date().toISOString()} ${String(error)}`);
      }
    }
  }
}

const WORDS = 5;

async function converse(host: string, port: number, pauseMs: number): Promise<void> {
  const socket = connect({ host, port, timeout: 5000 });
  try {
    socket.on("timeout", () => socket.destroy(new Error("nothing was heard for 5 s")));
    await once(socket, "connect");
    for (let word = 0; word < WORDS; word++) {
      socket.write(`word ${word}`);
      const [bytes] = (await once(socket, "data")) as [Buffer];
      if (bytes.toString() !== `word ${word}`) throw new Error(`another word came back: ${bytes.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } finally {
    socket.destroy();
  }
}
