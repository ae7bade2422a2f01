/**
 * `npm run test:e2e`: the tests against a real Kubernetes of two nodes, the one that KUBECONFIG names. Names all that is
 * missing, and fails then. The image is made of the sources as they are, and given to the nodes.
 */
import { spawn, spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { delimiter, join } from "node:path";
import { exit } from "node:process";
import { installCommand, isInstalled, PROGRAM_FOLDERS } from "./programs.ts";

const ROOT = join(import.meta.dirname, "../..");
const PROGRAMS = ["curl", "dig", "dnsperf", "go", "helm", "k6", "kubectl", "nc.openbsd"];

const faults = PROGRAMS.filter((program) => !isInstalled(program)).map(
  (program) => `Cannot run the e2e tests: ${program} is not installed. Install it: ${installCommand(program)}`,
);
if (process.env["KUBECONFIG"] === undefined)
  faults.push("Cannot run the e2e tests: set KUBECONFIG to the kubeconfig of a cluster that is there for tests.");
const cluster = process.env["FAIRWAY_CLUSTER"];
if (cluster === undefined) {
  faults.push(
    "Cannot run the e2e tests: set FAIRWAY_CLUSTER to a command that takes `load ARCHIVE` (an image, to all nodes), " +
      "`in client COMMAND` (on a plain host of the nodes' network), `stop NODE` and `start NODE`; node1 has the API " +
      "server. Services of type LoadBalancer must get addresses.",
  );
}
if (cluster === undefined || faults.length > 0) {
  for (const fault of faults) console.error(fault);
  exit(1);
}

prepare(process.execPath, "--no-warnings", join(ROOT, "src/image/main.ts"));
prepare(cluster, "load", join(ROOT, "dist/fairway.tar"));

const files = globSync("{src,services,charts}/**/*.e2e.ts", { cwd: ROOT }).toSorted();
const runner = spawn(
  process.execPath,
  ["--no-warnings", "--test", "--test-concurrency=1", ...process.argv.slice(2), ...files],
  { cwd: ROOT, stdio: "inherit", env: { ...process.env, PATH: PROGRAM_FOLDERS.join(delimiter) } },
);
runner.on("exit", (code) => {
  process.exitCode = code ?? 1;
});

function prepare(program: string, ...args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0) exit(1);
}
