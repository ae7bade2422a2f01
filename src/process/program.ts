/**
 * A program that has no data processes: options, log, admin endpoint and signals around one part that does the work. The
 * controller is one.
 */
import { buildInfoMetric, processMetrics } from "#src/metrics/collected.ts";
import type { CollectedMetric, MetricsText } from "#src/metrics/registry.ts";
import { AdminServer, hostPort, json, text } from "./admin.ts";
import { saveCompileCache } from "./compile-cache.ts";
import { failWith } from "./fault.ts";
import { FRAME_OPTIONS } from "./frame-options.ts";
import { createLogger, type Logger } from "./logger.ts";
import { areValuesOf, type Options, type OptionValues } from "./option.ts";
import { readProgramOptions } from "./program-options.ts";
import { VERSION } from "./requirements.ts";
import { handleSignals } from "./stop-signals.ts";

const { adminAddress, adminPort, logLevel } = FRAME_OPTIONS;
const PROGRAM_OPTIONS = { adminAddress, adminPort, logLevel } as const;

export interface ProgramDefinition<O extends Options> {
  readonly name: string;
  /** One sentence for --help. */
  readonly help: string;
  /** Where `/livez /readyz /metrics` are unless --admin-port says otherwise. */
  readonly adminPort: number;
  readonly options: O;
  /** Begins the work; a throw is why it cannot start. */
  readonly start: (context: ProgramContext<O>) => ProgramPart;
}

export interface ProgramContext<O extends Options> {
  readonly options: OptionValues<O> & OptionValues<typeof PROGRAM_OPTIONS>;
  readonly log: Logger;
}

export interface ProgramPart extends AsyncDisposable {
  readonly collected: readonly CollectedMetric[];
  /** Why it cannot serve now, or undefined: asked by /readyz. */
  unready(): string | undefined;
  /** For /status. */
  status(): object;
}

/** Runs until it is told to stop, and sets the exit code. */
export async function runProgram<const O extends Options>(definition: ProgramDefinition<O>): Promise<void> {
  try {
    process.exitCode = await run(definition, process.argv.slice(2));
  } catch (error) {
    failWith(error);
  }
}

async function run<O extends Options>(definition: ProgramDefinition<O>, argv: readonly string[]): Promise<number> {
  const { name, help } = definition;
  const own = { ...adminPort, default: definition.adminPort };
  const all = { ...definition.options, ...PROGRAM_OPTIONS, adminPort: own };
  const options = readProgramOptions({ name, help, options: all }, argv);
  if (options === undefined) return 0;
  if (!areValuesOf(PROGRAM_OPTIONS, options) || !areValuesOf(definition.options, options)) {
    throw new Error(`Cannot run fairway-${name}: an option has no value`);
  }
  const log = createLogger({ level: options.logLevel, fields: { service: name } });
  await serve(definition, { options, log });
  return 0;
}

async function serve<O extends Options>(definition: ProgramDefinition<O>, context: ProgramContext<O>): Promise<void> {
  const { options, log } = context;
  const stop = Promise.withResolvers<void>();
  using _signals = handleSignals({
    stop: (signal) => {
      log.info("stopping", { signal });
      stop.resolve();
    },
    reload: () => log.info("nothing to reload"),
  });
  await using admin = new AdminServer();
  await using part = definition.start(context);
  addPaths(admin, definition.name, part);
  const port = await admin.listen(options.adminAddress, options.adminPort);
  log.info("started", { admin: hostPort(options.adminAddress, port), ms: Math.round(process.uptime() * 1000) });
  saveCompileCache();
  await stop.promise;
}

function addPaths(admin: AdminServer, name: string, part: ProgramPart): void {
  admin.add("/livez", () => text(200, "alive"));
  admin.add("/readyz", () => {
    const reason = part.unready();
    return reason === undefined ? text(200, "ready") : text(503, reason);
  });
  let registry: MetricsText | undefined;
  admin.add("/metrics", async () => {
    const { createRegistry } = await import("#src/metrics/registry.ts");
    registry ??= createRegistry([
      buildInfoMetric(name, VERSION),
      ...processMetrics(() => [process.pid]),
      ...part.collected,
    ]);
    return { status: 200, contentType: registry.contentType, body: await registry.render() };
  });
  admin.add("/status", () =>
    json({ service: name, version: VERSION, unready: part.unready() ?? null, pid: process.pid, ...part.status() }),
  );
}
