/**
 * Load tests do not find a wrong order of steps; this does. The steps of one reader and the writer are tried in every
 * interleaving, and the right order is read off the real code by recording its atomic operations.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HEADER, PINS, ROW } from "./layout.ts";
import { SharedReader } from "./reader.ts";
import { rowWord } from "./rows.ts";
import { Segment } from "./segment.ts";
import { SharedWriter } from "./writer.ts";

/** One reader, one writer, one slot that goes from object 1 to object 2. */
interface State {
  reader: number;
  writer: number;
  global: number;
  epoch: number;
  pin: number;
  slot: number;
  freed: number;
  tag: number;
  oldest: number;
  pinned: number;
  loaded: number;
  held: number;
  bad: boolean;
}

const STEPS: Readonly<Record<string, (s: State) => void>> = {
  "load global": (s) => void (s.loaded = s.global),
  "store epoch": (s) => void (s.epoch = s.loaded),
  "load slot": (s) => void (s.held = s.slot),
  use: (s) => void (s.bad ||= s.freed === s.held),
  "store pin": (s) => void (s.pin = s.held),
  "store idle": (s) => void (s.epoch = 0),
  "clear pin": (s) => void (s.pin = 0),
  "store slot": (s) => void (s.slot = 2),
  "tag with global": (s) => void (s.tag = s.global),
  "store global": (s) => void s.global++,
  "load epochs": (s) => void (s.oldest = s.epoch || 99),
  "load pins": (s) => void (s.pinned = s.pin),
  free: (s) => void (s.freed = s.tag < s.oldest && s.pinned !== 1 ? 1 : s.freed),
};

function isSafe(reader: readonly string[], writer: readonly string[]): boolean {
  const seen = new Set<string>();
  const explore = (state: State): boolean => {
    const key = JSON.stringify(state);
    if (seen.has(key)) return true;
    seen.add(key);
    if (state.bad) return false;
    for (const side of ["reader", "writer"] as const) {
      const step = (side === "reader" ? reader : writer)[state[side]];
      if (step === undefined) continue;
      const after = { ...state, [side]: state[side] + 1 };
      STEPS[step]!(after);
      if (!explore(after)) return false;
    }
    return true;
  };
  const start = {
    reader: 0,
    writer: 0,
    global: 1,
    epoch: 0,
    pin: 0,
    slot: 1,
    freed: 0,
    tag: 0,
    oldest: 0,
    pinned: 0,
    loaded: 0,
    held: 0,
    bad: false,
  };
  return explore(start);
}

/** Runs `work` and returns the steps it made, by the words of `control` that its atomic operations touched, without repetitions. */
function record(control: Int32Array, names: ReadonlyMap<number, string>, work: () => void): string[] {
  const steps: string[] = [];
  const { load, store } = Atomics;
  const note = (kind: string, words: unknown, index: number, value?: number): void => {
    const name = words === control ? names.get(index) : undefined;
    const step =
      name === undefined
        ? undefined
        : name === "epoch" && value === 0
          ? "store idle"
          : name === "pin" && value === 0
            ? "clear pin"
            : `${kind} ${name}`;
    if (step !== undefined && steps.at(-1) !== step) steps.push(step);
  };
  const spied: { load: unknown; store: unknown } = Atomics;
  spied.load = (words: Int32Array, index: number) => {
    note("load", words, index);
    return load(words, index);
  };
  spied.store = (words: Int32Array, index: number, value: number) => {
    note("store", words, index, value);
    return store(words, index, value);
  };
  try {
    work();
  } finally {
    Object.assign(Atomics, { load, store });
  }
  return steps;
}

const READER = ["load global", "store epoch", "load slot", "use", "store pin", "store idle", "use", "clear pin"];
const PASS = ["store global", "load epochs", "load pins", "free"];

test("the reader's and the writer's steps, as the code makes them, are safe in every interleaving", () => {
  const segment = Segment.local({
    processes: 2,
    counters: 0,
    gauges: 0,
    healthTargets: 0,
    slots: 16,
    arenaBytes: 1 << 19,
  });
  const reader = new SharedReader(segment, 1);
  const writer = new SharedWriter(segment);
  writer.publish(0, writer.allocate(300), 7);
  const row = rowWord(segment, 1);
  const names = new Map([
    [HEADER.epoch, "global"],
    [row + ROW.epoch, "epoch"],
    [segment.layout.slotTable >> 2, "slot"],
    ...Array.from({ length: PINS }, (_, pin): [number, string] => [row + ROW.pins + pin, "pin"]),
  ]);
  const read = record(segment.control, names, () => {
    reader.enter();
    const unit = reader.load(0);
    const pin = reader.pin(unit);
    reader.leave();
    reader.unpin(pin);
  });
  assert.deepEqual(
    read,
    READER.filter((step) => step !== "use"),
  );

  const second = writer.allocate(300);
  const published = record(segment.control, names, () => writer.publish(0, second, 7));
  assert.deepEqual(published, ["store slot", "load global"]);
  const reclaimed = record(segment.control, names, () => writer.reclaim());
  assert.deepEqual(reclaimed, ["load global", "store global", "load epoch", "load pin"]);

  const again = [...READER, "load global", "store epoch", "load slot", "use", "store idle"];
  assert.ok(isSafe(again, ["store slot", "tag with global", ...PASS, ...PASS, ...PASS]));
});

const WRONG: Readonly<Record<string, readonly [reader: readonly string[], writer: readonly string[]]>> = {
  "pins read before epochs": [
    READER,
    ["store slot", "tag with global", "store global", "load pins", "load epochs", "free"],
  ],
  "looked up before entering": [
    ["load slot", "load global", "store epoch", "use", "store pin", "store idle", "use", "clear pin"],
    ["store slot", "tag with global", ...PASS],
  ],
  "pinned after leaving": [
    ["load global", "store epoch", "load slot", "use", "store idle", "store pin", "use", "clear pin"],
    ["store slot", "tag with global", ...PASS],
  ],
  "tagged before unpublishing": [
    READER,
    ["tag with global", "store global", "store slot", "load epochs", "load pins", "free"],
  ],
};

for (const [name, [reader, writer]] of Object.entries(WRONG)) {
  test(`a wrong order is found: ${name}`, () => assert.equal(isSafe(reader, writer), false));
}
