/** `fairway`: what a person at a terminal can ask of it. */
import { type Command, parseCommandLine } from "#src/process/command-line.ts";
import { failWith } from "#src/process/fault.ts";
import { check } from "./check.ts";
import { completionOf } from "./completion.ts";
import { dig } from "./dig.ts";
import { up } from "./up.ts";
import { version, VERSION } from "./version.ts";

const completion = completionOf(() => COMMANDS);
const COMMANDS: readonly Command[] = [up, check, dig, version, completion];

const PROGRAM = {
  name: "fairway",
  environmentName: "CLI",
  help: "Load balancer, DNS and CDN appliance.",
  version: VERSION,
};

async function main(): Promise<number> {
  const parsed = parseCommandLine(PROGRAM, COMMANDS, process.argv.slice(2), process.env);
  switch (parsed.outcome) {
    case "shown":
      process.stdout.write(parsed.text);
      return 0;
    case "faults":
      for (const sentence of parsed.sentences) console.error(sentence);
      return 2;
    case "run":
      return parsed.command.run(parsed.input);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  failWith(error);
}
