/** A service's main from its command line on. */
import type { MetricDeclarations } from "#src/metrics/declaration.ts";
import { parseCommandLine } from "./command-line.ts";
import { StartFault } from "./fault.ts";
import { FRAME_OPTIONS, optionsOf } from "./frame-options.ts";
import { areValuesOf, type Options } from "./option.ts";
import { VERSION } from "./requirements.ts";
import type { ServiceDefinition } from "./service-definition.ts";
import { ServiceMain } from "./service-main.ts";
import { takeSupervisor } from "./supervised.ts";

/** Resolves to the exit code. `argv` without node and script. */
export async function runMain<O extends Options, M extends MetricDeclarations>(
  definition: ServiceDefinition<O, M>,
  argv: readonly string[],
): Promise<number> {
  const restarts = takeSupervisor(process.env);
  const { name, help } = definition;
  const program = { name: `fairway-${name}`, environmentName: name, help, version: VERSION };
  const command = { name, help, arguments: [], options: optionsOf(definition), run: () => Promise.resolve(0) };
  const parsed = parseCommandLine(program, [command], argv, process.env);
  if (parsed.outcome === "shown") {
    process.stdout.write(parsed.text);
    return 0;
  }
  if (parsed.outcome === "faults") throw new StartFault(parsed.sentences.join("\n"), 2);
  const { options } = parsed.input;
  if (!areValuesOf(FRAME_OPTIONS, options) || !areValuesOf(definition.options, options)) {
    throw new Error(`Cannot run ${program.name}: an option has no value`);
  }
  process.title = program.name;
  return new ServiceMain(definition, options, restarts).run();
}
