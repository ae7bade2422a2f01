import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { HttpMatchConfig } from "#src/config/model.ts";
import { Message } from "#src/http/message.ts";
import { compileConditions, conditionsHold } from "./conditions.ts";
import { removeDotSegments } from "./dot-segments.ts";
import { HostTable } from "./host-table.ts";
import { PathTable } from "./path-table.ts";
import { byPrecedence } from "./precedence.ts";

/** A request head over bytes of its own, without a parser. */
function request(method: string, target: string, fields: readonly (readonly [string, string])[] = []): Message {
  const message = new Message();
  const text = `${method} ${target} ${fields.map(([name, value]) => name + value).join("")}`;
  message.reset(new Uint8Array(Buffer.from(text, "latin1")));
  message.methodEnd = method.length;
  message.targetStart = method.length + 1;
  message.targetEnd = message.targetStart + target.length;
  message.pathEnd = target.includes("?") ? message.targetStart + target.indexOf("?") : message.targetEnd;
  let at = message.targetEnd + 1;
  for (const [name, value] of fields) {
    message.addField(0, at, at + name.length, at + name.length, at + name.length + value.length);
    at += name.length + value.length;
  }
  return message;
}

const match = (changed: Partial<HttpMatchConfig>): HttpMatchConfig => ({
  path: { type: "PathPrefix", value: "/" },
  method: "",
  headers: [],
  queryParams: [],
  ...changed,
});

const hosts = new HostTable(
  new Map([
    ["", "any"],
    ["*.example.com", "wild"],
    ["*.b.example.com", "wilder"],
    ["a.example.com", "exact"],
  ]),
);
const hostCases: readonly [host: string, found: string][] = [
  ["a.example.com", "any wild exact"],
  ["A.Example.COM", "any wild exact"],
  ["a.example.com.", "any wild exact"],
  ["x.b.example.com", "any wild wilder"],
  ["x.y.b.example.com", "any wild wilder"],
  ["b.example.com", "any wild"],
  ["example.com", "any"],
  [".example.com", "any"],
  ["notexample.com", "any"],
  ["", "any"],
  [`${"a".repeat(5000)}.example.com`, "any wild"],
];
for (const [host, found] of hostCases) {
  test(`host ${host.slice(0, 30)}: ${found}`, () => {
    const bytes = Buffer.from(host);
    const values: string[] = [];
    hosts.collect(bytes, 0, bytes.length, values);
    assert.equal(values.join(" "), found);
  });
}

const paths = new PathTable(
  [
    { type: "PathPrefix" as const, value: "/" },
    { type: "PathPrefix" as const, value: "/shop" },
    { type: "PathPrefix" as const, value: "/shop/cart/" },
    { type: "Exact" as const, value: "/shop/cart" },
  ].map((path) => ({ path, conditions: compileConditions(match({ path })) })),
);
const pathCases: readonly [target: string, found: string][] = [
  ["/", "PathPrefix /"],
  ["/shop", "PathPrefix /shop"],
  ["/shop/", "PathPrefix /shop"],
  ["/shop/x/y", "PathPrefix /shop"],
  ["/shop?x=/shop/cart", "PathPrefix /shop"],
  ["/shopping", "PathPrefix /"],
  ["/Shop", "PathPrefix /"],
  ["/shop/cart", "Exact /shop/cart"],
  ["/shop/cart?q", "Exact /shop/cart"],
  ["/shop/cart/", "PathPrefix /shop/cart/"],
  ["/shop/cart/1", "PathPrefix /shop/cart/"],
  ["*", "PathPrefix /"],
  ["/".repeat(9000), "PathPrefix /"],
];
for (const [target, found] of pathCases) {
  test(`path ${target.slice(0, 30)}: ${found}`, () => {
    const { path } = paths.find(request("GET", target))!;
    assert.equal(`${path.type} ${path.value}`, found);
  });
}

