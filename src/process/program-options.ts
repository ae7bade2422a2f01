/** The options of a program without subcommands, from its command line and environment. */
import { parseCommandLine } from "./command-line.ts";
import { StartFault } from "./fault.ts";
import type { Options, OptionValue } from "./option.ts";
import { VERSION } from "./requirements.ts";

export interface NamedProgram {
  /** Without `fairway-`. */
  readonly name: string;
  /** One sentence for --help. */
  readonly help: string;
  readonly options: Options;
}

/** `argv` without node and script. Undefined: help or version was asked for, and shown. The process is named. */
export function readProgramOptions(
  { name, help, options }: NamedProgram,
  argv: readonly string[],
): Readonly<Record<string, OptionValue>> | undefined {
  const program = { name: `fairway-${name}`, environmentName: name, help, version: VERSION };
  const command = { name, help, arguments: [], options, run: () => Promise.resolve(0) };
  const parsed = parseCommandLine(program, [command], argv, process.env);
  if (parsed.outcome === "shown") {
    process.stdout.write(parsed.text);
    return undefined;
  }
  if (parsed.outcome === "faults") throw new StartFault(parsed.sentences.join("\n"), 2);
  process.title = program.name;
  return parsed.input.options;
}
