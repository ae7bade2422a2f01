import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { test } from "node:test";
import * as fc from "fast-check";
import { CHUNK, CLASS_BYTES, MAX_CHUNK_BYTES, classFor } from "./arena.ts";
import { isOlder, nextEpoch } from "./epoch.ts";
import { HealthBits } from "./health-bits.ts";
import { HEADER, PINS, RING_MESSAGES, ROW, SPAN_BYTES, type SegmentOptions } from "./layout.ts";
import { Lessee, Lessor } from "./lease.ts";
import { Ring } from "./ring.ts";
import { Rows, STUCK_MS, counterRow, rowWord } from "./rows.ts";
import { SharedReader } from "./reader.ts";
import { Segment } from "./segment.ts";
import { SharedWriter } from "./writer.ts";

const OPTIONS: SegmentOptions = {
  processes: 3,
  counters: 2,
  gauges: 1,
  healthTargets: 8,
  slots: 64,
  arenaBytes: SPAN_BYTES * 4,
};

test("a segment is seen alike through its descriptor, and its size is sealed", () => {
  const segment = Segment.create("test", OPTIONS);
  const other = Segment.open(segment.fd);
  assert.deepEqual(other.layout, segment.layout);
  assert.equal(other.seed, segment.seed);
  other.control[500] = 1234;
  assert.equal(segment.control[500], 1234);
  closeSync(segment.fd);
});

test("offsets beyond a view's end lie in the next view", () => {
  const segment = Segment.local(OPTIONS);
  const unit = 2 ** 25 * 3 + 5;
  assert.equal(segment.byteOf(unit), 320);
  assert.equal(segment.wordOf(unit), 80);
  assert.equal(segment.byteOf(2 ** 25 - 1), 2 ** 31 - 64);
});

test("layout refuses what it could not address", () => {
  assert.throws(() => Segment.local({ ...OPTIONS, slots: 100 }), /power of two/);
  assert.throws(() => Segment.local({ ...OPTIONS, arenaBytes: 1000 }), /multiple/);
});

test("classFor gives the smallest class with room", () => {
  for (let bytes = 1; bytes <= MAX_CHUNK_BYTES; bytes++) {
    const own = classFor(bytes);
    assert.ok(CLASS_BYTES[own]! >= bytes && (own === 0 || CLASS_BYTES[own - 1]! < bytes), `${bytes} bytes`);
  }
});

test("arena: no two chunks overlap, everything comes back, spans change class when empty", () => {
  const step = fc.record({ free: fc.boolean(), pick: fc.nat(), bytes: fc.integer({ min: 1, max: MAX_CHUNK_BYTES }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const segment = Segment.local(OPTIONS);
      const { arena } = new SharedWriter(segment);
      const live = new Map<number, number>();
      for (const { free, pick, bytes } of steps) {
        const unit = free && live.size > 0 ? [...live.keys()][pick % live.size]! : 0;
        if (unit !== 0) {
          arena.free(unit);
          live.delete(unit);
          continue;
        }
        const fresh = arena.allocate(bytes);
        if (fresh === 0) continue;
        for (const [at, length] of live)
          assert.ok(fresh * 64 + arena.sizeOf(fresh) <= at * 64 || at * 64 + length <= fresh * 64);
        assert.ok(arena.sizeOf(fresh) >= bytes && fresh * 64 >= segment.layout.arena);
        assert.ok(fresh * 64 + arena.sizeOf(fresh) <= segment.layout.byteLength);
        live.set(fresh, arena.sizeOf(fresh));
      }
      assert.equal(
        arena.usedBytes,
        [...live.values()].reduce((a, b) => a + b, 0),
      );
      for (const unit of live.keys()) arena.free(unit);
      assert.equal(arena.usedBytes, 0);
      assert.equal(arena.freeSpans, arena.spans);
    }),
    { numRuns: 100, seed: 1 },
  );
});

test("arena: a full one says so and has room again after one chunk is free", () => {
  const { arena } = new SharedWriter(Segment.local(OPTIONS));
  const units: number[] = [];
  for (let unit = arena.allocate(MAX_CHUNK_BYTES); unit !== 0; unit = arena.allocate(MAX_CHUNK_BYTES)) units.push(unit);
  assert.equal(units.length, 32);
  assert.equal(arena.hasRoom(100), false);
  arena.free(units[5]!);
  assert.equal(arena.allocate(MAX_CHUNK_BYTES), units[5]);
});

test("what a busy reader may still see is not reused, and a pinned object not before its pin is cleared", () => {
  const segment = Segment.local(OPTIONS);
  const writer = new SharedWriter(segment);
  const reader = new SharedReader(segment, 1);
  const first = writer.allocate(1000);
  writer.publish(3, first, 1);
  reader.enter();
  assert.equal(reader.load(3), first);
  writer.publish(3, writer.allocate(1000), 1);
  writer.reclaim();
  writer.reclaim();
  assert.equal(writer.waiting, 1);
  const pin = reader.pin(first);
  reader.leave();
  writer.reclaim();
  assert.equal(writer.pinned, 1);
  reader.unpin(pin);
  writer.reclaim();
  assert.equal(writer.waiting, 0);
  assert.equal(writer.allocate(1000), first);
});

