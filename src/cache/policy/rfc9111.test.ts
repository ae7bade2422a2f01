/** RFC 9111, 9110 section 13, 9211 and 5861, table by section. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fieldNumber } from "#src/http/field.ts";
import { METHOD } from "#src/http/method.ts";
import { requestHead, responseHead } from "../testdata/head.ts";
import { CacheControl } from "./cache-control.ts";
import { cacheStatusText } from "./cache-status.ts";
import { currentAge, freshnessLifetime, initialAge } from "./freshness.ts";
import { parseHttpDate } from "./http-date.ts";
import { invalidates, isSafeMethod } from "./invalidation.ts";
import { mayServeOnError, reuse, type Reusable } from "./reuse.ts";
import { revalidationOutcome } from "./revalidation.ts";
import { storable } from "./storable.ts";
import { hasForeignCondition, isNotModified, strongMatch, weakMatch, type EntityTag } from "./validator.ts";
import { appendVariantKey, varyNames } from "./vary.ts";

const NOW = Date.UTC(2026, 10, 24, 12, 0, 0);
const date = (offsetSeconds: number): string => new Date(NOW + offsetSeconds * 1000).toUTCString();
const control = (...fields: string[]): CacheControl => new CacheControl().parseResponse(responseHead(200, ...fields));
const asked = (value: string): CacheControl =>
  new CacheControl().parse(requestHead("GET http://a/", `Cache-Control: ${value}`));

suite("RFC 9110 section 5.6.7: dates", () => {
  const dates: [string, number][] = [
    ["Sun, 06 Nov 1994 08:49:37 GMT", Date.UTC(1994, 10, 6, 8, 49, 37)],
    ["Sunday, 06-Nov-94 08:49:37 GMT", Date.UTC(1994, 10, 6, 8, 49, 37)],
    ["Tuesday, 24-Nov-76 08:49:37 GMT", Date.UTC(2076, 10, 24, 8, 49, 37)],
    ["Wednesday, 24-Nov-77 08:49:37 GMT", Date.UTC(1977, 10, 24, 8, 49, 37)],
    ["Sun Nov  6 08:49:37 1994", Date.UTC(1994, 10, 6, 8, 49, 37)],
    ["Sun, 31 Feb 2024 08:49:37 GMT", NaN],
    ["Sun, 06 Nov 1994 24:49:37 GMT", NaN],
    ["0", NaN],
    ["", NaN],
  ];
  for (const [text, time] of dates) test(JSON.stringify(text), () => assert.equal(parseHttpDate(text, NOW), time));
});

suite("section 5.2: Cache-Control", () => {
  const directives: [string, Partial<CacheControl>][] = [
    ["max-age=60", { maxAge: 60 }],
    ["MAX-AGE=60 , No-Store", { maxAge: 60, noStore: true }],
    ['max-age="60"', { maxAge: 60 }],
    ["max-age=60, max-age=10", { maxAge: 10 }],
    ["max-age=x", { maxAge: 0 }],
    ["max-age=", { maxAge: 0 }],
    ["max-age=99999999999", { maxAge: 2 ** 31 - 1 }],
    ["max-age=-1", { maxAge: 0 }],
    ['private="set-cookie, x", s-maxage=5', { private: true, sMaxAge: 5 }],
    ['no-cache="a\\"b,", public', { noCache: true, public: true }],
    ["max-stale", { maxStale: 2 ** 31 - 1 }],
    ["max-stale=3,min-fresh=4", { maxStale: 3, minFresh: 4 }],
    [",, ,x=1,  must-revalidate\t", { mustRevalidate: true }],
    ["stale-while-revalidate=7, stale-if-error=8", { staleWhileRevalidate: 7, staleIfError: 8 }],
    ["max-agee=60", { maxAge: -1 }],
    ['x="unterminated, max-age=60', { maxAge: -1 }],
  ];
  for (const [text, expected] of directives) {
    test(text, () => {
      const parsed = control(`Cache-Control: ${text}`);
      assert.deepEqual({ ...parsed }, { ...new CacheControl(), ...expected });
    });
  }
  test("several fields count as one", () => {
    const parsed = control("Cache-Control: max-age=60", "Cache-Control: no-cache");
    assert.deepEqual([parsed.maxAge, parsed.noCache], [60, true]);
  });
  test("RFC 9213: CDN-Cache-Control stands in for Cache-Control", () => {
    const parsed = control("Cache-Control: no-store", "CDN-Cache-Control: max-age=5");
    assert.deepEqual([parsed.maxAge, parsed.noStore, parsed.targeted], [5, false, true]);
  });
});

suite("section 3: storing", () => {
  const fresh = "Cache-Control: max-age=60";
  const cases: [string, string[], number, string[], string][] = [
    ["GET", [], 200, [fresh], "storable"],
    ["HEAD", [], 200, [fresh], "method"],
    ["POST", [], 200, [fresh], "method"],
    ["GET", [], 206, [fresh], "status"],
    ["GET", [], 304, [fresh], "status"],
    ["GET", [], 100, [fresh], "status"],
    ["GET", [], 418, [fresh], "storable"],
    ["GET", [], 418, ["Cache-Control: max-age=60, must-understand"], "status"],
    ["GET", [], 200, ["Cache-Control: max-age=60, no-store"], "noStore"],
    ["GET", [], 200, ["Cache-Control: max-age=60, no-store, must-understand"], "storable"],
    ["GET", ["Cache-Control: no-store"], 200, [fresh], "requestNoStore"],
    ["GET", [], 200, ["Cache-Control: private, max-age=60"], "private"],
    ["GET", ["Authorization: x"], 200, [fresh], "authorization"],
    ["GET", ["Authorization: x"], 200, ["Cache-Control: public, max-age=60"], "storable"],
    ["GET", ["Authorization: x"], 200, ["Cache-Control: s-maxage=60"], "storable"],
    ["GET", ["Authorization: x"], 200, ["Cache-Control: must-revalidate, max-age=60"], "storable"],
    ["GET", [], 200, [fresh, "Set-Cookie: a=b"], "setCookie"],
    ["GET", [], 200, [fresh, "Vary: Accept, *"], "varyStar"],
    ["GET", [], 200, [`Expires: ${date(60)}`], "storable"],
    ["GET", [], 200, [], "noLifetime"],
    ["GET", [], 200, ['ETag: "a"'], "storable"],
    ["GET", [], 200, [`Last-Modified: ${date(-1000)}`], "storable"],
    ["GET", [], 302, [`Last-Modified: ${date(-1000)}`], "noLifetime"],
    ["GET", [], 302, [fresh], "storable"],
    ["GET", [], 200, ["CDN-Cache-Control: no-store", fresh], "noStore"],
    ["GET", [], 500, [fresh], "storable"],
  ];
  for (const [method, request, status, response, expected] of cases) {
    test(`${method} ${request.join(" ")} -> ${status} ${response.join(" ")}: ${expected}`, () => {
      const ask = requestHead(`${method} http://a/`, ...request);
      const head = responseHead(status, ...response);
      assert.equal(
        storable(ask, new CacheControl().parse(ask), head, new CacheControl().parseResponse(head)),
        expected,
      );
    });
  }
});

suite("section 4.2.1: freshness lifetime", () => {
  const cases: [string[], number][] = [
    [["Cache-Control: s-maxage=10, max-age=60"], 10],
    [["Cache-Control: max-age=60", `Expires: ${date(5)}`], 60],
    [[`Date: ${date(0)}`, `Expires: ${date(30)}`], 30],
    [[`Date: ${date(-10)}`, `Expires: ${date(30)}`], 40],
    [[`Expires: ${date(30)}`], 30],
    [["Expires: 0"], 0],
    [[`Expires: ${date(30)}`, `Expires: ${date(90)}`], 0],
    [[`Expires: ${date(-30)}`], 0],
    [[`Date: ${date(0)}`, `Last-Modified: ${date(-1000)}`], 100],
    [[`Date: ${date(0)}`, `Last-Modified: ${date(-100 * 86400)}`], 86400],
    [[`Last-Modified: ${date(50)}`], 0],
    [[], 0],
    [["CDN-Cache-Control: s-maxage=7", "Cache-Control: max-age=1", `Expires: ${date(99)}`], 7],
    [["CDN-Cache-Control: public", `Expires: ${date(99)}`], 0],
  ];
  for (const [fields, seconds] of cases) {
    test(`${fields.join(" ")}: ${seconds}`, () => {
      const head = responseHead(200, ...fields);
      assert.equal(freshnessLifetime(head, new CacheControl().parseResponse(head), NOW), seconds);
    });
  }
  test("no heuristic for a status that does not allow one", () => {
    const head = responseHead(302, `Last-Modified: ${date(-1000)}`);
    assert.equal(freshnessLifetime(head, new CacheControl(), NOW), 0);
  });
});

suite("section 4.2.3: age", () => {
  const cases: [string[], number, number][] = [
    [[], 0, 0],
    [["Age: 10"], 0, 10],
    [["Age: 10"], 2000, 12],
    [["Age: 10, 20"], 0, 10],
    [["Age: x"], 0, 0],
    [[`Date: ${date(-30)}`], 2000, 30],
    [[`Date: ${date(-30)}`, "Age: 40"], 2000, 42],
    [[`Date: ${date(30)}`], 0, 0],
  ];
  for (const [fields, delayMs, seconds] of cases) {
    test(`${fields.join(" ")} after ${delayMs} ms: ${seconds}`, () =>
      assert.equal(initialAge(responseHead(200, ...fields), NOW - delayMs, NOW), seconds));
  }
  test("it grows while stored", () => assert.equal(currentAge(12, NOW, NOW + 5900), 17));
  test("a clock that was set back makes nothing younger than nothing", () =>
    assert.equal(currentAge(2, NOW, NOW - 60_000), 0));
});

suite("section 4: reuse", () => {
  const plain: Reusable = { lifetime: 60, noCache: false, neverStale: false, staleWhileRevalidate: -1 };
  const cases: [Partial<Reusable>, number, string, string][] = [
    [{}, 59, "", "fresh"],
    [{}, 60, "", "revalidate"],
    [{ noCache: true }, 0, "", "revalidate"],
    [{ staleWhileRevalidate: 10 }, 69, "", "staleWhileRevalidate"],
    [{ staleWhileRevalidate: 10 }, 70, "", "revalidate"],
    [{ staleWhileRevalidate: 10, neverStale: true }, 61, "", "revalidate"],
    [{}, 0, "no-cache", "revalidate"],
    [{}, 30, "max-age=20", "revalidate"],
    [{}, 20, "max-age=20", "fresh"],
    [{}, 55, "min-fresh=10", "revalidate"],
    [{}, 50, "min-fresh=10", "fresh"],
    [{}, 70, "max-stale=10", "stale"],
    [{}, 71, "max-stale=10", "revalidate"],
    [{}, 9999, "max-stale", "stale"],
    [{ neverStale: true }, 61, "max-stale", "revalidate"],
    [{}, 61, "only-if-cached", "unavailable"],
    [{}, 59, "only-if-cached", "fresh"],
    [{ noCache: true }, 1, "only-if-cached", "unavailable"],
    [{}, 65, "max-age=20, max-stale=10", "stale"],
    [{ staleWhileRevalidate: 10 }, 61, "max-age=10", "revalidate"],
  ];
  for (const [stored, age, value, expected] of cases) {
    test(`${JSON.stringify(stored)} of ${age} s for "${value}": ${expected}`, () => {
      assert.equal(reuse({ ...plain, ...stored }, age, value === "" ? undefined : asked(value)), expected);
    });
  }
  test("RFC 5861 section 4: stale if error", () => {
    assert.equal(mayServeOnError(plain, 10, 69, undefined), true);
    assert.equal(mayServeOnError(plain, 10, 70, undefined), false);
    assert.equal(mayServeOnError(plain, -1, 61, undefined), false);
    assert.equal(mayServeOnError(plain, -1, 61, asked("stale-if-error=5")), true);
    assert.equal(mayServeOnError({ ...plain, neverStale: true }, 10, 61, undefined), false);
  });
});

suite("section 4.1: Vary", () => {
  const key = (vary: string, ...fields: string[]): string => {
    const into = new Uint8Array(200);
    const end = appendVariantKey(
      requestHead("GET http://a/", ...fields),
      varyNames(responseHead(200, `Vary: ${vary}`), fieldNumber),
      into,
      0,
    );
    return Buffer.from(into.subarray(0, end)).toString("latin1");
  };
  test("order and case of the names do not matter, order of values does", () => {
    assert.equal(key("Accept, X-A", "Accept: a", "X-a: b"), key("x-a,ACCEPT", "x-A: b", "accept: a"));
    assert.notEqual(key("Accept", "Accept: a, b"), key("Accept", "Accept: b, a"));
  });
  test("white space around commas and the number of fields do not matter", () => {
    assert.equal(key("Accept", "Accept: a ,  b"), key("Accept", "Accept: a", "Accept: b"));
  });
  test("absent is not empty, and values do not run into one another", () => {
    assert.notEqual(key("Accept"), key("Accept", "Accept: "));
    assert.notEqual(key("Accept, From", "Accept: a"), key("Accept, From", "From: a"));
  });
  test("a key beyond its room is refused", () => {
    assert.equal(
      appendVariantKey(
        requestHead("GET http://a/", `Accept: ${"x".repeat(300)}`),
        varyNames(responseHead(200, "Vary: accept"), fieldNumber),
        new Uint8Array(200),
        0,
      ),
      -1,
    );
  });
});

suite("RFC 9110 section 8.8.3.2: entity tags", () => {
  const tag = (text: string): EntityTag => ({ bytes: Buffer.from(text), start: 0, end: text.length });
  const cases: [string, string, boolean, boolean][] = [
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
  ];
  for (const [a, b, strong, weak] of cases) {
    test(`${a} ${b}`, () => assert.deepEqual([strongMatch(tag(a), tag(b)), weakMatch(tag(a), tag(b))], [strong, weak]));
  }
});

suite("RFC 9110 section 13: conditions", () => {
  const tag = { bytes: Buffer.from('x"abc"'), start: 1, end: 6 };
  const modified = NOW - 100_000;
  const cases: [string[], boolean][] = [
    [[], false],
    [['If-None-Match: "abc"'], true],
    [['If-None-Match: W/"abc"'], true],
    [['If-None-Match: "x", "abc"'], true],
    [['If-None-Match: "x,y" ,W/"abc"'], true],
    [['If-None-Match: "x"', 'If-None-Match: "abc"'], true],
    [['If-None-Match: "ab"'], false],
    [["If-None-Match: abc"], false],
    [["If-None-Match: *"], true],
    [['If-None-Match: "x"', `If-Modified-Since: ${date(0)}`], false],
    [[`If-Modified-Since: ${date(-100)}`], true],
    [[`If-Modified-Since: ${date(-101)}`], false],
    [["If-Modified-Since: yesterday"], false],
  ];
  for (const [fields, expected] of cases) {
    test(`${fields.join(" ")}: ${expected}`, () =>
      assert.equal(isNotModified(requestHead("GET http://a/", ...fields), tag, modified, NOW, NOW), expected));
  }
  test("without Last-Modified the time of the response counts", () => {
    const since = requestHead("GET http://a/", `If-Modified-Since: ${date(0)}`);
    assert.equal(isNotModified(since, tag, NaN, NOW, NOW), true);
    assert.equal(isNotModified(since, tag, NaN, NOW + 1000, NOW), false);
  });
  test("other conditions are the origin's", () => {
    assert.equal(hasForeignCondition(requestHead("GET http://a/", 'If-Match: "a"')), true);
    assert.equal(hasForeignCondition(requestHead("GET http://a/", 'If-None-Match: "a"')), false);
  });
});

test("section 4.3.3: what an answer to a conditional request means", () => {
  assert.deepEqual([304, 200, 404, 500, 503, 502, 504, 501].map(revalidationOutcome), [
    "refresh",
    "replace",
    "replace",
    "error",
    "error",
    "error",
    "error",
    "replace",
  ]);
});

test("section 4.4: invalidation", () => {
  assert.deepEqual([METHOD.GET, METHOD.HEAD, METHOD.OPTIONS, METHOD.TRACE].map(isSafeMethod), [true, true, true, true]);
  assert.deepEqual(
    [METHOD.POST, METHOD.PUT, METHOD.DELETE, METHOD.PATCH, METHOD.OTHER].map((method) => invalidates(method, 200)),
    [true, true, true, true, true],
  );
  assert.deepEqual(
    [
      invalidates(METHOD.POST, 303),
      invalidates(METHOD.POST, 404),
      invalidates(METHOD.POST, 500),
      invalidates(METHOD.GET, 200),
    ],
    [true, false, false, false],
  );
});

test("RFC 9211: Cache-Status", () => {
  assert.equal(cacheStatusText({ hit: true, ttl: -3 }), "fairway; hit; ttl=-3");
  assert.equal(cacheStatusText({ hit: false, forwarded: "uri-miss", stored: true }), "fairway; fwd=uri-miss; stored");
  assert.equal(
    cacheStatusText({ hit: false, forwarded: "stale", forwardedStatus: 304, collapsed: true, detail: "method" }),
    "fairway; fwd=stale; fwd-status=304; collapsed; detail=method",
  );
});
