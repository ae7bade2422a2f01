/** System calls of a process, counted by strace. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

export interface SystemCall {
  readonly name: string;
  readonly calls: number;
  /** Of them, those that returned an error; EAGAIN too. */
  readonly errors: number;
}

/** Counts while `work` runs. What `work` gives, and the calls, or why there are none. */
export async function countSystemCalls<T>(
  pid: number,
  file: string,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly calls: readonly SystemCall[] | string }> {
  const strace = spawn("strace", ["-c", "-f", "-o", file, "-p", String(pid)], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  strace.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const ended = once(strace, "close");
  // It says so when it is attached, or ends when it may not.
  await Promise.race([once(strace.stderr, "data"), ended]);
  const done = await work();
  strace.kill("SIGINT");
  await ended;
  const calls = said.includes("attached") ? parseStrace(readFileSync(file, "utf8")) : said.trim();
  return { done, calls };
}

/** The table of `strace -c`; most calls first. */
export function parseStrace(text: string): readonly SystemCall[] {
  return text
    .split("\n")
    .flatMap((line) => {
      const found = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:(\d+)\s+)?(\w+)$/.exec(line);
      if (found === null || found[3] === "total") return [];
      return [{ name: found[3]!, calls: Number(found[1]), errors: Number(found[2] ?? 0) }];
    })
    .toSorted((a, b) => b.calls - a.calls);
}
