/** A service's data process from what its main handed it on. */
import type { MetricDeclarations } from "#src/metrics/declaration.ts";
import type { DataProcessSetup } from "./data-process-setup.ts";
import { FRAME_OPTIONS } from "./frame-options.ts";
import { areValuesOf, type Options } from "./option.ts";
import { endWithParent } from "./parent-death.ts";
import { ServiceData } from "./service-data.ts";
import type { ServiceDefinition } from "./service-definition.ts";

/** Resolves when the process is to end, to its exit code. */
export async function runData<O extends Options, M extends MetricDeclarations>(
  definition: ServiceDefinition<O, M>,
  { index, workers, mainPid, options }: DataProcessSetup,
): Promise<number> {
  endWithParent(mainPid);
  process.title = `fairway-${definition.name} data ${index}`;
  if (!areValuesOf(FRAME_OPTIONS, options) || !areValuesOf(definition.options, options)) {
    throw new Error("Cannot start as a data process: an option has no value");
  }
  return new ServiceData(definition, { index, workers, options }).run();
}
