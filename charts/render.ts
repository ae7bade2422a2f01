/** The chart as `helm template` renders it. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
export const CHART: string = join(import.meta.dirname, "fairway");
export const NAMESPACE = "fairway-system";

/** `values`: a file beside the defaults. Throws what helm says. */
export function renderChart(values?: string, ...args: readonly string[]): string {
  const chosen = values === undefined ? [] : ["--values", values];
  return execFileSync("helm", ["template", "fairway", CHART, "--namespace", NAMESPACE, ...chosen, ...args], {
    encoding: "utf8",
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
}
