/**
 * What a service is made of: its name, its options, what its main does and what each of its data processes does. One
 * file (`services/NAME/main.ts`) declares it and runs as both: the main starts that same file once per worker.
 */
import { takeSetup } from "./data-process-setup.ts";
import { failWith } from "./fault.ts";
import { optionsOf } from "./frame-options.ts";
import type { MetricDeclarations } from "#src/metrics/declaration.ts";
import type { Options } from "./option.ts";
import { checkRequirements } from "./requirements.ts";
import { runData } from "./run-data.ts";
import type { ServiceDefinition } from "./service-definition.ts";

export interface Service {
  readonly name: string;
  readonly help: string;
  readonly adminPort: number;
  /** The service's own and the frame's, for the reference pages and completion. */
  readonly options: Options;
  /** Runs the main or, when started by one, a data process, and sets the exit code. For the file itself: `if (import.meta.main) await service.run()`. */
  run(): Promise<void>;
}

export function defineService<const O extends Options, const M extends MetricDeclarations>(
  definition: ServiceDefinition<O, M>,
): Service {
  const { name, help, adminPort } = definition;
  return {
    name,
    help,
    adminPort,
    options: optionsOf(definition),
    run: () => runService(definition),
  };
}

async function runService<O extends Options, M extends MetricDeclarations>(
  definition: ServiceDefinition<O, M>,
): Promise<void> {
  try {
    const setup = takeSetup(process.env);
    if (setup !== undefined) process.exit(await runData(definition, setup));
    checkRequirements();
    // What only mains need is not part of a data process's start.
    const { runMain } = await import("./run-main.ts");
    process.exitCode = await runMain(definition, process.argv.slice(2));
  } catch (error) {
    failWith(error);
  }
}
