import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { HpackDecoder } from "#src/http/h2/hpack/decoder.ts";
import { FieldSection } from "#src/http/h2/field-section.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import { FakeExchange, Script } from "./testdata/fakes.ts";
import { requestHead, responseHead } from "./testdata/head.ts";

const URL = "http://example.com/a";
const FRESH = "Cache-Control: max-age=60";
const TAG = 'ETag: "v1"';

suite("hit and miss", () => {
  test("a miss streams to the client and is stored; the next is a hit with Age and Cache-Status", () => {
    const script = new Script();
    const first = script.get(URL);
    const call = script.calls[0]!;
    call.head(200, "Content-Length: 10", FRESH, "Connection: x-hop", "X-Hop: 1", "X-Own: 2");
    call.body("hello");
    assert.equal(first.body, "hello", "not held back until the end");
    call.body("world");
    call.finish();
    assert.ok(first.ended);
    assert.match(first.field("cache-status")!, /fwd=uri-miss; stored/);
    assert.deepEqual(call.added, ["x-forwarded-proto: http"]);
    script.turn();
    script.later(5);
    const second = script.get(URL);
    assert.equal(script.calls.length, 1);
    assert.equal(second.body, "helloworld");
    assert.deepEqual(second.fields.toSorted(), [
      "age: 5",
      "cache-control: max-age=60",
      "cache-status: fairway; hit",
      "content-length: 10",
      "via: 1.1 fairway",
      "x-own: 2",
    ]);
    assert.deepEqual(script.outcomes, ["miss", "hit"]);
    assert.equal(second.notes.cache, "hit");
    assert.equal(script.originBytes, 10);
    assert.equal(script.process.open.size, 0);
    assert.equal(script.process.gatheredBytes, 0);
  });

  test("the HPACK form says the same as the HTTP/1.1 form", () => {
    const script = new Script();
    const long = "x".repeat(300);
    script.fill(URL, "hello", FRESH, TAG, "Content-Type: text/plain", `X-Long: ${long}`, "Vary: X-None", "Server: s");
    const hit = script.get(URL);
    const section = new FieldSection(4096, 256, 4096);
    section.begin("response");
    assert.ok(!new HpackDecoder().decode(hit.h2, 0, hit.h2.length, section));
    assert.equal(section.malformed, undefined);
    const { message } = section;
    const lines = Array.from({ length: message.fieldCount }, (_, i) => `${message.name(i)}: ${message.value(i)}`);
    assert.deepEqual(
      lines.filter((line) => !line.startsWith(":")),
      hit.fields.filter((line) => !line.startsWith("age")),
    );
  });

  test("HEAD is answered from a stored GET, without its body", () => {
    const script = new Script();
    script.fill(URL, "hello", FRESH);
    const head = script.get(`HEAD ${URL}`);
    assert.equal(head.field("content-length"), "5");
    assert.equal(head.body, "");
    assert.deepEqual(script.get("HEAD http://example.com/b").followed.length, 1, "nothing stored: the next stage asks");
  });

  test("304 for a client that has it, on a hit, on a miss and for a large object", () => {
    const script = new Script();
    const first = script.get(URL, 'If-None-Match: W/"v1"');
    script.calls[0]!.answer(200, "hello", FRESH, TAG, "Content-Type: text/plain");
    assert.equal(first.status, 304);
    assert.equal(first.body, "");
    assert.equal(first.field("content-type"), undefined);
    script.turn();
    const second = script.get(URL, 'If-None-Match: "v0", "v1"');
    assert.equal(second.status, 304);
    assert.equal(second.field("etag"), '"v1"');
    assert.equal(second.field("content-length"), undefined);
    assert.equal(script.get(URL, 'If-None-Match: "v2"').status, 200);
    script.fill("http://example.com/big", "x".repeat(200_000), FRESH, "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT");
    const since = "If-Modified-Since: Wed, 01 Jan 2025 00:00:00 GMT";
    assert.equal(script.get("http://example.com/big", since).status, 304);
  });

  test("over HTTP/2 and for bodies above the copied size the object is pinned until its bytes have left", () => {
    const script = new Script();
    script.fill(URL, "hello", FRESH);
    script.fill("http://example.com/b", "y".repeat(20_000), FRESH);
    const small = script.run(new FakeExchange(requestHead(`GET ${URL}`), 20));
    const large = script.get("http://example.com/b");
    assert.equal(script.get(URL).held.length, 0);
    assert.deepEqual([small.held.length, large.held.length], [1, 1]);
    for (const { held } of [small, large]) held[0]!.release();
  });

  for (const [name, fields, status] of [
    ["no-store", ["Cache-Control: no-store"], 200],
    ["private", ["Cache-Control: private, max-age=9"], 200],
    ["a cookie", [FRESH, "Set-Cookie: a=b"], 200],
    ["Vary: *", [FRESH, "Vary: *"], 200],
    ["no lifetime", [], 200],
    ["206", [FRESH], 206],
  ] as const)
    test(`passed on and not stored: ${name}`, () => {
      const script = new Script();
      const exchange = script.get(URL);
      script.calls[0]!.answer(status, "hello", ...fields);
      assert.equal(exchange.body, "hello");
      script.turn();
      assert.equal(script.main.objects, 0);
      script.get(URL);
      assert.equal(script.calls.length, 2);
    });

  test("only-if-cached is 504 without asking; no-store in a request passes", () => {
    const script = new Script();
    assert.equal(script.get(URL, "Cache-Control: only-if-cached").status, 504);
    assert.equal(script.get(URL, "Cache-Control: no-store").followed.length, 1);
    assert.equal(script.calls.length, 0);
  });
});

