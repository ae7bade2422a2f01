/** Large downloads over a few connections, each byte an operation. */
import { join } from "node:path";
import type { LoadResult } from "./load-result.ts";
import { runProgram } from "./run-program.ts";

const CLIENT = join(import.meta.dirname, "bulk-client.ts");

export interface BulkOptions {
  readonly port: number;
  readonly bodyBytes: number;
  readonly connections: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

export async function runBulk({ port, bodyBytes, connections, seconds, signal }: BulkOptions): Promise<LoadResult> {
  const given = [port, bodyBytes, connections, seconds].map(String);
  const output = await runProgram([process.execPath, "--no-warnings", CLIENT, ...given], signal);
  const seen = JSON.parse(output) as { bytes: number; seconds: number; faults: string[] };
  return { ...seen, operations: seen.bytes };
}
