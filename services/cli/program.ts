/** `fairway`: what a person at a terminal can ask of it. */
import { type Command, parseCommandLine } from "#src/process/command-line.ts";
import { failWith } from "#src/process/fault.ts";
import { check } from "./check.ts";
import { completionOf } from "./completion.ts";
import { dig } from "./dig.ts";
import { explain } from "./explain.ts";
import { status } from "./status.ts";
import { up } from "./up.ts";
import { version, VERSION } from "./version.ts";

const completion = completionOf(() => COMMANDS);
const COMMANDS: readonly Command[] = [up, check, status, dig, explain, version, completion];

const PROGRAM = {
  name: "fairway",
  environmentName: "CLI",
  help: "Load balancer, DNS and CDN appliance.",
  version: VERSION,
};

async function main(): Promise<number> {
  const parsed = parseCommandLine(PROGRAM, COMMANDS, process.argv.slice(2), process.env);
  if (parsed.outcome === "run") return parsed.command.run(parsed.input);
  if (parsed.outcome === "faults") {
    for (const sentence of parsed.sentences) console.error(sentence);
    return 2;
  }
  process.stdout.write(parsed.text);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  failWith(error);
}