suite("collapsing", () => {
  test("followers get the bytes as they come, each at its own pace; one request reaches the origin", () => {
    const script = new Script();
    const leader = script.get(URL);
    const early = script.get(URL);
    const slow = new FakeExchange(requestHead(`GET ${URL}`));
    slow.room = 1;
    script.run(slow);
    const call = script.calls[0]!;
    call.head(200, "Content-Length: 10", FRESH);
    assert.ok(call.body("hello"));
    const late = script.get(URL);
    assert.equal(late.body, "hello");
    assert.ok(call.body("world"), "a slow client does not slow the origin down");
    call.finish();
    assert.deepEqual([leader.ended, early.ended, late.ended, slow.ended], [true, true, true, false]);
    assert.equal(slow.body, "hello");
    slow.drain();
    assert.equal(slow.body, "helloworld");
    assert.ok(slow.ended);
    assert.equal(script.get(URL).body, "helloworld", "before it is stored, too");
    script.turn();
    assert.equal(script.get(URL).notes.cache, "hit");
    assert.equal(script.calls.length, 1);
    assert.deepEqual(script.outcomes, ["miss", "collapsed", "collapsed", "collapsed", "collapsed", "hit"]);
    assert.equal(script.process.open.size, 0);
  });

  for (const [name, field] of [
    ["not storable", "Cache-Control: private"],
    ["no-cache", "Cache-Control: no-cache, max-age=9"],
    ["stale at once", "Cache-Control: max-age=0"],
  ] as const)
    test(`followers ask for themselves when the response is ${name}`, () => {
      const script = new Script();
      const [leader, follower] = [script.get(URL), script.get(URL)];
      assert.equal(script.calls.length, 1);
      script.calls[0]!.answer(200, "one", TAG, field);
      assert.equal(leader.body, "one");
      assert.equal(script.calls.length, 2);
      assert.equal(follower.body, "");
      script.calls[1]!.answer(200, "two", TAG, field);
      assert.equal(follower.body, "two");
      assert.equal(follower.notes.cache, "miss");
    });

  test("a follower that selects another variant asks for itself", () => {
    const script = new Script();
    const english = script.get(URL, "Accept-Language: en");
    const german = script.get(URL, "Accept-Language: de");
    script.calls[0]!.answer(200, "hello", FRESH, "Vary: Accept-Language");
    assert.equal(english.body, "hello");
    assert.equal(german.body, "");
    script.calls[1]!.answer(200, "hallo", FRESH, "Vary: Accept-Language");
    assert.equal(german.body, "hallo");
  });

  test("requests with Authorization or Range never collapse", () => {
    const script = new Script();
    script.get(URL, "Authorization: a");
    const other = script.get(URL, "Authorization: b");
    assert.equal(script.calls.length, 2);
    script.calls[0]!.answer(200, "a's", FRESH);
    script.calls[1]!.answer(200, "b's", FRESH);
    assert.equal(other.body, "b's");
    script.turn();
    assert.equal(script.main.objects, 0);
    assert.equal(script.get(URL, "Range: bytes=0-1").followed.length, 1);
  });

  test("a failure before the head is the answer to all", () => {
    const script = new Script();
    const all = [script.get(URL), script.get(URL)];
    script.calls[0]!.fail("timeout");
    assert.deepEqual(
      all.map(({ status, failed }) => `${status} ${failed}`),
      Array(2).fill("504 upstreamTimeout: no timeout"),
    );
    script.refuses = "connect";
    assert.equal(script.get(URL).status, 502);
    assert.equal(script.process.open.size, 0);
  });
});