const conditionCases: readonly [name: string, wanted: Partial<HttpMatchConfig>, request: Message, holds: boolean][] = [
  ["method", { method: "POST" }, request("POST", "/"), true],
  ["other method", { method: "POST" }, request("GET", "/"), false],
  ["header", { headers: [{ name: "x-a", value: "1" }] }, request("GET", "/", [["X-A", "1"]]), true],
  ["header of other case", { headers: [{ name: "x-a", value: "b" }] }, request("GET", "/", [["x-a", "B"]]), false],
  ["no header", { headers: [{ name: "x-a", value: "1" }] }, request("GET", "/"), false],
  [
    "header in two lines",
    { headers: [{ name: "x-a", value: "1,2" }] },
    request("GET", "/", [
      ["x-a", "1"],
      ["x-a", "2"],
    ]),
    true,
  ],
  [
    "one of two lines",
    { headers: [{ name: "x-a", value: "1" }] },
    request("GET", "/", [
      ["x-a", "1"],
      ["x-a", "2"],
    ]),
    false,
  ],
  ["query", { queryParams: [{ name: "q", value: "1" }] }, request("GET", "/?a&q=1&b"), true],
  ["query, first of two", { queryParams: [{ name: "q", value: "2" }] }, request("GET", "/?q=1&q=2"), false],
  ["query, encoded", { queryParams: [{ name: "q", value: "a b&c" }] }, request("GET", "/?%71=a+b%26c"), true],
  ["query, empty", { queryParams: [{ name: "q", value: "" }] }, request("GET", "/?q"), true],
  ["query, longer", { queryParams: [{ name: "q", value: "1" }] }, request("GET", "/?q=12"), false],
  ["no query", { queryParams: [{ name: "q", value: "1" }] }, request("GET", "/q=1"), false],
];
for (const [name, wanted, message, holds] of conditionCases) {
  test(`condition: ${name}`, () => assert.equal(conditionsHold(compileConditions(match(wanted)), message), holds));
}

test("precedence: method, headers, query parameters, age, name, order", () => {
  const one = { match: match({}), createdAt: "2026-01-02T00:00:00Z", route: "a/b", rule: 0, place: 0 };
  const h = { name: "x", value: "1" };
  const order = [
    { ...one, match: match({ method: "GET" }) },
    { ...one, match: match({ headers: [h, h] }) },
    { ...one, match: match({ headers: [h], queryParams: [h, h] }) },
    { ...one, match: match({ headers: [h], queryParams: [h] }) },
    { ...one, match: match({ queryParams: [h] }) },
    { ...one, createdAt: "2026-01-02T01:30:00+02:00", route: "z/z" },
    { ...one, createdAt: "2026-01-01T00:00:00Z", route: "a/a" },
    { ...one, route: "a/a" },
    one,
    { ...one, place: 1 },
    { ...one, rule: 1 },
    { ...one, createdAt: "" },
  ].toSorted(byPrecedence);
  assert.deepEqual(
    order
      .map((ranked) => [ranked.match.method, ranked.match.headers.length, ranked.match.queryParams.length])
      .slice(0, 5),
    [
      ["GET", 0, 0],
      ["", 2, 0],
      ["", 1, 2],
      ["", 1, 1],
      ["", 0, 1],
    ],
  );
  assert.deepEqual(
    order.slice(5).map(({ createdAt, route, rule, place }) => `${createdAt.slice(0, 10)} ${route} ${rule} ${place}`),
    [
      "2026-01-01 a/a 0 0",
      "2026-01-02 z/z 0 0",
      "2026-01-02 a/a 0 0",
      "2026-01-02 a/b 0 0",
      "2026-01-02 a/b 0 1",
      "2026-01-02 a/b 1 0",
      " a/b 0 0",
    ],
  );
});

const dotCases: readonly [target: string, rewritten: string][] = [
  ["/a/b", "/a/b"],
  ["/a/../b?x=/../", "/b?x=/../"],
  ["/a/./b", "/a/b"],
  ["/a/b/..", "/a/"],
  ["/a/.", "/a/"],
  ["/../../a", "/a"],
  ["/..", "/"],
  ["/a/%2e%2E/b", "/b"],
  ["/a/.%2e", "/"],
  ["/a/...", "/a/..."],
  ["/.a/..b", "/.a/..b"],
  ["/a//../b", "/a/b"],
  ["*", "*"],
];
for (const [target, rewritten] of dotCases) {
  test(`dot segments: ${target}`, () => {
    const message = request("GET", target);
    removeDotSegments(message);
    assert.equal(message.target, rewritten);
  });
}

test("dot segments: as the URL standard resolves them", () => {
  const segment = fc.constantFrom("a", "bc", ".", "..", "...", ".x", "%2e", "%2E.", "");
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 8 }), (segments) => {
      const target = `/${segments.join("/")}`;
      const message = request("GET", target);
      removeDotSegments(message);
      assert.equal(message.target, new URL(`http://h${target}`).pathname);
    }),
  );
});
