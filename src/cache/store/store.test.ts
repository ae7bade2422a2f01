import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { suite, test } from "node:test";
import { fieldNumber } from "#src/http/field.ts";
import { SPAN_BYTES, type SegmentOptions } from "#src/memory/layout.ts";
import { Lessee } from "#src/memory/lease.ts";
import { Segment } from "#src/memory/segment.ts";
import { varyNames } from "../policy/vary.ts";
import { requestHead, responseHead } from "../testdata/head.ts";
import { CacheReader } from "./cache-reader.ts";
import { CacheWriter } from "./cache-writer.ts";
import { CacheKey, MAX_KEY_BYTES } from "./key.ts";
import { KIND, draftBytes, writeObject, type ObjectDraft } from "./object.ts";
import { Sieve } from "./sieve.ts";

const OPTIONS: SegmentOptions = {
  processes: 2,
  counters: 0,
  gauges: 0,
  healthTargets: 0,
  slots: 4096,
  arenaBytes: SPAN_BYTES * 8,
};
const EMPTY = new Uint8Array(0);

/** The main and one data process over one segment. */
class Pair {
  readonly cache: CacheWriter;
  readonly process: CacheReader;
  readonly lessee: Lessee;
  readonly key: CacheKey;
  readonly segment: Segment;
  taken = 0;

  constructor(segment: Segment) {
    this.segment = segment;
    this.cache = new CacheWriter({ segment, wake: () => {} });
    this.process = new CacheReader(segment, 1);
    this.lessee = new Lessee(segment, 1, () => {});
    this.key = new CacheKey(segment.seed);
  }

  /** Stores a body for a URL; false when there was no memory. */
  store(url: string, body: Uint8Array, keeps = 0): boolean {
    assert.ok(this.key.fromRequest(requestHead(`GET ${url}`), 7));
    const draft = draftOf(this.key, body.length);
    let stored = false;
    const onLease = (unit: number): void => {
      if (unit === 0) return;
      const chain = keeps === 0 ? 0 : this.segment.wordsOf(keeps)[this.segment.wordOf(keeps)]!;
      const at = writeObject(this.segment, unit, draft, chain);
      this.segment.slabOf(unit).bytes.set(body, at);
      this.lessee.handOver(unit, draft.hash, keeps, { onTaken: () => this.taken++ });
      stored = true;
    };
    assert.ok(this.lessee.ask(draftBytes(draft) + body.length, { onLease }));
    this.turn();
    this.turn();
    return stored;
  }

  turn(): void {
    this.cache.onWake();
    this.lessee.onWake();
  }

  /** The stored body, or undefined. */
  load(url: string): string | undefined {
    assert.ok(this.key.fromRequest(requestHead(`GET ${url}`), 7));
    this.process.reader.enter();
    const found = this.process.lookup(this.key);
    const object = this.process.found;
    const start = object.h2NotModifiedEnd;
    const body = found
      ? Buffer.from(this.segment.slabOf(object.unit).bytes.subarray(start, start + object.bodyLength)).toString()
      : undefined;
    this.process.reader.leave();
    return body;
  }
}

function draftOf(key: CacheKey, bodyLength: number): ObjectDraft {
  const h1 = Buffer.from('HTTP/1.1 200 OK\r\netag: "a"\r\n');
  return {
    hash: key.hash,
    kind: KIND.response,
    key: key.copy(),
    h1,
    h2: Buffer.from([0x88]),
    h1NotModified: Buffer.from("HTTP/1.1 304 Not Modified\r\n"),
    h2NotModified: EMPTY,
    status: 200,
    bodyLength,
    etagStart: h1.indexOf('"a"'),
    etagEnd: h1.indexOf('"a"') + 3,
    initialAge: 3,
    lifetime: 60,
    staleWhileRevalidate: -1,
    staleIfError: 10,
    noCache: false,
    neverStale: true,
    receivedAt: 1.5e12,
    lastModified: NaN,
  };
}

