import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { basename, join } from "node:path";
import { test } from "node:test";
import { k6Arguments, k6Environment } from "./k6-command.ts";
import { LOAD_SCRIPTS, scriptEnvironment } from "./load-scripts.ts";
import { describeTarget, parseTarget } from "./load-target.ts";

const LOAD = join(import.meta.dirname, "load.ts");

function load(args: readonly string[], path: string | undefined) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--no-warnings", LOAD, ...args], {
    encoding: "utf8",
    env: { PATH: path },
  });
  return { status, stdout, stderr };
}

test("a target is scheme, host and port alone", () => {
  for (const good of ["http://127.0.0.1:8080", "https://[::1]:8443/", "http://edge.example"]) {
    assert.notEqual(parseTarget(good), undefined, good);
  }
  for (const bad of ["127.0.0.1:8080", "ftp://a", "http://a/b", "http://a/?b", "http://u:p@a", "http://", ""]) {
    assert.equal(parseTarget(bad), undefined, bad);
  }
});

test("the name that is asked for leads to the target's address", () => {
  assert.deepEqual(describeTarget(parseTarget("https://[::1]:8443")!, "cdn.demo.test", "::1"), {
    origin: "https://cdn.demo.test:8443",
    host: "cdn.demo.test",
    address: "[::1]:8443",
  });
  assert.equal(describeTarget(parseTarget("http://edge.example")!, "a.test", "192.0.2.1").address, "192.0.2.1:80");
});

test("k6's arguments: no usage report, no control port, everything by name", () => {
  const args = k6Arguments({
    script: "edge",
    target: { origin: "http://a.test:80", host: "a.test", address: "192.0.2.1:80" },
    values: { VUS: "3" },
    report: "/r/edge-1",
  });
  assert.deepEqual(args.slice(0, -1), [
    "run",
    "--no-usage-report",
    "--address=",
    "--env=ORIGIN=http://a.test:80",
    "--env=HOST=a.test",
    "--env=ADDRESS=192.0.2.1:80",
    "--env=REPORT=/r/edge-1",
    "--env=VUS=3",
  ]);
  assert.equal(basename(args.at(-1)!), "edge.ts");
  assert.equal(k6Environment("/r/edge-1")["K6_WEB_DASHBOARD_EXPORT"], "/r/edge-1.html");
});

test("a script reads every option of its own but where it goes", () => {
  const edge = LOAD_SCRIPTS.find(({ name }) => name === "edge")!;
  const values = Object.fromEntries(Object.entries(edge.options).map(([name, option]) => [name, option.default]));
  assert.deepEqual(scriptEnvironment(edge, values), {
    DURATION_MS: "30000",
    VUS: "20",
    P95_MS: "200",
    MAX_FAILURES: "0",
    INSECURE: "false",
    KEYS: "1000",
    EXPONENT: "1",
    COLD: "0.05",
    MIN_HITS: "0.5",
  });
});

test("without k6 it says how to get it, and ends with 2", () => {
  const { status, stderr } = load(["edge"], "/nowhere");
  assert.equal(status, 2);
  assert.match(stderr, /^Cannot run a load: k6 is not on the path\. Install it: go install go\.k6\.io\/k6@v1\.8\.1/);
});

test("list names every script, and a wrong one ends with 2", () => {
  const { status, stdout } = load(["list"], undefined);
  assert.equal(status, 0);
  assert.deepEqual(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]),
    LOAD_SCRIPTS.map(({ name }) => name),
  );
  assert.equal(load(["egde"], undefined).status, 2);
});
