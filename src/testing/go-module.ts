import { execFileSync } from "node:child_process";

/** Where Go keeps a module `PATH@VERSION`; fetched if it is not there. */
export function goModuleFolder(module: string): string {
  const told = execFileSync("go", ["mod", "download", "-json", module], { encoding: "utf8", cwd: "/" });
  return (JSON.parse(told) as { Dir: string }).Dir;
}
