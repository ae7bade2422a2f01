/**
 * `npm run test:interop`: the tests against real peers and clients. Names every program that is missing with the command
 * that installs it, and fails then: a peer that is not there is not a peer that was tried.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { delimiter } from "node:path";
import { exit } from "node:process";
import { installCommand, isInstalled, PROGRAM_FOLDERS } from "./programs.ts";

const PEERS = [
  "curl",
  "dig",
  "dnsperf",
  "go",
  "h2load",
  "h2spec",
  "helm",
  "helm-unittest",
  "ip",
  "k6",
  "kubeconform",
  "kdig",
  "ncat",
  "nginx",
  "nsd",
  "openssl",
  "promtool",
  "wrk",
];

const faults = PEERS.filter((program) => !isInstalled(program)).map(
  (program) => `Cannot run the interop tests: ${program} is not installed. Install it: ${installCommand(program)}`,
);
if (process.getuid?.() !== 0)
  faults.push("Cannot run the interop tests: they make network namespaces. Run them as root.");
if (process.env["FAIRWAY_CORPORA"] === undefined) {
  faults.push(
    "Cannot run the interop tests: set FAIRWAY_CORPORA to the folder with dns-packets, http1-requests and http2-frames.",
  );
}
if (faults.length > 0) {
  for (const fault of faults) console.error(fault);
  exit(1);
}

const files = globSync("{src,services,loadtest,charts}/**/*.interop.ts").toSorted();
const runner = spawn(
  process.execPath,
  ["--no-warnings", "--test", "--test-concurrency=1", ...process.argv.slice(2), ...files],
  {
    stdio: "inherit",
    env: { ...process.env, PATH: PROGRAM_FOLDERS.join(delimiter) },
  },
);
runner.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
