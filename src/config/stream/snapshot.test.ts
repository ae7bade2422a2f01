import assert from "node:assert/strict";
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as fc from "fast-check";
import type { Entry } from "#src/config/model.ts";
import { until } from "#src/testing/until.ts";
import { digestOf, toEntry } from "./entry.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "./snapshot.ts";
import { readSnapshotFile, SnapshotFile, trySnapshotFile } from "./snapshot-file.ts";

const folder = mkdtempSync(join(tmpdir(), "fairway-"));
after(() => rmSync(folder, { recursive: true }));

const zone = (name: string, text: string): Entry =>
  toEntry(`zone/${name}`, { kind: "zone", origin: `${name}.`, text, backends: [] });

const snapshotOf = (entries: readonly Entry[], revision = 3): Snapshot => ({
  entries: new Map(entries.map((entry) => [entry.key, entry])),
  digest: digestOf(entries),
  revision,
});

const encode = (snapshot: Snapshot, owner = "dns"): Buffer => Buffer.concat([...encodeSnapshot(owner, snapshot)]);

test("what was written is read", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), fc.string(), fc.nat(), (names, text, revision) => {
      const snapshot = snapshotOf(
        names.map((name) => zone(name, text)),
        revision,
      );
      assert.deepEqual(decodeSnapshot("dns", encode(snapshot)), snapshot);
    }),
  );
  const large = snapshotOf(Array.from({ length: 1000 }, (_, i) => zone(`z${i}`, "x\n")));
  assert.ok([...encodeSnapshot("dns", large)].length > 3, "in pieces");
  assert.deepEqual(decodeSnapshot("dns", encode(large)), large);
});

test("any byte changed, added or missing is noticed", () => {
  const whole = encode(snapshotOf([zone("a", "é"), zone("b", "2")]));
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= change;
      assert.ok("fault" in decodeSnapshot("dns", bytes));
      assert.ok("fault" in decodeSnapshot("dns", whole.subarray(0, at)));
      assert.ok(
        "fault" in decodeSnapshot("dns", Buffer.concat([whole.subarray(0, at), Buffer.of(change), whole.subarray(at)])),
      );
    }),
  );
});

test("another's, and one whose digest is not that of its entries", () => {
  const snapshot = snapshotOf([zone("a", "1")]);
  assert.deepEqual(decodeSnapshot("edge", encode(snapshot)), { fault: 'it is of "dns", not of "edge"' });
  assert.deepEqual(decodeSnapshot("dns", encode({ ...snapshot, digest: digestOf([]) })), {
    fault: "its entries are not those of its digest",
  });
  assert.deepEqual(decodeSnapshot("dns", Buffer.from("")), { fault: "it is damaged" });
});

test("the file: this user's alone, written whole, the last of many, at once when closed", async () => {
  const path = join(folder, "snapshot");
  assert.deepEqual(readSnapshotFile(path, "dns"), { fault: "there is none" });
  const faults: string[] = [];
  const file = new SnapshotFile({ path, owner: "dns", onFault: (reason) => void faults.push(reason), delayMs: 5 });
  writeFileSync(`${path}.draft`, "left by a process that was killed");
  for (let i = 0; i < 20; i++) file.save(snapshotOf([zone("a", String(i))], i));
  await until("the file", () => (file.writtenAt > 0 ? true : undefined));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readSnapshotFile(path, "dns"), snapshotOf([zone("a", "19")], 19));
  file.save(snapshotOf([zone("a", "20")], 20));
  await file[Symbol.asyncDispose]();
  assert.deepEqual(readSnapshotFile(path, "dns"), snapshotOf([zone("a", "20")], 20));
  assert.deepEqual(faults, []);
});

test("one that is begun with again and again and never confirmed is left alone", async () => {
  const path = join(folder, "poison");
  const snapshot = snapshotOf([zone("a", "1")]);
  await using file = new SnapshotFile({ path, owner: "dns", onFault: assert.fail, delayMs: 1 });
  const write = async (revision: number) => {
    file.save({ ...snapshot, revision });
    await until("it", () => {
      const read = readSnapshotFile(path, "dns");
      return "fault" in read || read.revision !== revision ? undefined : true;
    });
    // The tries end a moment after.
    await until("no tries", () =>
      statSync(`${path}.tries`, { throwIfNoEntry: false }) === undefined ? true : undefined,
    );
  };
  await write(1);
  for (const round of [1, 2]) {
    for (let start = 0; start < 3; start++) assert.ok("entries" in trySnapshotFile(path, "dns"), `${round}`);
    assert.deepEqual(trySnapshotFile(path, "dns"), { fault: "3 starts with it failed" });
    if (round === 1) await write(2);
  }
  file.confirm();
  assert.ok("entries" in trySnapshotFile(path, "dns"));
});

test("readers never find half of it", async () => {
  const path = join(folder, "busy");
  const states = Array.from({ length: 8 }, (_, i) =>
    snapshotOf(
      Array.from({ length: 600 }, (_none, n) => zone(`z${n}`, `${i}`)),
      i,
    ),
  );
  await using file = new SnapshotFile({ path, owner: "dns", onFault: assert.fail, delayMs: 1 });
  for (const state of states) {
    file.save(state);
    await until("it", () => {
      const read = readSnapshotFile(path, "dns");
      if ("fault" in read) assert.equal(read.fault, "there is none");
      return "fault" in read || read.revision < state.revision ? undefined : true;
    });
  }
});

test("a file that others can write, a link, a folder; a place that cannot be written", async () => {
  const path = join(folder, "open");
  writeFileSync(path, encode(snapshotOf([zone("a", "1")])), { mode: 0o600 });
  assert.ok("entries" in readSnapshotFile(path, "dns"));
  chmodSync(path, 0o620);
  assert.deepEqual(readSnapshotFile(path, "dns"), { fault: "it is not this user's alone" });
  renameSync(path, `${path}2`);
  symlinkSync(`${path}2`, path);
  assert.ok("fault" in readSnapshotFile(path, "dns"));
  assert.ok("fault" in readSnapshotFile(folder, "dns"));
  const reason = Promise.withResolvers<string>();
  await using file = new SnapshotFile({
    path: join(folder, "no", "where"),
    owner: "dns",
    onFault: reason.resolve,
    delayMs: 1,
  });
  file.save(snapshotOf([]));
  assert.match(await reason.promise, /ENOENT/);
  assert.match(readFileSync(`${path}2`, "utf8"), /^\{"snapshot":1,"owner":"dns"/);
});
