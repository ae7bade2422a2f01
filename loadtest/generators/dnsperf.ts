/** dnsperf: questions of a file over UDP, each sent when an answer has made room for it. */
import type { LoadResult } from "./load-result.ts";
import { runProgram } from "./run-program.ts";

export interface DnsperfOptions {
  readonly port: number;
  /** A file of lines `NAME TYPE`. */
  readonly questions: string;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

const CLIENTS = 4;
/** Questions without an answer yet, of all clients together. */
const WINDOW = 150;

export async function runDnsperf({ port, questions, seconds, signal }: DnsperfOptions): Promise<LoadResult> {
  const flags = ["-c", CLIENTS, "-T", 1, "-q", WINDOW, "-t", 1, "-l", Math.max(1, Math.round(seconds))];
  const server = ["-s", "127.0.0.1", "-p", port, "-d", questions];
  return parseDnsperf(await runProgram(["dnsperf", ...flags, ...server].map(String), signal));
}

/** dnsperf's statistics. Every answer must be NOERROR; one window may be lost, as when a socket's buffer is full once. */
export function parseDnsperf(output: string): LoadResult {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(output)?.[1];
    if (found === undefined) throw new Error(`Cannot read what dnsperf printed: ${output}`);
    return Number(found);
  };
  const completed = number(/Queries completed:\s+(\d+)/);
  const lost = number(/Queries lost:\s+(\d+)/);
  const good = Number(/NOERROR (\d+)/.exec(output)?.[1] ?? 0);
  const faults: string[] = [];
  if (good !== completed || completed === 0) faults.push(`${completed - good} of ${completed} answers are not NOERROR`);
  if (lost > WINDOW) faults.push(`${lost} questions were lost`);
  return { operations: completed, seconds: number(/Run time \(s\):\s+([\d.]+)/), bytes: 0, faults };
}
