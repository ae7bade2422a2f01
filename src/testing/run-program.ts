/** Programs that are run to their end. */
import { spawn } from "node:child_process";
import { once } from "node:events";

export interface ProgramInput {
  /** For its standard input; without it there is none. */
  readonly input?: string;
  /** It is ended after this, and has failed then. Default 120,000. */
  readonly timeoutMs?: number;
}

/** What it writes to standard output; throws with what it writes to standard error when it fails. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { input, timeoutMs = 120_000 }: ProgramInput = {},
): Promise<string> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], timeout: timeoutMs });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (bytes: Buffer) => out.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => err.push(bytes));
  // A program may end before it has read everything.
  child.stdin.on("error", () => {});
  child.stdin.end(input ?? "");
  const [code, signal]: unknown[] = await once(child, "close");
  const text = Buffer.concat(out).toString();
  if (code === 0) return text;
  const reason = Buffer.concat(err).toString().trim() || text.trim();
  throw new Error(`Cannot run ${program} ${args.join(" ")} (${String(code ?? signal)}): ${reason}`);
}
