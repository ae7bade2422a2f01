/** What must be on the machine before a bench is started. */
import { installCommand, isInstalled } from "#src/testing/programs.ts";
import { StartFault } from "#src/process/fault.ts";
import type { Bench } from "./bench.ts";

const HARNESS = ["taskset", "setpriv"];

const missingOf = (programs: readonly string[]): readonly string[] =>
  programs.filter((program) => !isInstalled(program));

/** What is missing without which the bench cannot run at all. */
export const missingPrograms = ({ programs }: Bench): readonly string[] => missingOf([...HARNESS, ...programs]);

/** Peers that are missing, without which it can. */
export const missingPeers = ({ optional = [] }: Bench): readonly string[] => missingOf(optional);

/** Throws a StartFault (2) that names each missing program with the command that installs it. */
export function requirePrograms(benches: readonly Bench[]): void {
  const missing = new Set(benches.flatMap((bench) => [...missingPrograms(bench), ...missingPeers(bench)]));
  if (missing.size === 0) return;
  const sentences = [...missing].map(
    (program) => `Cannot run the bench: ${program} is not installed. Install it: ${installCommand(program)}`,
  );
  throw new StartFault(sentences.join("\n"), 2);
}
