/** The compile cache of the image's programs: what V8 makes of their text, so that a start with a read-only root need not. */
import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";

/** Loads a module that is a thread's or a child's, which alone has what it wants to begin with. */
const LOAD = "await import(process.argv[1]).catch(() => undefined)";

/**
 * Runs each file of `programs` (absolute, as it lies below the root that becomes the image) up to its help, loads each of
 * `modules`, and lets Node write to the folder `cache`. Paths in it are relative, so the root may move. The seed makes the
 * same bytes of the same text.
 */
export function warmCompileCache(
  node: string,
  cache: string,
  programs: readonly string[],
  modules: readonly string[],
): void {
  const run = (args: readonly string[]): void => {
    const { status, stderr } = spawnSync(node, ["--no-warnings", "--random-seed=1", ...args], {
      encoding: "utf8",
      // The cache's entry of LOAD is named after it.
      cwd: "/",
      env: { NODE_COMPILE_CACHE: cache, NODE_COMPILE_CACHE_PORTABLE: "1" },
    });
    if (status !== 0) throw new Error(`Cannot make the image: ${args.at(-1)} does not start: ${stderr}`);
  };
  for (const program of programs) run([program, "--help"]);
  for (const module of modules) run(["--input-type=module", "--eval", LOAD, pathToFileURL(module).href]);
}
