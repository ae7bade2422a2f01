import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import * as fc from "fast-check";
import type { Entry, ZoneConfig } from "#src/config/model.ts";
import { ConfigClient } from "./client.ts";
import { digestOf, toEntry } from "./entry.ts";
import { ConfigServer } from "./server.ts";

const zone = (name: string, text: string): Entry => {
  const value: ZoneConfig = { kind: "zone", origin: `${name}.test.`, text, backends: [] };
  return toEntry(`zone/default/${name}`, value);
};

const entries = fc
  .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "d", "e"), fc.constantFrom("1", "2", "3")), {
    selector: ([name]) => name,
  })
  .map((pairs) => pairs.map(([name, text]) => zone(name, text)));

const step = fc.oneof(
  fc.record({ do: fc.constant("publish" as const), entries }),
  fc.record({ do: fc.constant("cut" as const), client: fc.constantFrom(0, 1) }),
  fc.record({ do: fc.constant("turn" as const), times: fc.integer({ min: 1, max: 4 }) }),
);

/** One name sees everything, the other only some keys. */
const select = (name: string) => {
  if (name === "all") return () => true;
  if (name === "some") return (entry: Entry) => entry.key > "zone/default/b";
  return undefined;
};

test("any sequence of publications and cuts ends with the same configuration everywhere", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), entries, async (steps, last) => {
      await using server = new ConfigServer({ select });
      const cut: (() => void)[] = [];
      const held = [new Map<string, string>(), new Map<string, string>()];
      const client = (name: string, index: number) =>
        new ConfigClient({
          name,
          reconnect: { firstMs: 0, maxMs: 0 },
          connect: () => {
            const [near, far] = duplexPair();
            server.attach(far);
            cut[index] = () => near.destroy();
            return near;
          },
          apply: async ({ upsert, remove }) => {
            for (const key of remove) assert.ok(held[index]!.delete(key), "only what is held is removed");
            for (const { key, version } of upsert) held[index]!.set(key, version);
            await setImmediate();
            return [];
          },
        });
      await using all = client("all", 0);
      await using some = client("some", 1);
      for (const one of steps) {
        if (one.do === "publish") server.publish(one.entries);
        else if (one.do === "cut") cut[one.client]!();
        else for (let turn = 0; turn < one.times; turn++) await setImmediate();
      }
      const { digest } = server.publish(last);
      const wanted = digestOf(last.filter(select("some")!));
      while (
        all.digest !== digest ||
        some.digest !== wanted ||
        server.clients.filter(({ isCurrent }) => isCurrent).length !== 2
      ) {
        await setImmediate();
      }
      assert.deepEqual(held[0], new Map(all.entries.values().map(({ key, version }) => [key, version])));
      assert.deepEqual(held[1], new Map(some.entries.values().map(({ key, version }) => [key, version])));
      assert.deepEqual(new Set(all.entries.keys()), new Set(last.map(({ key }) => key)));
    }),
    { numRuns: 150 },
  );
});
