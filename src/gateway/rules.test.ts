import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { intersectHostnames } from "./hostname.ts";
import { matchesSelector } from "./label-selector.ts";
import { supportedFeatures } from "./supported-features.ts";

const HOSTS: readonly (readonly [listener: string, routes: string[], shared: string[]])[] = [
  ["", [], [""]],
  ["a.example", [], ["a.example"]],
  ["", ["A.example", "*.b.example"], ["a.example", "*.b.example"]],
  ["a.example", ["a.example", "b.example"], ["a.example"]],
  ["*.example", ["a.example", "x.y.example", "example", "a.other"], ["a.example", "x.y.example"]],
  ["a.example", ["*.example"], ["a.example"]],
  ["*.example", ["*.example"], ["*.example"]],
  ["*.example", ["*.a.example"], ["*.a.example"]],
  ["*.a.example", ["*.example"], ["*.a.example"]],
  ["*.example", ["*.sample", "badexample"], []],
  ["a.example", ["b.example"], []],
];

for (const [listener, routes, shared] of HOSTS) {
  test(`hosts of listener "${listener}" and route [${routes.join(", ")}]`, () =>
    assert.deepEqual(intersectHostnames(listener, routes), shared));
}

test("a host is shared by both patterns exactly when one of the shared patterns matches it", () => {
  const matches = (pattern: string, host: string): boolean =>
    pattern === "" ||
    pattern === host ||
    (pattern.startsWith("*.") && host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1);
  const name = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
  const pattern = fc.oneof(
    name,
    name.map((tail) => `*.${tail}`),
  );
  fc.assert(
    fc.property(pattern, fc.array(pattern, { minLength: 1, maxLength: 3 }), name, (listener, routes, host) => {
      const both = matches(listener, host) && routes.some((route) => matches(route, host));
      assert.equal(
        intersectHostnames(listener, routes).some((shared) => matches(shared, host)),
        both,
      );
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("label selectors", () => {
  const labels = { app: "shop", stage: "live" };
  const expression = (key: string, operator: string, values?: string[]) => ({
    matchExpressions: [{ key, operator, ...(values && { values }) }],
  });
  for (const [selector, expected] of [
    [{}, true],
    [{ matchLabels: { app: "shop" } }, true],
    [{ matchLabels: { app: "shop", stage: "test" } }, false],
    [expression("app", "In", ["shop", "b"]), true],
    [expression("none", "In", ["shop"]), false],
    [expression("none", "NotIn", ["shop"]), true],
    [expression("app", "NotIn", ["shop"]), false],
    [expression("app", "Exists"), true],
    [expression("app", "DoesNotExist"), false],
    [expression("app", "In"), undefined],
    [expression("app", "Exists", ["a"]), undefined],
    [expression("app", "Like", ["a"]), undefined],
  ] as const)
    assert.equal(matchesSelector(selector, labels), expected, JSON.stringify(selector));
});

test("supported features are in ascending order, each once; an edge has no routes of TCP and UDP", () => {
  for (const engine of ["balancer", "edge"] as const) {
    const features = supportedFeatures(engine);
    assert.deepEqual(features, [...new Set(features)].toSorted());
    for (const route of ["TCPRoute", "UDPRoute"]) assert.equal(features.includes(route), engine === "balancer");
  }
});
