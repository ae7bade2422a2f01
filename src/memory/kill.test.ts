/** Several real processes over one segment, killed at random points. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";
import { SPAN_BYTES } from "./layout.ts";
import { Lessor } from "./lease.ts";
import { Rows } from "./rows.ts";
import { Segment } from "./segment.ts";
import { fillObject, SLOT_COUNT } from "./testdata/verified-object.ts";
import { SharedWriter } from "./writer.ts";

const CHILD = join(import.meta.dirname, "testdata/killed-process.ts");
/** Counter slots of a row. */
const WHOLE = 0;
const WRONG = 1;
const LONGEST_RUN_MS = 30_000;

/** What the main of a service does with its processes and the memory, in small. */
class Main {
  readonly segment: Segment;
  readonly rows: Rows;
  readonly writer: SharedWriter;
  readonly lessor: Lessor;
  readonly children = new Map<number, ChildProcess>();
  handedOver = 0;
  deaths = 0;

  constructor(processes: number) {
    this.segment = Segment.create("kill-test", {
      processes,
      counters: 3,
      gauges: 0,
      healthTargets: 0,
      slots: SLOT_COUNT,
      arenaBytes: SPAN_BYTES * 40,
    });
    this.rows = new Rows(this.segment);
    this.writer = new SharedWriter(this.segment);
    const owner = {
      allocate: (bytes: number): number => this.writer.allocate(bytes),
      take: (unit: number, key: number): void => {
        this.handedOver++;
        this.writer.publish(key, unit, key);
      },
      remove: (slot: number): void => this.writer.remove(slot),
    };
    this.lessor = new Lessor(this.segment, this.writer, owner, () => {});
  }

  start(row: number, mode: string, again: boolean): void {
    const child = spawn(process.execPath, ["--no-warnings", CHILD, String(row), mode], {
      stdio: ["ignore", "inherit", "inherit", this.segment.fd],
    });
    this.children.set(row, child);
    child.on("exit", () => {
      this.deaths++;
      this.children.delete(row);
      this.rows.clear(row);
      this.lessor.takeBack(row);
      if (again && !this.stopping) this.start(row, mode, again);
    });
  }

  stopping = false;

  /** One turn of changes, as a busy writer makes them. */
  change(): void {
    this.lessor.onWake();
    for (let i = 0; i < 20; i++) {
      const key = Math.floor(Math.random() * SLOT_COUNT);
      const bytes = 256 + Math.floor(Math.random() * 12000);
      const units = Array.from({ length: Math.random() < 0.7 ? 1 : 3 }, () => this.writer.allocate(bytes)).filter(
        (unit) => unit !== 0,
      );
      if (units.length === 0) continue;
      fillObject(this.segment, units, key, Math.floor(Math.random() * 2 ** 31), bytes);
      this.writer.publish(key, units[0]!, key);
    }
    this.writer.reclaim();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    for (const child of this.children.values()) child.kill("SIGKILL");
    while (this.children.size > 0) await wait(5);
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.writer.remove(slot);
    this.writer.reclaim();
    closeSync(this.segment.fd);
  }
}

test("processes killed at random points read no wrong byte, and no memory is lost", async () => {
  const main = new Main(4);
  for (let row = 1; row < 4; row++) main.start(row, "careful", true);
  // By progress and not by the clock: a slow machine takes longer, and each process is killed at some point of its work.
  const isDone = (): boolean => main.rows.sum(WHOLE) > 1000 && main.handedOver > 10 && main.deaths > 8;
  const end = Date.now() + LONGEST_RUN_MS;
  let victim = 1;
  let after = 100;
  while (Date.now() < end && !isDone()) {
    main.change();
    if (main.rows.get(victim, WHOLE) > after) {
      main.children.get(victim)?.kill(Math.random() < 0.5 ? "SIGKILL" : "SIGSEGV");
      victim = 1 + Math.floor(Math.random() * 3);
      after = Math.floor(Math.random() * 400);
    }
    await turn();
  }
  await main.stop();
  assert.equal(main.rows.sum(WRONG), 0);
  assert.ok(main.rows.sum(WHOLE) > 1000, `${main.rows.sum(WHOLE)} objects were read`);
  assert.ok(main.handedOver > 10, `${main.handedOver} objects were handed over`);
  assert.ok(main.deaths > 8, `${main.deaths} deaths`);
  assert.equal(main.writer.waiting, 0);
  assert.equal(main.lessor.leased, 0);
  assert.equal(main.writer.arena.usedBytes, 0);
  assert.equal(main.writer.arena.freeSpans, main.writer.arena.spans);
});

test("the same test finds a reader that leaves the protocol out", async () => {
  const main = new Main(3);
  main.start(1, "careless", true);
  main.start(2, "careless", true);
  const end = Date.now() + 10_000;
  while (Date.now() < end && main.rows.sum(WRONG) === 0) {
    main.change();
    await turn();
  }
  const wrong = main.rows.sum(WRONG);
  await main.stop();
  assert.ok(wrong > 0);
});

for (const stopped of [false, true]) {
  test(`a process ${stopped ? "stopped" : "that loops for ever"} inside a batch is found and killed, and its memory comes back`, async () => {
    const main = new Main(2);
    main.start(1, "endless", false);
    while (main.rows.get(1, 2) === 0) await wait(5);
    if (stopped) main.children.get(1)!.kill("SIGSTOP");
    for (let i = 0; i < 50; i++) main.change();
    const used = main.writer.waiting;
    const since = Date.now();
    while (main.children.size > 0 && Date.now() < since + 10_000) {
      for (const row of main.rows.stuck(performance.now())) main.children.get(row)?.kill("SIGKILL");
      await wait(50);
    }
    main.writer.reclaim();
    const { waiting } = main.writer;
    const deaths = main.deaths;
    await main.stop();
    assert.ok(used > 0);
    assert.equal(deaths, 1);
    assert.equal(waiting, 0);
    assert.ok(Date.now() - since >= 1000);
    assert.equal(main.writer.arena.usedBytes, 0);
  });
}
