/** wrk: HTTP/1.1 over keep-alive connections. */
import { join } from "node:path";
import type { LoadResult } from "./load-result.ts";
import { runProgram } from "./run-program.ts";

export interface WrkOptions {
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  /** The size of the body that every response must have; heads of up to 1 KiB are allowed on top. */
  readonly bodyBytes: number;
  readonly headers?: readonly string[];
  readonly signal: AbortSignal;
}

const REPORT = join(import.meta.dirname, "wrk-report.lua");
const MAX_HEAD_BYTES = 1024;

export async function runWrk({
  url,
  seconds,
  connections,
  bodyBytes,
  headers,
  signal,
}: WrkOptions): Promise<LoadResult> {
  const flags = ["-t1", `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, "-s", REPORT];
  const fields = (headers ?? []).flatMap((header) => ["-H", header]);
  return parseWrk(await runProgram(["wrk", ...flags, ...fields, url], signal), bodyBytes);
}

/** The line of wrk-report.lua. */
export function parseWrk(output: string, bodyBytes: number): LoadResult {
  const line = /^report (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`Cannot read what wrk printed: ${output}`);
  const seen = JSON.parse(line) as Record<"requests" | "bytes" | "microseconds" | ErrorKind, number>;
  const { requests, bytes } = seen;
  const faults: string[] = ERROR_KINDS.filter((kind) => seen[kind] > 0).map((kind) => `${seen[kind]} ${kind} errors`);
  if (requests === 0) faults.push("no response");
  else if (bytes < requests * bodyBytes || bytes > requests * (bodyBytes + MAX_HEAD_BYTES)) {
    faults.push(`${Math.round(bytes / requests)} bytes a response, where the body alone has ${bodyBytes}`);
  }
  return { operations: requests, seconds: seen.microseconds / 1e6, bytes, faults };
}

const ERROR_KINDS = ["connect", "read", "write", "status", "timeout"] as const;
type ErrorKind = (typeof ERROR_KINDS)[number];
