import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashName, SessionTable, type TableEntry } from "./session-table.ts";

interface Entry extends TableEntry<Entry> {
  readonly id: number;
}

const nameOf = (id: number): Uint8Array => Uint8Array.of(2, 0, id >> 8, id & 255, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0);

const entryOf = (id: number, hash = hashName(nameOf(id), 0, 16)): Entry => ({
  id,
  hash,
  name: nameOf(id),
  usedAt: 0,
  chained: undefined,
  older: undefined,
  newer: undefined,
});

test("it behaves as a Map in the order of last use", () => {
  const command = fc.tuple(fc.constantFrom("add", "touch", "remove", "oldest"), fc.nat(40));
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const table = new SessionTable<Entry>(8);
      const model = new Map<number, Entry>();
      for (const [what, id] of commands) {
        const name = nameOf(id);
        const found = table.find(hashName(name, 0, 16), name, 0);
        assert.equal(found, model.get(id));
        if (what === "add" && found === undefined) {
          const entry = entryOf(id);
          table.add(entry);
          model.set(id, entry);
        } else if (found !== undefined && what === "touch") {
          table.touch(found, 7);
          model.delete(id);
          model.set(id, found);
        } else if (found !== undefined && what === "remove") {
          table.remove(found);
          model.delete(id);
        }
        assert.equal(table.oldest, model.values().next().value);
        assert.equal(table.size, model.size);
      }
    }),
  );
});

test("equal hashes do not make clients equal", () => {
  const table = new SessionTable<Entry>(4);
  const [a, b, c] = [entryOf(1, 9), entryOf(2, 9), entryOf(3, 9)];
  for (const entry of [a, b, c]) table.add(entry);
  table.remove(b);
  assert.deepEqual(
    [1, 2, 3].map((id) => table.find(9, nameOf(id), 0)?.id),
    [1, undefined, 3],
  );
});

test("the hash is one of port and address, wherever the name lies", () => {
  const bytes = new Uint8Array(64);
  bytes.set(nameOf(500), 32);
  assert.equal(hashName(bytes, 32, 16), hashName(nameOf(500), 0, 16));
  assert.equal(new Set(Array.from({ length: 1000 }, (_, id) => hashName(nameOf(id), 0, 16))).size, 1000);
});
