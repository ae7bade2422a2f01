import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

const LOAD = join(import.meta.dirname, "load.ts");
const FAIRWAY = join(import.meta.dirname, "../services/cli/main.ts");

let demo: ChildProcess;

before(
  async () => {
    demo = spawn(process.execPath, ["--no-warnings", FAIRWAY, "up", "--demo", "--workers=1"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of createInterface({ input: demo.stdout! })) {
      if (line.startsWith("all services ready")) break;
    }
    assert.equal(demo.exitCode, null, "the demo is up");
    demo.stdout!.resume();
  },
  { timeout: 30_000 },
);

after(async () => {
  if (demo.exitCode !== null) return;
  const exit = once(demo, "exit");
  demo.kill("SIGTERM");
  await exit;
});

function load(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--no-warnings", LOAD, ...args], {
    encoding: "utf8",
    timeout: 60_000,
  });
  const reports = /^reports: (.*)$/m.exec(stdout)?.[1]?.split(" ") ?? [];
  return { status, stdout, stderr, reports };
}

interface Summary {
  readonly metrics: Readonly<Record<string, { readonly values: Readonly<Record<string, number>> }>>;
}

const read = (reports: readonly string[], ending: string): string =>
  readFileSync(
    reports.find((file) => file.endsWith(ending))!,
    "utf8",
  );

// A service that has just begun, on a busy machine, stores late: many requests collapse into one fetch then.
const EDGE = ["edge", "--min-hits=0.1"];
// k6 writes an HTML report only when its dashboard has lived for a few of its periods of a second.
const SHORT = ["--duration=5s", "--vus=4", "--p95=5s"];
const RUNS: readonly (readonly [title: string, ...args: string[]])[] = [
  ["edge over IPv4", ...EDGE],
  ["edge over TLS and IPv6", ...EDGE, "--target=https://[::1]:8443", "--insecure"],
  ["balancer over IPv6", "l7", "--target=http://[::1]:8090"],
  ["balancer over TLS", "l7", "--target=https://127.0.0.1:8493", "--insecure"],
];

for (const [title, ...args] of RUNS) {
  test(`${title}: all answers are right, and the reports are written`, () => {
    const { status, stdout, stderr, reports } = load(...args, ...SHORT);
    try {
      assert.equal(status, 0, stdout + stderr);
      const { metrics } = JSON.parse(read(reports, ".json")) as Summary;
      assert.ok(metrics["http_reqs"]!.values["count"]! > 50, stdout);
      assert.equal(metrics["checks"]!.values["fails"], 0);
      assert.match(read(reports, ".html"), /<html/i);
      assert.match(read(reports, ".txt"), /✓ checks: rate==1/);
    } finally {
      for (const file of reports) rmSync(file);
    }
  });
}

test("a threshold that is crossed fails the run", () => {
  const { status, stdout, reports } = load("edge", ...SHORT, "--cold=1");
  for (const file of reports) rmSync(file);
  assert.equal(status, 1);
  assert.match(stdout, /✗ edge_hits: rate>=0\.5/);
});
