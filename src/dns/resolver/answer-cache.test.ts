import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashName } from "#src/dns/wire/name.ts";
import { AnswerCache, CachedAnswer, copyAnswer, mixType } from "./answer-cache.ts";

const nameOf = (label: string): Uint8Array => Buffer.from(`${String.fromCharCode(label.length)}${label}\0`, "latin1");

const make = (label: string, type: number, now: number, ttlSeconds: number, collide = false): CachedAnswer => {
  const name = nameOf(label);
  const message = new Uint8Array(12 + name.length + 4 + 16);
  message.set(name, 12);
  const ttlAt = 12 + name.length + 4 + 6;
  new DataView(message.buffer).setUint32(ttlAt, ttlSeconds);
  const hash = collide ? 1 : mixType(hashName(name, 0, name.length), type);
  return new CachedAnswer({
    message,
    nameLength: name.length,
    type,
    hash,
    ttlOffsets: Uint16Array.of(ttlAt),
    storedAt: now,
    expiresAt: now + ttlSeconds * 1000,
  });
};

test("answers are found in any letter case, told apart by type, and expire", () => {
  const cache = new AnswerCache();
  cache.put(make("www", 1, 0, 60));
  const asked = nameOf("WwW");
  const hash = (type: number): number => mixType(hashName(asked, 0, asked.length), type);
  assert.ok(cache.get(hash(1), asked, 0, asked.length, 1, 59_999));
  assert.equal(cache.get(hash(28), asked, 0, asked.length, 28, 0), undefined);
  assert.equal(cache.get(hash(1), asked, 0, asked.length, 1, 60_000), undefined);
  assert.equal(cache.size, 0);
});

test("TTLs count down and stop at zero", () => {
  const answer = make("ttl", 1, 1_000, 60);
  const out = new Uint8Array(100);
  copyAnswer(answer, out, 3, 11_999);
  assert.equal(new DataView(out.buffer).getUint32(3 + answer.ttlOffsets[0]!), 50);
});

test("names whose hashes collide do not disturb each other", () => {
  const cache = new AnswerCache();
  for (const label of ["a", "b", "c"]) cache.put(make(label, 1, 0, 60, true));
  cache.put(make("b", 1, 0, 120, true));
  assert.equal(cache.size, 3);
  for (const label of ["a", "b", "c"]) assert.ok(cache.get(1, nameOf(label), 0, 3, 1, 0), label);
  assert.equal(cache.get(1, nameOf("b"), 0, 3, 1, 100_000)?.expiresAt, 120_000);
});

test("stays within its bytes, and what is asked for outlives what is not", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.boolean()), { maxLength: 400 }), (steps) => {
      const cache = new AnswerCache({ maxBytes: 20 * 300 });
      cache.put(make("hot", 1, 0, 60));
      const hot = nameOf("hot");
      for (const [number, put] of steps) {
        assert.ok(cache.get(mixType(hashName(hot, 0, hot.length), 1), hot, 0, hot.length, 1, 0));
        const label = `n${number}`;
        const name = nameOf(label);
        if (put) cache.put(make(label, 1, 0, 60));
        else cache.get(mixType(hashName(name, 0, name.length), 1), name, 0, name.length, 1, 0);
        assert.ok(cache.bytes <= 20 * 300);
      }
    }),
    { numRuns: 50 },
  );
});