for (const kind of ["memory of one process", "a memfd"]) {
  suite(`the store over ${kind}`, () => {
    const run = (name: string, body: (pair: Pair) => void): void => {
      test(name, () => {
        const segment = kind === "a memfd" ? Segment.create("store-test", OPTIONS) : Segment.local(OPTIONS);
        body(new Pair(segment));
        if (segment.fd >= 0) closeSync(segment.fd);
      });
    };

    run("what was stored is found, what was not is not", (pair) => {
      assert.equal(pair.load("http://a/x"), undefined);
      assert.ok(pair.store("http://a/x", Buffer.from("hello")));
      assert.equal(pair.load("http://a/x"), "hello");
      assert.equal(pair.load("http://A:80/x"), "hello");
      for (const other of ["https://a/x", "http://a:81/x", "http://a/X", "http://a/x?", "http://b/x"])
        assert.equal(pair.load(other), undefined);
      assert.equal(pair.taken, 1);
    });

    run("every field of an object comes back", (pair) => {
      pair.store("http://a/x", Buffer.from("hello"));
      assert.equal(pair.load("http://a/x"), "hello");
      const { found } = pair.process;
      const { bytes } = pair.segment.slabOf(found.unit);
      const text = (start: number, end: number): string => Buffer.from(bytes.subarray(start, end)).toString("latin1");
      assert.equal(text(found.etagStart, found.etagEnd), '"a"');
      assert.equal(text(found.keyEnd, found.h1End), 'HTTP/1.1 200 OK\r\netag: "a"\r\n');
      assert.equal(text(found.h1End, found.h2End), "\x88");
      assert.equal(text(found.h2End, found.h1NotModifiedEnd), "HTTP/1.1 304 Not Modified\r\n");
      assert.deepEqual(
        [found.status, found.initialAge, found.lifetime, found.staleIfError, found.receivedAt],
        [200, 3, 60, 10, 1.5e12],
      );
      assert.deepEqual([found.noCache, found.neverStale, found.lastModified, found.chain], [false, true, NaN, 0]);
    });

    run("a newer response replaces, and the older one's memory comes back", (pair) => {
      pair.store("http://a/x", Buffer.from("one"));
      const used = pair.cache.bytes;
      pair.store("http://a/x", Buffer.from("two"));
      pair.cache.reclaim();
      assert.equal(pair.load("http://a/x"), "two");
      assert.deepEqual([pair.cache.objects, pair.cache.bytes], [1, used]);
    });

    run("removal takes the object that was meant, and no later one", (pair) => {
      pair.store("http://a/x", Buffer.from("one"));
      pair.load("http://a/x");
      const { slot, unit } = pair.process.found;
      pair.store("http://a/x", Buffer.from("two"));
      pair.lessee.remove(slot, unit);
      pair.turn();
      assert.equal(pair.load("http://a/x"), "two");
      pair.lessee.remove(slot, pair.process.found.unit);
      pair.turn();
      assert.equal(pair.load("http://a/x"), undefined);
      pair.cache.reclaim();
      assert.deepEqual([pair.cache.objects, pair.cache.bytes], [0, 0]);
    });

    run("an object that wants the chain of one that is gone is dropped", (pair) => {
      pair.store("http://a/x", Buffer.from("one"));
      pair.load("http://a/x");
      const gone = pair.process.found.unit;
      pair.store("http://a/x", Buffer.from("two"));
      pair.store("http://a/x", Buffer.from("three"), gone);
      assert.equal(pair.load("http://a/x"), "two");
    });

    run("beyond the budget the unvisited go first, and the budget holds for every mix of sizes", (pair) => {
      pair.store("http://a/kept", Buffer.from("kept"));
      for (const bytes of [40_000, 900, 12_000, 50_000]) {
        for (let i = 0; i < 400; i++) {
          assert.ok(pair.store(`http://a/${bytes}/${i}`, Buffer.alloc(bytes)), `${bytes}/${i}`);
          if (bytes === 40_000) assert.equal(pair.load("http://a/kept"), "kept");
          assert.ok(pair.cache.bytes <= OPTIONS.arenaBytes);
        }
        assert.equal(pair.load(`http://a/${bytes}/399`)?.length, bytes);
      }
      assert.ok(pair.cache.evictions.full > 300);
    });

    run("a writer that starts anew goes on with what is stored", (pair) => {
      pair.store("http://a/x", Buffer.from("hello"));
      const again = new CacheWriter({ segment: pair.segment, wake: () => {} });
      again.reclaim();
      assert.equal(again.objects, 1);
      assert.equal(pair.load("http://a/x"), "hello");
    });
  });
}

test("keys: partitions do not mix, variants differ, too long is refused", () => {
  const key = new CacheKey(1);
  const request = requestHead("GET http://a/x", "Accept: text/html");
  key.fromRequest(request, 1);
  const [one, hash] = [key.text(), key.hash];
  key.fromRequest(request, 2);
  assert.notEqual(key.text(), one);
  assert.notEqual(key.hash, hash);
  assert.ok(key.extend(request, varyNames(responseHead(200, "Vary: Accept"), fieldNumber), 1));
  assert.ok(key.text().endsWith("\0,text/html\0"));
  assert.equal(key.fromRequest(requestHead(`GET http://a/${"x".repeat(MAX_KEY_BYTES)}`), 1), false);
});

test("keys: an attacker's neighbours spread with the seed", () => {
  const windows = new Set<number>();
  for (let seed = 1; seed <= 64; seed++) {
    const key = new CacheKey(seed * 7919);
    key.fromRequest(requestHead("GET http://a/x"), 1);
    windows.add(key.hash & 4095);
  }
  assert.ok(windows.size > 48);
});

test("SIEVE: old before new, the visited stay once, removal is safe anywhere", () => {
  const sieve = new Sieve(8);
  const visited = new Set<number>();
  const evict = (): number => {
    const slot = sieve.victim((each) => visited.delete(each));
    if (slot >= 0) sieve.remove(slot);
    return slot;
  };
  assert.equal(evict(), -1);
  for (const slot of [3, 1, 4, 0, 5]) sieve.insert(slot);
  visited.add(3).add(4);
  assert.deepEqual([evict(), evict()], [1, 0]);
  sieve.insert(7);
  sieve.remove(5);
  assert.deepEqual([evict(), evict(), evict(), evict()], [7, 3, 4, -1]);
  for (const slot of [2, 6]) sieve.insert(slot);
  visited.add(2).add(6);
  assert.ok([2, 6].includes(sieve.victim(() => true)));
});
