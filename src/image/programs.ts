/** What is in the image: a program for each service that exists, and what it starts or reads by the place of its own file. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";

export interface Program {
  /** The service's folder: `services/NAME` here and in the image. */
  readonly name: string;
  /** Typed in the image: `fairway-dns`; the command line is `fairway`. */
  readonly command: string;
  /** Source files that become one file each in the program's folder, under their own names. */
  readonly entries: readonly string[];
  /** Files and folders that are copied beside them. */
  readonly assets: readonly string[];
}

const HEALTH_WORKER = "src/health/health-worker.ts";
const GATEWAY_API = "src/resource/gateway-api";

interface Extra {
  readonly entries?: readonly string[];
  readonly assets?: readonly string[];
}

/** Threads, child processes and data beside the main. */
const EXTRAS: Readonly<Record<string, Extra>> = {
  dns: { entries: [HEALTH_WORKER] },
  resolver: {},
  edge: { entries: [HEALTH_WORKER] },
  balancer: { entries: [HEALTH_WORKER] },
  controller: { assets: [GATEWAY_API] },
  cli: { entries: ["services/cli/demo-origins.ts"], assets: [GATEWAY_API, "services/cli/demo"] },
};

/** The programs whose sources are below `root`, the repository. */
export function programsBelow(root: string): Program[] {
  return Object.entries(EXTRAS).flatMap(([name, { entries = [], assets = [] }]) => {
    const main = `services/${name}/main.ts`;
    if (!existsSync(join(root, main))) return [];
    return [{ name, command: name === "cli" ? "fairway" : `fairway-${name}`, entries: [main, ...entries], assets }];
  });
}

/** Where a source's program is in the image. */
export function bundlePath(program: Program, entry: string): string {
  return `opt/fairway/services/${program.name}/${basename(entry, ".ts")}.mjs`;
}
