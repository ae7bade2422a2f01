import assert from "node:assert/strict";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { LineWriter, type LineQueue } from "./line-writer.ts";

interface Numbered {
  number: number;
}

function place(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "fairway-lines-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "log");
}

const numbers = (writer: LineWriter, capacity: number, pad = 0): LineQueue<Numbered> =>
  writer.queue({
    capacity,
    make: () => ({ number: 0 }),
    format: ({ number }) => `${number}${"é".repeat(pad)}`,
  });

test("lines are written in order, of two logs in turn; what finds no room is dropped and counted", async (context) => {
  const path = place(context);
  const fd = openSync(path, "w");
  const writer = new LineWriter({ fd });
  const first = numbers(writer, 10);
  const second = numbers(writer, 4);
  for (let i = 0; i < 12; i++) {
    const record = first.take();
    if (record !== undefined) record.number = i;
  }
  second.take()!.number = 100;
  assert.equal(first.dropped, 2);
  assert.equal(readFileSync(path, "utf8"), "", "nothing is written on the way");
  await writer[Symbol.asyncDispose]();
  closeSync(fd);
  assert.equal(readFileSync(path, "utf8"), "0\n100\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  assert.equal(first.dropped + second.dropped, 2);
});

test("records are used again, and a wrapped queue keeps its order without being asked to write", async (context) => {
  const path = place(context);
  const fd = openSync(path, "w");
  const writer = new LineWriter({ fd });
  const made = new Set<Numbered>();
  const queue = numbers(writer, 8);
  for (let i = 0; i < 50; i++) {
    const record = queue.take()!;
    record.number = i;
    made.add(record);
    if (i % 5 === 4) while (queue.waiting > 0) await setTimeout(1);
  }
  await writer[Symbol.asyncDispose]();
  closeSync(fd);
  assert.equal(readFileSync(path, "utf8"), Array.from({ length: 50 }, (_, i) => `${i}\n`).join(""));
  assert.ok(made.size <= 8);
});

test("at a pipe, lines of several processes stay whole", async (context) => {
  const path = place(context);
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  const reader = spawn("cat", [path], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  reader.stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  const fds = [openSync(path, "w"), openSync(path, "w")];
  const writers = fds.map((fd) => new LineWriter({ fd }));
  const queues = writers.map((writer) => numbers(writer, 500, 400));
  for (let i = 0; i < 500; i++) for (const queue of queues) queue.take()!.number = i;
  for (const writer of writers) await writer[Symbol.asyncDispose]();
  for (const fd of fds) closeSync(fd);
  await once(reader, "close");
  const lines = text.split("\n");
  assert.equal(lines.pop(), "");
  assert.equal(lines.length, 1000);
  for (const line of lines) assert.match(line, /^\d+é{400}$/);
});

test("lines that cannot be written, and one that is too long, are lost and counted", async () => {
  const full = openSync("/dev/full", "w");
  const writer = new LineWriter({ fd: full });
  const queue = numbers(writer, 4);
  for (let i = 0; i < 3; i++) queue.take()!.number = i;
  const long = numbers(writer, 4, 40_000);
  long.take()!.number = 1;
  await writer[Symbol.asyncDispose]();
  closeSync(full);
  assert.deepEqual([queue.dropped, long.dropped], [3, 1]);
});

test("a pipe that nobody reads holds up neither the process nor its end", async (context) => {
  const path = place(context);
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, "w");
  const writer = new LineWriter({ fd });
  const queue = numbers(writer, 500, 400);
  for (let i = 0; i < 600; i++) {
    const record = queue.take();
    if (record !== undefined) record.number = i;
  }
  assert.equal(queue.dropped, 100);
  await writer[Symbol.asyncDispose]();
  assert.ok(queue.waiting > 0, "what the pipe has no room for");
  closeSync(fd);
  closeSync(reader);
});