test("an object that goes on with a chain keeps it; the chain ends with the last of them", () => {
  const segment = Segment.local(OPTIONS);
  const writer = new SharedWriter(segment);
  const chunks = [writer.allocate(500), writer.allocate(60000), writer.allocate(60000)];
  chain(segment, chunks);
  writer.publish(1, chunks[0]!, 9);
  assert.equal(writer.slotOf(chunks[2]!), 1);
  const renewed = writer.allocate(700);
  chain(segment, [renewed, chunks[1]!]);
  writer.publish(1, renewed, 9, true);
  writer.reclaim();
  assert.equal(writer.slotOf(chunks[2]!), 1);
  assert.equal(writer.arena.usedBytes, 768 + 2 * 65536);
  writer.remove(1);
  writer.reclaim();
  assert.equal(writer.arena.usedBytes, 0);
});

test("a writer that starts anew keeps what is published, leased and pinned, and frees all else after a grace period", () => {
  const segment = Segment.local(OPTIONS);
  const old = new SharedWriter(segment);
  const published = [old.allocate(400), old.allocate(60000)];
  chain(segment, published);
  old.publish(5, published[0]!, 1);
  const reader = new SharedReader(segment, 1);
  const pinnedRoot = [old.allocate(400), old.allocate(60000), old.allocate(60000)];
  chain(segment, pinnedRoot);
  old.publish(6, pinnedRoot[0]!, 1);
  const pin = reader.pin(pinnedRoot[1]!);
  old.remove(6);
  for (let i = 0; i < 20; i++) old.allocate(2000);

  const writer = new SharedWriter(segment);
  reader.enter();
  writer.reclaim();
  assert.equal(writer.load(5), published[0]);
  reader.leave();
  writer.reclaim();
  assert.equal(writer.arena.usedBytes, 448 + 3 * 65536 - 0);
  reader.unpin(pin);
  writer.reclaim();
  assert.equal(writer.arena.usedBytes, 448 + 65536);
});

test("epochs wrap and never are idle", () => {
  assert.equal(nextEpoch(-1), 1);
  assert.equal(nextEpoch(2 ** 31 - 1), -(2 ** 31));
  assert.ok(isOlder(2 ** 31 - 1, -(2 ** 31)));
  const segment = Segment.local(OPTIONS);
  segment.control[HEADER.epoch] = -1;
  const writer = new SharedWriter(segment);
  const reader = new SharedReader(segment, 2);
  reader.enter();
  writer.publish(0, writer.allocate(100), 0);
  writer.remove(0);
  writer.reclaim();
  writer.reclaim();
  assert.equal(writer.waiting, 1);
  reader.leave();
  writer.reclaim();
  assert.equal(writer.waiting, 0);
});

test("rows: sums never go backwards when a process ends, gauges end with it", () => {
  const segment = Segment.local(OPTIONS);
  const rows = new Rows(segment);
  const [one, two] = [counterRow(segment, 1), counterRow(segment, 2)];
  one[0]! += 5;
  two[0]! += 7;
  one[2]! += 3;
  two[2]! += 1;
  assert.deepEqual([rows.sum(0), rows.sum(2), rows.get(1, 0)], [12, 4, 5]);
  const reader = new SharedReader(segment, 1);
  reader.enter();
  for (let i = 0; i < PINS; i++) assert.ok(reader.pin(100 + i) >= 0);
  assert.equal(reader.pin(1), -1);
  rows.clear(1);
  assert.deepEqual([rows.sum(0), rows.sum(2)], [12, 1]);
  one[0]! += 1;
  assert.equal(rows.sum(0), 13);
  const at = rowWord(segment, 1);
  assert.equal(segment.control[at + ROW.epoch], 0);
  assert.ok(segment.control.subarray(at + ROW.pins, at + ROW.pins + PINS).every((word) => word === 0));
});

test("rows: busy in one batch is stuck, busy in many is not, idle never", () => {
  const segment = Segment.local(OPTIONS);
  const rows = new Rows(segment);
  const [stopped, busy] = [new SharedReader(segment, 1), new SharedReader(segment, 2)];
  stopped.enter();
  for (let now = 0; now < STUCK_MS; now += 250) {
    busy.enter();
    assert.deepEqual(rows.stuck(now), []);
    busy.leave();
  }
  busy.enter();
  assert.deepEqual(rows.stuck(STUCK_MS), [1]);
  stopped.leave();
  assert.deepEqual(rows.stuck(STUCK_MS + 250), []);
});

