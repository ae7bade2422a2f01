/** wrk and dnsperf, run until they are told to stop, and what they then say. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Longer than any test needs; a load that is forgotten ends by itself. */
const LIMIT_SECONDS = 120;

export interface LoadReport {
  readonly answered: number;
  /** Answers other than 200, or NOERROR. */
  readonly wrong: number;
  /** Connections that broke, or datagrams without an answer. */
  readonly broken: number;
  /** Connections that could not be opened. */
  readonly refused: number;
}

/** A program under way; to be stopped or disposed. */
export class Load implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #read: (text: string) => LoadReport;
  readonly #folder: string;
  #text = "";

  private constructor(program: string, args: readonly string[], folder: string, read: (text: string) => LoadReport) {
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on("data", (bytes: Buffer) => (this.#text += bytes.toString()));
    this.#ended = once(this.#child, "close");
    this.#folder = folder;
    this.#read = read;
  }

  /** GET of one URL over so many kept connections. */
  static wrk(url: string, host: string, connections: number): Load {
    const folder = mkdtempSync(join(tmpdir(), "fairway-wrk-"));
    const script = join(folder, "load.lua");
    writeFileSync(script, WRK_SCRIPT.replace("HOST", host));
    const args = ["-t1", `-c${connections}`, `-d${LIMIT_SECONDS}s`, "--timeout", "10s", "-s", script, url];
    return new Load("wrk", args, folder, readWrk);
  }

  /** One question again and again over UDP, at most so often a second. */
  static dnsperf(host: string, port: number, question: string, perSecond: number): Load {
    const folder = mkdtempSync(join(tmpdir(), "fairway-dnsperf-"));
    const questions = join(folder, "questions");
    writeFileSync(questions, `${question}\n`);
    const limits = ["-c", "8", "-q", String(DNSPERF_OUTSTANDING), "-Q", String(perSecond), "-l", String(LIMIT_SECONDS)];
    return new Load(
      "dnsperf",
      ["-s", host, "-p", String(port), "-d", questions, "-t", "2", ...limits],
      folder,
      readDnsperf,
    );
  }

  async stop(): Promise<LoadReport> {
    this.#child.kill("SIGINT");
    await this[Symbol.asyncDispose]();
    return this.#read(this.#text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Questions that dnsperf has under way at most, so also those that can be lost in one moment. */
export const DNSPERF_OUTSTANDING = 50;

const WRK_SCRIPT = `
wrk.headers["Host"] = "HOST"
local threads = {}
wrong = 0
function setup(thread) table.insert(threads, thread) end
function response(status) if status ~= 200 then wrong = wrong + 1 end end
function done(summary)
  local all = 0
  for _, thread in ipairs(threads) do all = all + thread:get("wrong") end
  local e = summary.errors
  io.write(string.format("REPORT %d %d %d %d\\n", summary.requests, all, e.read + e.write + e.timeout, e.connect))
end
`;

function readWrk(text: string): LoadReport {
  const [, answered, wrong, broken, refused] = /^REPORT (\d+) (\d+) (\d+) (\d+)$/m.exec(text) ?? [];
  if (refused === undefined) throw new Error(`Cannot read what wrk says: ${text}`);
  return { answered: Number(answered), wrong: Number(wrong), broken: Number(broken), refused: Number(refused) };
}

function readDnsperf(text: string): LoadReport {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1]);
  const answered = number(/Queries completed: +(\d+)/);
  const good = number(/NOERROR (\d+)/);
  const broken = number(/Queries lost: +(\d+)/);
  if (Number.isNaN(answered + broken)) throw new Error(`Cannot read what dnsperf says: ${text}`);
  return { answered, wrong: answered - (answered === 0 ? 0 : good), broken, refused: 0 };
}
