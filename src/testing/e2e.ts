/**
 * `npm run test:e2e`: the tests against a real Kubernetes, the one that KUBECONFIG names. Names all that is missing, and
 * fails then.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { exit } from "node:process";
import { installCommand, isInstalled } from "./programs.ts";

const PROGRAMS = ["helm", "kubectl"];

const faults = PROGRAMS.filter((program) => !isInstalled(program)).map(
  (program) => `Cannot run the e2e tests: ${program} is not installed. Install it: ${installCommand(program)}`,
);
if (process.env["KUBECONFIG"] === undefined)
  faults.push("Cannot run the e2e tests: set KUBECONFIG to the kubeconfig of a cluster that is there for tests.");
if (process.env["FAIRWAY_CLUSTER"] === undefined) {
  faults.push(
    "Cannot run the e2e tests: set FAIRWAY_CLUSTER to a command that takes `stop NODE` and `start NODE`; node1 has the API server.",
  );
}
if (faults.length > 0) {
  for (const fault of faults) console.error(fault);
  exit(1);
}

const files = globSync("{src,services,charts}/**/*.e2e.ts").toSorted();
const runner = spawn(
  process.execPath,
  ["--no-warnings", "--test", "--test-concurrency=1", ...process.argv.slice(2), ...files],
  { stdio: "inherit" },
);
runner.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
