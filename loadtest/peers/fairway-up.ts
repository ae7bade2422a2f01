/** `fairway up` on a directory, on both cores and at free ports, as a person would run it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "#src/testing/service-process.ts";
import { Up } from "#src/testing/up.ts";
import type { TestBed } from "../run/test-bed.ts";

export interface UpDirectory {
  readonly path: string;
  /** Writes a file of the directory, as an editor does that replaces it. */
  readonly write: (name: string, text: string) => void;
}

export function makeDirectory(bed: TestBed, files: Readonly<Record<string, string>>): UpDirectory {
  const path = join(bed.folder, "directory");
  mkdirSync(path);
  const write = (name: string, text: string): void => writeFileSync(join(path, name), text);
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { path, write };
}

export interface DnsPorts {
  readonly dns: number;
  readonly resolver: number;
}

export const freeDnsPorts = async (): Promise<DnsPorts> => ({ dns: await freePort(), resolver: await freePort() });

/** Not yet ready: wait for its line `READY`. */
export function spawnUp(bed: TestBed, args: readonly string[], { dns, resolver }: DnsPorts): Up {
  const { server, load } = bed.cores;
  const environment = {
    FAIRWAY_DNS_PORT: String(dns),
    FAIRWAY_RESOLVER_PORT: String(resolver),
    ...Object.fromEntries(["DNS", "RESOLVER", "EDGE", "BALANCER"].map((name) => [`FAIRWAY_${name}_ADMIN_PORT`, "0"])),
  };
  const launcher = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", `${server},${load}`];
  return new Up(args, environment, launcher);
}

export const READY = /^all services ready in \d+ ms$/;
