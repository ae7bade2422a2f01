import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { AdminServer, hostPort, json, text } from "./admin.ts";
import { backoffMs } from "./backoff.ts";
import { compileCacheEnvironment } from "./compile-cache.ts";
import { setupEnvironment, takeSetup } from "./data-process-setup.ts";
import { sentenceOf, StartFault } from "./fault.ts";
import { FRAME_OPTIONS } from "./frame-options.ts";
import { createLogger } from "./logger.ts";
import { areValuesOf } from "./option.ts";
import { checkRequirements } from "./requirements.ts";
import { decideRestart, NO_FAILURES, type ProcessEnd } from "./restart-policy.ts";

test("back-off doubles to its limit, with jitter between half and whole", () => {
  const policy = { firstMs: 100, maxMs: 1000 };
  assert.deepEqual(
    [0, 1, 2, 3, 4, 1000].map((attempt) => backoffMs(policy, attempt, 0)),
    [50, 100, 200, 400, 500, 500],
  );
  assert.equal(backoffMs(policy, 0, 0.5), 75);
  assert.ok(backoffMs(policy, 9, 0.999) <= 1000);
});

const served: ProcessEnd = { wasReady: true, livedMs: 60_000, groupWasReady: true };
const early: ProcessEnd = { wasReady: false, livedMs: 20, groupWasReady: false };

test("a process that served is replaced at once, however often", () => {
  assert.deepEqual(decideRestart({ failures: 3 }, served, 0), [NO_FAILURES, { action: "restart", afterMs: 0 }]);
  assert.deepEqual(decideRestart(NO_FAILURES, { ...served, livedMs: 10 }, 0)[1], { action: "restart", afterMs: 0 });
  assert.deepEqual(decideRestart({ failures: 1 }, { ...served, livedMs: 10 }, 0)[1], {
    action: "restart",
    afterMs: 100,
  });
});

test("one that never becomes ready waits longer each time, and is given up only when none ever was", () => {
  let state = NO_FAILURES;
  const waits: number[] = [];
  for (;;) {
    const [next, decision] = decideRestart(state, early, 0);
    state = next;
    if (decision.action === "giveUp") break;
    waits.push(decision.afterMs);
  }
  assert.deepEqual(waits, [50, 100, 200, 400]);
  assert.deepEqual(decideRestart({ failures: 50 }, { ...early, groupWasReady: true }, 0)[1], {
    action: "restart",
    afterMs: 5000,
  });
});

test("log lines: one object each, levels, fields of the logger, nothing secret", () => {
  const lines: string[] = [];
  const log = createLogger({
    level: "info",
    fields: { service: "dns" },
    write: (line) => lines.push(line),
    now: () => new Date(0),
  });
  log.debug("not shown");
  log
    .with({ process: 1 })
    .info("ready", { ms: 5, serial: 7n, apiToken: "hunter2", nested: { keyPem: "x" }, error: new Error("e") });
  log.error("failed", { error: new Error("why") });
  assert.equal(
    lines[0],
    '{"time":"1970-01-01T00:00:00.000Z","level":"info","event":"ready","service":"dns","process":1,"ms":5,"serial":"7","apiToken":"[not shown]","nested":{"keyPem":"[not shown]"},"error":"e"}\n',
  );
  assert.match(lines[1]!, /"error":"Error: why\\n {4}at /);
  assert.equal(lines.length, 2);
});

test("requirements: the exact Node, in one sentence", () => {
  checkRequirements();
  assert.throws(() => checkRequirements("20.1.0", "26.10.0"), {
    message: 'Cannot run on Node 20.1.0: Fairway needs Node 26.10.0, which "npm ci" installs for "npm start"',
    exitCode: 1,
  });
});

test("what is a sentence and what a programming error", () => {
  assert.equal(sentenceOf(new StartFault("Port taken", 2)), "Port taken");
  assert.equal(sentenceOf(new Error("Cannot bind: taken")), "Cannot bind: taken");
  assert.equal(sentenceOf(new TypeError("x is not a function")), undefined);
  assert.equal(sentenceOf("Cannot"), undefined);
});

test("values are checked against their declaration", () => {
  const values = Object.fromEntries(Object.entries(FRAME_OPTIONS).map(([name, option]) => [name, option.default]));
  assert.ok(areValuesOf(FRAME_OPTIONS, values));
  assert.ok(!areValuesOf(FRAME_OPTIONS, { ...values, workers: "2" }));
  assert.ok(!areValuesOf(FRAME_OPTIONS, { ...values, logLevel: "loud" }));
  assert.ok(!areValuesOf({ hosts: { type: "list", default: [], help: "" } }, { hosts: "a" }));
});

test("a data process's setup is taken from the environment once", () => {
  const setup = { index: 1, workers: 2, mainPid: 7, options: { port: 1 } };
  const environment: Record<string, string | undefined> = setupEnvironment(setup);
  assert.deepEqual(takeSetup(environment), setup);
  assert.equal(takeSetup(environment), undefined);
  assert.throws(() => takeSetup({ FAIRWAY_DATA_PROCESS: "{}" }), /^Error: Cannot start as a data process/);
});

test("compile cache: what is set stays, else the user's folder, else none", () => {
  const folder = mkdtempSync(join(tmpdir(), "fairway-"));
  assert.deepEqual(compileCacheEnvironment({ NODE_COMPILE_CACHE: "/c" }), { NODE_COMPILE_CACHE: "/c" });
  const own = join(folder, "fairway", "compile");
  assert.deepEqual(compileCacheEnvironment({ XDG_CACHE_HOME: folder }), { NODE_COMPILE_CACHE: own });
  assert.ok(existsSync(own));
  assert.deepEqual(compileCacheEnvironment({ XDG_CACHE_HOME: "/dev/null", XDG_RUNTIME_DIR: folder }), {
    NODE_COMPILE_CACHE: own,
  });
  assert.deepEqual(compileCacheEnvironment({ XDG_CACHE_HOME: "/dev/null" }), {});
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true });
});

for (const host of ["127.0.0.1", "::1"]) {
  test(`admin endpoint at ${host}: paths, methods, faults, a taken port`, async () => {
    await using admin = new AdminServer();
    admin.add("/livez", () => text(200, "alive"));
    admin.add("/query", (query) => json(query.get("a")));
    admin.add("/broken", () => {
      throw new Error("Cannot say: no reason");
    });
    const port = await admin.listen(host, 0);
    const ask = async (path: string, init?: RequestInit) => {
      const response = await fetch(`http://${hostPort(host, port)}${path}`, init);
      return `${response.status} ${await response.text()}`;
    };
    assert.equal(await ask("/livez"), "200 alive\n");
    assert.equal(await ask("/query?a=b"), '200 "b"\n');
    assert.equal(await ask("/broken"), "500 Cannot say: no reason\n");
    assert.equal(await ask("/nowhere"), "404 Nothing here. There is: /livez /query /broken\n");
    assert.equal(await ask("//"), "404 Nothing here. There is: /livez /query /broken\n");
    assert.equal(await ask("/livez", { method: "POST" }), "405 Only GET and HEAD\n");
    await using second = new AdminServer();
    await assert.rejects(second.listen(host, port), {
      message: `Cannot open the admin endpoint at ${hostPort(host, port)}: another process has the port`,
    });
  });
}
