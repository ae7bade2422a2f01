import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

const PROGRAM = join(import.meta.dirname, "testdata", "supervise.ts");

interface Line {
  readonly event: string;
  readonly name?: string;
  readonly pid?: number;
  readonly service?: string;
}

function supervise(...services: string[]) {
  const child = spawn(process.execPath, ["--no-warnings", PROGRAM, ...services], { stdio: ["ignore", "pipe", "pipe"] });
  const lines: Line[] = [];
  let stderr = "";
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  child.stderr.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
  const closed = once(child, "close").then(([code]) => Number(code));
  const line = async (event: string, n = 1): Promise<Line> => {
    for (let turn = 0; turn < 3000; turn++) {
      const found = lines.filter((one) => one.event === event)[n - 1];
      if (found !== undefined) return found;
      await wait(5);
    }
    throw new Error(`Cannot see "${event}" in ${JSON.stringify(lines)} ${stderr}`);
  };
  return { child, lines, line, closed, stderr: () => stderr };
}

async function gone(pid: number): Promise<void> {
  for (let turn = 0; turn < 3000; turn++) {
    try {
      if (/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "latin1"))) return;
    } catch {
      return;
    }
    await wait(5);
  }
  throw new Error(`Cannot see the end of ${pid}`);
}

test("starts each when its arguments are known, restarts a killed service, stops all on one of two SIGINTs", async () => {
  const up = supervise("one=serve", "two=serve");
  await up.line("up");
  const ready = up.lines.filter(({ event }) => event === "service ready").map(({ name }) => name);
  assert.deepEqual(ready, ["two", "one"]);
  const first = up.lines.find((line) => line.event === "service ready" && line.name === "one")!;
  process.kill(first.pid!, "SIGKILL");
  assert.equal((await up.line("service ended")).name, "one");
  const again = await up.line("service ready", 3);
  assert.equal(again.name, "one");
  up.child.kill("SIGINT");
  up.child.kill("SIGINT");
  assert.equal(await up.closed, 0);
  await gone(again.pid!);
  assert.ok(up.lines.filter(({ event, service }) => event === "stopped" && service === "fixture").length >= 2);
});

test("kill -9 of the supervisor takes services and their data processes with it", async () => {
  const up = supervise("one=serve");
  await up.line("up");
  const pids = [(await up.line("service ready")).pid!, (await up.line("data process ready")).pid!];
  up.child.kill("SIGKILL");
  for (const pid of pids) await gone(pid);
  await up.closed;
});

test("a service that cannot start is named in one sentence, and the others are stopped", async () => {
  const up = supervise("two=main-fault", "one=serve");
  assert.equal(await up.closed, 1);
  assert.equal(up.stderr(), "Cannot start two: cannot read the folder /nowhere: it is not there\n");
  await gone((await up.line("service ready")).pid!);
});