suite("a request's time as a whole", () => {
  test("each client has its own, before the head, while others wait on for the same", () => {
    const script = new Script({ requestTimeoutMs: 500 });
    const first = script.get(URL);
    script.pass(400);
    const second = script.get(URL);
    script.pass(200);
    assert.deepEqual(
      [first.status, first.failed, second.ended],
      [504, "upstreamTimeout: timeout: no complete response in time", false],
    );
    script.calls[0]!.answer(200, "hello", FRESH);
    assert.deepEqual([second.status, second.body, script.calls[0]!.cancelled], [200, "hello", false]);
    script.pass(1000);
    assert.equal(second.failed, "", "its time is over with its response");
    script.turn();
    assert.equal(script.deadlines.size, 0);
    assert.equal(script.process.open.size, 0);
  });

  for (const [name, field] of [
    ["stored", FRESH],
    ["passed on", "Cache-Control: private"],
  ] as const) {
    test(`a body that comes too slowly is cut, and with the last client the call ends: ${name}`, () => {
      const script = new Script({ requestTimeoutMs: 500, maxObjectBytes: 1 << 30 });
      const exchange = script.get(URL);
      const call = script.calls[0]!;
      call.head(200, "Content-Length: 10000000", field);
      call.body("hello");
      script.pass(600);
      assert.deepEqual(
        [exchange.status, exchange.body, exchange.failed, call.cancelled],
        [200, "hello", "upstreamTimeout: timeout: no complete response in time", true],
      );
      assert.equal(script.process.open.size, 0);
    });
  }

  test("one that must ask for itself after another's fetch has the rest of it", () => {
    const script = new Script({ requestTimeoutMs: 500 });
    const [first, second] = [script.get(URL), script.get(URL)];
    script.pass(300);
    script.calls[0]!.answer(200, "hello", "Cache-Control: private");
    assert.deepEqual([first.body, script.calls.length], ["hello", 2]);
    script.pass(300);
    assert.deepEqual([second.status, script.calls[1]!.cancelled], [504, true]);
  });
});

suite("truncated and too large", () => {
  for (const [name, end] of [
    ["the origin fails", (script: Script) => script.calls[0]!.fail("body")],
    ["it ends too early", (script: Script) => script.calls[0]!.finish()],
  ] as const)
    test(`never stored, and the client is told: ${name}`, () => {
      const script = new Script();
      const [leader, follower] = [script.get(URL), script.get(URL)];
      script.calls[0]!.head(200, "Content-Length: 10", FRESH);
      script.calls[0]!.body("hello");
      end(script);
      for (const { failed } of [leader, follower]) assert.match(failed, /^upstreamFailed/);
      script.turn();
      assert.equal(script.main.objects, 0);
      assert.equal(script.process.gatheredBytes, 0);
      script.get(URL);
      assert.equal(script.calls.length, 2);
    });

  test("announced as too large: passed with back-pressure, not stored", () => {
    const script = new Script({ maxObjectBytes: 8 });
    const exchange = new FakeExchange(requestHead(`GET ${URL}`));
    exchange.room = 1;
    script.run(exchange);
    const call = script.calls[0]!;
    call.head(200, "Content-Length: 10", FRESH);
    assert.equal(call.body("hello"), false);
    exchange.drain();
    assert.equal(call.resumed, 1);
    call.body("world");
    call.finish();
    assert.equal(exchange.body, "helloworld");
    script.turn();
    assert.equal(script.main.objects, 0);
  });

  test("found out to be too large: the slowest gets what was gathered, then all get the rest", () => {
    const script = new Script({ maxObjectBytes: 8 });
    const [leader, slow] = [script.get(URL), new FakeExchange(requestHead(`GET ${URL}`))];
    slow.room = 1;
    script.run(slow);
    const call = script.calls[0]!;
    call.head(200, FRESH);
    assert.ok(call.body("hello"));
    assert.equal(call.body("world"), false);
    assert.equal(leader.body, "helloworld");
    slow.drain();
    assert.equal(slow.body, "helloworld");
    slow.drain();
    assert.equal(call.resumed, 1);
    call.body("!");
    call.finish();
    assert.deepEqual([leader.body, slow.body], ["helloworld!", "helloworld!"]);
    script.turn();
    assert.equal(script.main.objects, 0);
    assert.equal(script.process.gatheredBytes, 0);
  });

  test("more is gathered than a process may: passed on", () => {
    const script = new Script({}, 4);
    const exchange = script.get(URL);
    script.calls[0]!.answer(200, "hello", FRESH);
    assert.equal(exchange.body, "hello");
    script.turn();
    assert.equal(script.main.objects, 0);
  });
});

