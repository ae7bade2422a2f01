/**
 * A data process to be killed: reads, verifies, pins and fills shared objects until then. Descriptor 3 is the segment.
 * Arguments: row, mode ("careful", "careless": never enters, "endless": stays in one batch).
 */
import { SharedReader } from "#src/memory/reader.ts";
import { Lessee } from "#src/memory/lease.ts";
import { counterRow } from "#src/memory/rows.ts";
import { Segment } from "#src/memory/segment.ts";
import { fillObject, isWhole, SLOT_COUNT } from "./verified-object.ts";

const row = Number(process.argv[2]);
const mode = process.argv[3];
const segment = Segment.open(3);
const reader = new SharedReader(segment, row);
const counts = counterRow(segment, row);
const lessee = new Lessee(segment, row, () => {});
/** What was pinned in earlier batches: pin, offset, key. */
const pinned: [pin: number, unit: number, key: number][] = [];

function batch(): void {
  if (mode !== "careless") reader.enter();
  for (let i = 0; i < 200; i++) {
    const slot = Math.floor(Math.random() * SLOT_COUNT);
    const unit = reader.load(slot);
    if (unit === 0) continue;
    for (let spin = Math.random() * 200; spin > 0; spin--) counts[2]! += 1;
    counts[isWhole(segment, unit, slot) ? 0 : 1]! += 1;
    const pin = mode !== "careless" && Math.random() < 0.05 ? reader.pin(segment.wordsOf(unit)[segment.wordOf(unit)]! || unit) : -1;
    if (pin >= 0) pinned.push([pin, segment.wordsOf(unit)[segment.wordOf(unit)]! || unit, slot]);
  }
  if (mode !== "careless") reader.leave();
  while (pinned.length > 0 && Math.random() < 0.8) {
    const [pin, unit, slot] = pinned.shift()!;
    counts[isWhole(segment, unit, slot) ? 0 : 1]! += 1;
    reader.unpin(pin);
  }
}

function fill(): void {
  const key = Math.floor(Math.random() * SLOT_COUNT);
  const units: number[] = [];
  const wanted = Math.random() < 0.5 ? 1 : 3;
  const bytes = 512 + Math.floor(Math.random() * 20000);
  const onLease = (unit: number): void => {
    units.push(unit);
    if (units.length < wanted) return;
    const got = units.filter((each) => each !== 0);
    if (got.length < wanted || Math.random() < 0.1) return got.forEach((each) => lessee.giveBack(each));
    fillObject(segment, got, key, Math.floor(Math.random() * 2 ** 31), bytes);
    lessee.handOver(got[0]!, key, 0, { onTaken: () => {} });
  };
  for (let i = 0; i < wanted; i++) lessee.ask(bytes, { onLease });
}

if (mode === "endless") {
  reader.enter();
  for (;;) counts[2]! += 1;
}
(function turn(): void {
  batch();
  lessee.onWake();
  if (mode !== "careless") fill();
  setImmediate(turn);
})();