test("health bits: what was never probed is healthy", () => {
  const segment = Segment.local(OPTIONS);
  const bits = new HealthBits(segment);
  const word = bits.claim("192.0.2.1:80/tcp");
  const other = bits.claim("192.0.2.2:80/tcp");
  assert.notEqual(word, other);
  assert.equal(new HealthBits(segment).claim("192.0.2.1:80/tcp"), word, "another process finds the same word");
  bits.mark(word, false);
  assert.deepEqual([bits.isHealthy(word), bits.isHealthy(other)], [false, true]);
  assert.equal(bits.claim("192.0.2.1:80/tcp"), word, "a target that is down keeps its word");
  bits.mark(word, true);
  assert.equal(bits.isHealthy(word), true);
  bits.mark(word, false);
  bits.release(word);
  assert.equal(bits.isHealthy(word), true);
  const claimed = new Set<number>();
  for (let i = 0; i < 100; i++) claimed.add(bits.claim(`target ${i}`));
  assert.ok(claimed.has(-1) && claimed.size <= OPTIONS.healthTargets + 1);
  assert.equal(bits.isHealthy(-1), true, "a target without a word is up");
});

test("health bits: a target keeps its word when another one nearer home is released", () => {
  const bits = new HealthBits(Segment.local(OPTIONS));
  const words = new Map<string, number>();
  for (let i = 0; words.size < OPTIONS.healthTargets; i++) {
    const word = bits.claim(`target ${i}`);
    if (word >= 0) words.set(`target ${i}`, word);
  }
  const claimed = [...words];
  for (const [gone, freed] of claimed) {
    bits.release(freed);
    words.delete(gone);
    for (const [key, word] of words) assert.equal(bits.claim(key), word, `${key} after ${gone}`);
    words.set(gone, bits.claim(gone));
  }
});

test("ring: in order, refuses when full, goes on beyond the wrap of its counts", () => {
  const words = new Int32Array(32 + RING_MESSAGES * 4);
  words[0] = words[16] = 2 ** 31 - 3;
  const ring = new Ring(words, 0);
  for (let i = 0; i < RING_MESSAGES; i++) assert.ok(ring.write(1, i, -i, 0));
  assert.equal(ring.write(1, 0, 0, 0), false);
  for (let i = 0; i < RING_MESSAGES; i++) {
    assert.ok(ring.read());
    assert.deepEqual([ring.message[1], ring.message[2]], [i, i === 0 ? 0 : -i]);
  }
  assert.equal(ring.read(), false);
});

test("leases: filled objects are handed over, the rest comes back when the process ends", () => {
  const segment = Segment.local(OPTIONS);
  const writer = new SharedWriter(segment);
  const taken: number[] = [];
  const owner = {
    allocate: (bytes: number) => writer.allocate(bytes),
    take: (unit: number, hash: number) => {
      taken.push(hash);
      writer.publish(0, unit, hash);
    },
    remove: (slot: number, unit: number) => writer.load(slot) === unit && writer.remove(slot),
  };
  const woken: number[] = [];
  const lessor = new Lessor(segment, writer, owner, (row) => woken.push(row));
  const lessee = new Lessee(segment, 1, () => lessor.onWake());
  const units: number[] = [];
  for (let i = 0; i < 5; i++) lessee.ask(5000, { onLease: (unit) => void units.push(unit) });
  lessee.onWake();
  assert.equal(units.length, 5);
  assert.equal(lessor.leased, 5);
  assert.deepEqual(new Set(woken), new Set([1]));
  chain(segment, [units[0]!, units[1]!]);
  lessee.handOver(units[0]!, 42, 0, { onTaken: () => {} });
  lessee.giveBack(units[2]!);
  lessee.handOver(12345, 43, 0, { onTaken: () => {} });
  assert.deepEqual(taken, [42]);
  assert.equal(lessor.leased, 2);
  assert.equal(new Lessor(segment, writer, owner, () => {}).leased, 2);
  lessor.takeBack(1);
  assert.equal(lessor.leased, 0);
  assert.equal(writer.arena.usedBytes, 5120 * 2);
  lessee.remove(0, units[0]!);
  writer.reclaim();
  assert.equal(writer.arena.usedBytes, 0);
});

test("leases: a process cannot hold more than its share, and asking too often is refused", () => {
  const segment = Segment.local(OPTIONS);
  const writer = new SharedWriter(segment);
  const owner = { allocate: () => 0, take: () => {}, remove: () => {} };
  const lessor = new Lessor(segment, writer, owner, () => {});
  const lessee = new Lessee(segment, 2, () => {});
  const answers: number[] = [];
  let asked = 0;
  while (lessee.ask(100, { onLease: (unit) => void answers.push(unit) })) asked++;
  assert.equal(asked, 1024);
  lessor.onWake();
  lessee.onWake();
  assert.deepEqual([answers.length, answers.every((unit) => unit === 0)], [1024, true]);
});

function chain(segment: Segment, units: readonly number[]): void {
  for (let i = 0; i + 1 < units.length; i++)
    segment.wordsOf(units[i]!)[segment.wordOf(units[i]!) + CHUNK.next] = units[i + 1]!;
}
