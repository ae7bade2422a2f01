/** What must be on the machine before a bench is started. */
import { installCommand, isInstalled } from "#src/testing/programs.ts";
import { StartFault } from "#src/process/fault.ts";
import type { Bench } from "./bench.ts";

const HARNESS = ["taskset", "setpriv"];

/** Programs of the bench that are not there. */
export const missingPrograms = (bench: Bench): readonly string[] =>
  [...HARNESS, ...bench.programs].filter((program) => !isInstalled(program));

/** Throws a StartFault (2) that names each missing program with the command that installs it. */
export function requirePrograms(benches: readonly Bench[]): void {
  const missing = new Set(benches.flatMap(missingPrograms));
  if (missing.size === 0) return;
  const sentences = [...missing].map(
    (program) => `Cannot run the bench: ${program} is not installed. Install it: ${installCommand(program)}`,
  );
  throw new StartFault(sentences.join("\n"), 2);
}
