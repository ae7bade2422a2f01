/** A service's main from its command line on. */
import type { MetricDeclarations } from "#src/metrics/declaration.ts";
import { FRAME_OPTIONS, optionsOf } from "./frame-options.ts";
import { areValuesOf, type Options } from "./option.ts";
import { readProgramOptions } from "./program-options.ts";
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
  const options = readProgramOptions({ name, help, options: optionsOf(definition) }, argv);
  if (options === undefined) return 0;
  if (!areValuesOf(FRAME_OPTIONS, options) || !areValuesOf(definition.options, options)) {
    throw new Error(`Cannot run fairway-${name}: an option has no value`);
  }
  return new ServiceMain(definition, options, restarts).run();
}
