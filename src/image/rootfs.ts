/** The image's files, in folders on disk: one for each layer, what changes least the lowest. */
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { bundle } from "./bundle.ts";
import { writeBase } from "./base.ts";
import { warmCompileCache } from "./compile-cache.ts";
import { COMPILE_CACHE } from "./configuration.ts";
import { bundlePath, type Program } from "./programs.ts";

export interface Layers {
  /** Node and what it needs. */
  readonly base: string;
  /** The programs and their compile cache. */
  readonly programs: string;
}

/** Fills two folders below `work`, which is empty. `root` is the repository, `node` the binary that programs run on. */
export async function writeLayers(
  root: string,
  work: string,
  node: string,
  programs: readonly Program[],
): Promise<Layers> {
  const layers = { base: join(work, "base"), programs: join(work, "programs") };
  writeBase(layers.base, node);
  for (const program of programs) await writeProgram(root, layers.programs, program);
  cpSync(join(root, "LICENSE"), join(layers.programs, "usr/share/doc/fairway/LICENSE"));
  const cache = join(layers.programs, COMPILE_CACHE);
  mkdirSync(cache, { recursive: true });
  const mains = programs.map((program) => join(layers.programs, bundlePath(program, program.entries[0]!)));
  const others = programs.flatMap((program) => program.entries.slice(1).map((entry) => bundlePath(program, entry)));
  warmCompileCache(
    node,
    cache,
    mains,
    others.map((path) => join(layers.programs, path)),
  );
  return layers;
}

async function writeProgram(root: string, layer: string, program: Program): Promise<void> {
  const { command, entries, assets } = program;
  for (const entry of entries) await bundle(root, entry, join(layer, bundlePath(program, entry)));
  const main = bundlePath(program, entries[0]!);
  for (const asset of assets) {
    cpSync(join(root, asset), join(layer, dirname(main), basename(asset)), { recursive: true });
  }
  const link = join(layer, "usr/bin", command);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(`/${main}`, link);
}
