/** A load generator's run: what it printed, or why it failed. */
import { spawn } from "node:child_process";
import { delimiter } from "node:path";
import { text } from "node:stream/consumers";
import { PROGRAM_FOLDERS } from "#src/testing/programs.ts";

/** Resolves to standard output. Throws when it ends with anything but 0, with what it said. */
export async function runProgram(command: readonly string[], signal: AbortSignal): Promise<string> {
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PATH: PROGRAM_FOLDERS.join(delimiter) },
    signal,
  });
  const ended = Promise.withResolvers<number | null>();
  child.once("error", ended.reject);
  child.once("close", ended.resolve);
  const [code, output, errors] = await Promise.all([ended.promise, text(child.stdout), text(child.stderr)]);
  if (code !== 0) throw new Error(`Cannot use ${command[0]}: it ended with ${code}: ${(errors || output).trim()}`);
  return output;
}