suite("revalidation", () => {
  const stale = (...fields: string[]): Script => {
    const script = new Script();
    script.fill(URL, "hello", TAG, "X-Old: 1", "Content-Type: text/plain", ...fields);
    script.later(100);
    return script;
  };

  test("304 renews head and lifetime, for all who wait, and the body stays", () => {
    const script = stale(FRESH);
    const [leader, follower] = [script.get(URL), script.get(URL)];
    assert.deepEqual(script.calls[1]!.added, ["x-forwarded-proto: http", 'if-none-match: "v1"']);
    script.calls[1]!.head(304, TAG, "Cache-Control: max-age=90", "X-Old: 2");
    script.calls[1]!.finish();
    assert.deepEqual([leader.body, follower.body], ["hello", "hello"]);
    assert.equal(leader.status, 200);
    assert.equal(leader.field("x-old"), "2");
    assert.match(leader.field("cache-status")!, /fwd=stale; fwd-status=304/);
    assert.deepEqual([leader.notes.cache, follower.notes.cache], ["revalidated", "collapsed"]);
    script.turn();
    script.later(80);
    const hit = script.get(URL);
    assert.equal(hit.notes.cache, "hit");
    assert.equal(hit.field("age"), "80");
    assert.equal(hit.field("content-type"), "text/plain");
    assert.equal(script.main.objects, 1);
  });

  test("304 for what was evicted meanwhile: the whole is asked for", () => {
    const script = stale(FRESH);
    const exchange = script.get(URL);
    script.process.invalidate(exchange.request, 1);
    script.turn();
    script.calls[1]!.head(304, TAG);
    script.calls[1]!.finish();
    assert.deepEqual(script.calls[2]!.added, ["x-forwarded-proto: http"]);
    script.calls[2]!.answer(200, "whole", FRESH);
    assert.equal(exchange.body, "whole");
  });

  test("200 replaces it", () => {
    const script = stale(FRESH);
    const exchange = script.get(URL);
    script.calls[1]!.answer(200, "newer", FRESH, 'ETag: "v2"');
    assert.equal(exchange.body, "newer");
    assert.equal(exchange.notes.cache, "miss");
    script.turn();
    assert.equal(script.get(URL).body, "newer");
    assert.equal(script.main.objects, 1);
  });

  test("stale-if-error: an origin that fails or says 503 leaves the stale response", () => {
    const script = stale("Cache-Control: max-age=60, stale-if-error=600");
    const first = script.get(URL);
    script.calls[1]!.head(503);
    assert.ok(script.calls[1]!.cancelled);
    assert.deepEqual([first.body, first.notes.cache], ["hello", "stale"]);
    const second = script.get(URL);
    script.calls[2]!.fail("connect");
    assert.deepEqual([second.body, second.notes.cache], ["hello", "stale"]);
    const strict = stale("Cache-Control: max-age=60, must-revalidate, stale-if-error=600");
    const third = strict.get(URL);
    strict.calls[1]!.fail("connect");
    assert.equal(third.status, 502);
  });

  test("stale-while-revalidate: answered at once, renewed behind the client's back, once", () => {
    const script = stale("Cache-Control: max-age=60, stale-while-revalidate=600");
    const first = script.get(URL);
    assert.deepEqual([first.body, first.notes.cache], ["hello", "stale"]);
    assert.equal(script.get(URL).notes.cache, "stale");
    assert.equal(script.calls.length, 2);
    script.calls[1]!.answer(200, "newer", FRESH);
    script.turn();
    assert.equal(script.get(URL).body, "newer");
    assert.equal(script.process.open.size, 0);
  });
});

