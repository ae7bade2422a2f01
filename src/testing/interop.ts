/**
 * `npm run test:interop`: the tests against real peers and clients. Names every program that is missing with the command
 * that installs it, and fails then: a peer that is not there is not a peer that was tried.
 */
import { spawn } from "node:child_process";
import { accessSync, constants, globSync } from "node:fs";
import { delimiter, join } from "node:path";
import { exit } from "node:process";

const PEERS: Readonly<Record<string, string>> = {
  curl: "apt-get install curl",
  dig: "apt-get install bind9-dnsutils",
  dnsperf: "apt-get install dnsperf",
  h2load: "apt-get install nghttp2-client",
  h2spec: "go install github.com/summerwind/h2spec/cmd/h2spec@latest",
  ip: "apt-get install iproute2",
  k6: "go install go.k6.io/k6@v1.8.1",
  kdig: "apt-get install knot-dnsutils",
  ncat: "apt-get install ncat",
  nginx: "apt-get install nginx",
  nsd: "apt-get install nsd",
  openssl: "apt-get install openssl",
  promtool: "apt-get install prometheus",
  wrk: "apt-get install wrk",
};

const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];

const isInstalled = (program: string): boolean =>
  folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

const faults = Object.entries(PEERS)
  .filter(([program]) => !isInstalled(program))
  .map(([program, install]) => `Cannot run the interop tests: ${program} is not installed. Install it: ${install}`);
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

const files = globSync("{src,services,loadtest}/**/*.interop.ts").toSorted();
const runner = spawn(
  process.execPath,
  ["--no-warnings", "--test", "--test-concurrency=1", ...process.argv.slice(2), ...files],
  {
    stdio: "inherit",
    env: { ...process.env, PATH: folders.join(delimiter) },
  },
);
runner.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
