/**
 * The command line, for services and for `fairway` with its subcommands: from declared options to checked values. The
 * command line goes before the environment, the environment before the default; all faults are told at once.
 */
import { Command as Parser, CommanderError, Option as Flag } from "commander";
import { areValuesOf, type Option, type Options, type OptionValue, type OptionValues } from "./option.ts";
import { environmentNames, explainOption, flagName, parseOptionText } from "./option-text.ts";

interface Argument {
  /** `<url>` must be given, `[dir]` may, `[names...]` takes all that follow. */
  readonly name: string;
  readonly help: string;
}

/** One thing a program can be told to do. */
export interface Command {
  readonly name: string;
  readonly help: string;
  readonly arguments: readonly Argument[];
  readonly options: Options;
  /** Resolves to the exit code. */
  readonly run: (input: RawInput) => Promise<number>;
}

interface RawInput {
  readonly arguments: readonly string[];
  readonly options: Readonly<Record<string, OptionValue>>;
}

interface CommandInput<O extends Options> {
  readonly arguments: readonly string[];
  readonly options: OptionValues<O>;
}

export interface CommandDefinition<O extends Options> {
  readonly name: string;
  readonly help: string;
  readonly arguments?: readonly Argument[];
  readonly options: O;
  readonly run: (input: CommandInput<O>) => Promise<number>;
}

/** Gives a command its typed options; a program's commands have different ones, so `Command` has forgotten them. */
export function defineCommand<const O extends Options>(definition: CommandDefinition<O>): Command {
  return {
    arguments: [],
    ...definition,
    run: ({ arguments: given, options }) => {
      if (!areValuesOf(definition.options, options))
        throw new Error(`Cannot run ${definition.name}: an option has no value`);
      return definition.run({ arguments: given, options });
    },
  };
}

export interface Program {
  /** As typed: `fairway`, `fairway-dns`. */
  readonly name: string;
  /** In environment names: FAIRWAY_{this}_WORKERS. */
  readonly environmentName: string;
  readonly help: string;
  readonly version: string;
}

export type ParsedCommandLine =
  | { readonly outcome: "run"; readonly command: Command; readonly input: RawInput }
  /** --help or --version: print it and end with 0. */
  | { readonly outcome: "shown"; readonly text: string }
  /** Say each and end with 2. */
  | { readonly outcome: "faults"; readonly sentences: readonly string[] };

/** One command: a program without subcommands whose options are that command's. Several: `PROGRAM COMMAND`. `argv` without node and script. */
export function parseCommandLine(
  program: Program,
  commands: readonly Command[],
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ParsedCommandLine {
  let shown = "";
  let told = "";
  let found: ParsedCommandLine | undefined;
  const root = new Parser(program.name)
    .description(program.help)
    .version(program.version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => void (shown += text), writeErr: (text) => void (told += text) });
  for (const command of commands) {
    const parser = commands.length === 1 ? root : root.command(command.name).description(command.help);
    parser.allowExcessArguments(false);
    for (const { name, help } of command.arguments) parser.argument(name, help);
    for (const [name, option] of Object.entries(command.options)) {
      for (const flag of flagsFor(program, name, option)) parser.addOption(flag);
    }
    parser.action(() => {
      found = readInput(program, command, parser.args, parser.opts<Record<string, unknown>>(), environment);
    });
  }
  try {
    root.parse(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { outcome: "shown", text: shown };
    if (told.startsWith("Usage")) return { outcome: "faults", sentences: [told.trimEnd()] };
    const reason = told
      .replace(/^error: /, "")
      .trim()
      .replaceAll("\n", " ");
    return { outcome: "faults", sentences: [`Cannot run ${program.name}: ${reason}. See ${program.name} --help`] };
  }
  return found ?? { outcome: "shown", text: root.helpInformation() };
}

function flagsFor(program: Program, name: string, option: Option): Flag[] {
  const long = flagName(name);
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const help = `${explainOption(option)} [${environmentNames(program.environmentName, name, option)[0]}]`;
  switch (option.type) {
    case "boolean":
      return [new Flag(`${short}--${long}`, help), new Flag(`--no-${long}`).hideHelp()];
    case "list":
      return [
        new Flag(`${short}--${long} <values>`, help).argParser((value: string, before: string | undefined) =>
          before === undefined ? value : `${before}${option.separator ?? ","}${value}`,
        ),
      ];
    case "string":
    case "integer":
    case "number":
    case "duration":
    case "bytes":
      break;
  }
  return [new Flag(`${short}--${long} <${option.type === "string" ? "value" : option.type}>`, help)];
}

function readInput(
  program: Program,
  command: Command,
  given: readonly string[],
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): ParsedCommandLine {
  const options: Record<string, OptionValue> = {};
  const sentences: string[] = [];
  for (const [name, option] of Object.entries(command.options)) {
    const variable = environmentNames(program.environmentName, name, option).find(
      (one) => environment[one] !== undefined,
    );
    const flag = flags[name];
    const isGiven = typeof flag === "string" || typeof flag === "boolean";
    const text = isGiven ? String(flag) : variable === undefined ? undefined : environment[variable]!;
    const parsed = text === undefined ? { value: option.default } : parseOptionText(option, text);
    if ("value" in parsed) options[name] = parsed.value;
    else sentences.push(faultSentence(option, isGiven ? `--${flagName(name)}` : variable!, text!, parsed.fault));
  }
  return sentences.length > 0
    ? { outcome: "faults", sentences }
    : { outcome: "run", command, input: { arguments: given, options } };
}

function faultSentence(option: Option, source: string, text: string, fault: string): string {
  const shown = option.type === "string" && option.secret === true ? "its value" : JSON.stringify(text);
  return `Cannot use ${source}: ${shown} ${fault}`;
}