suite("variants and invalidation", () => {
  const LANGUAGE = "Vary: Accept-Language";

  test("each variant is found by the fields that select it; names of both responses count", () => {
    const script = new Script();
    for (const [language, text] of [
      ["en", "hello"],
      ["de", "hallo"],
    ] as const) {
      script.get(URL, `Accept-Language: ${language}`);
      script.calls.at(-1)!.answer(200, text, FRESH, LANGUAGE);
      script.turn();
    }
    assert.equal(script.get(URL, "Accept-Language: de").body, "hallo");
    assert.equal(script.get(URL, "Accept-Language: en").body, "hello");
    assert.equal(script.calls.length, 2);
    script.get(URL);
    script.calls[2]!.answer(200, "plain", FRESH, "Vary: Accept-Encoding");
    script.turn();
    assert.equal(script.get(URL).body, "plain");
  });

  test("an unsafe request that succeeds ends all variants, also what is being fetched", () => {
    const script = new Script();
    script.get(URL, "Accept-Language: en");
    script.calls[0]!.answer(200, "hello", FRESH, LANGUAGE);
    script.turn();
    const open = script.get(URL, "Accept-Language: de");
    const post = script.get(`POST ${URL}`);
    assert.equal(post.notes.cache, "bypass");
    const edits = new FieldEdits();
    for (const status of [500, 204]) {
      for (const stage of post.followed) stage.onResponse?.(post, responseHead(status), edits);
      script.turn();
      assert.equal(script.main.objects, status === 500 ? 2 : 1, "the marker goes, and with it the way to its variants");
    }
    script.calls[1]!.answer(200, "old", FRESH, LANGUAGE);
    assert.equal(open.body, "old");
    script.turn();
    for (const language of ["en", "de"]) assert.equal(script.get(URL, `Accept-Language: ${language}`).body, "");
    assert.equal(script.calls.length, 3, "the second waits for the first, as nobody knows any more that they differ");
  });

  test("invalidated while it is being handed over: gone again", () => {
    const script = new Script();
    script.get(URL);
    script.calls[0]!.answer(200, "hello", FRESH);
    script.process.invalidate(requestHead(`GET ${URL}`), 1);
    script.turn();
    script.turn();
    assert.equal(script.main.objects, 0);
  });
});

suite("clients that go", () => {
  test("the last one far from the end: cancelled; near it, or with others waiting: fetched and stored", () => {
    const script = new Script();
    const early = script.get(URL);
    early.leave();
    assert.ok(script.calls[0]!.cancelled);
    const far = script.get(URL);
    script.calls[1]!.head(200, "Content-Length: 900000", FRESH);
    far.leave();
    assert.ok(script.calls[1]!.cancelled);
    const [near, other] = [script.get(URL), script.get(URL)];
    near.leave();
    script.calls[2]!.head(200, "Content-Length: 5", FRESH);
    other.leave();
    assert.ok(!script.calls[2]!.cancelled);
    script.calls[2]!.body("hello");
    script.calls[2]!.finish();
    script.turn();
    assert.equal(script.get(URL).body, "hello");
    assert.equal(script.process.open.size, 0);
    assert.equal(script.process.gatheredBytes, 0);
  });
});

suite("large objects", () => {
  const BIG = "http://example.com/big";
  const text = Array.from({ length: 40_000 }, (_, i) => String(i % 10_000).padStart(5, "_")).join("");

  test("a chain is delivered in pieces, pinned until the last has left, whatever becomes of the object", () => {
    const script = new Script();
    script.fill(BIG, text, FRESH);
    const slow = new FakeExchange(requestHead(`GET ${BIG}`));
    slow.room = 1;
    script.run(slow);
    assert.ok(slow.body.length > 0 && slow.body.length < text.length);
    assert.equal(slow.field("content-length"), String(text.length));
    assert.equal(slow.field("cache-status"), "fairway; hit");
    script.process.invalidate(slow.request, 1);
    const { reader } = script.process.reader;
    const nextBatch = (): void => {
      reader.leave();
      script.turn();
      script.main.reclaim();
      reader.enter();
    };
    nextBatch();
    nextBatch();
    const held = script.main.bytes;
    assert.ok(held > text.length - 70_000, "what is being sent is not freed");
    for (let i = 0; i < 10 && !slow.ended; i++) slow.drain();
    assert.equal(slow.body, text);
    for (const one of slow.held.splice(0)) one.release();
    nextBatch();
    nextBatch();
    assert.equal(script.main.bytes, 0);
  });

  test("a client that leaves in the middle lets go of the pin", () => {
    const script = new Script();
    script.fill(BIG, text, FRESH);
    for (let i = 0; i < 200; i++) {
      const client = new FakeExchange(requestHead(`GET ${BIG}`));
      client.room = 1;
      script.run(client);
      assert.equal(client.held.length, 1, "a pin was to be had");
      client.leave();
    }
    assert.equal(script.get(BIG).body, text);
    script.later(100);
    const again = script.get(BIG);
    script.calls[1]!.answer(200, text, FRESH);
    assert.equal(again.body, text);
  });
});
