import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatYaml } from "#src/resource/yaml.ts";
import { withBuiltInClasses } from "#src/gateway/built-in-class.ts";
import { toRows } from "./check.ts";
import { makeTranslate } from "./translate.ts";
import { decodeAll } from "#src/testing/cluster-world.ts";

/** `FAIRWAY_GOLDEN=write` writes what is instead of comparing with it: read the difference before committing it. */
const WRITE = process.env["FAIRWAY_GOLDEN"] === "write";

const folder = join(import.meta.dirname, "testdata");
/** Certificates are long and not the point. */
function shortenPem(json: string): string {
  return json.replaceAll(/-----BEGIN ([A-Z ]+)-----[^"]*/g, "<$1>");
}

for (const input of globSync("*.in.yaml", { cwd: folder }).toSorted()) {
  test(`golden ${input}`, () => {
    const resources = withBuiltInClasses(decodeAll(readFileSync(join(folder, input), "utf8")));
    const { entries, verdicts, faults } = makeTranslate()(resources);
    const backwards = makeTranslate()(resources.toReversed());
    assert.deepEqual(backwards.entries, entries, "the order of objects does not matter");
    assert.deepEqual(backwards.verdicts, verdicts);

    const told = verdicts.map((verdict) =>
      "supportedFeatures" in verdict ? { ...verdict, supportedFeatures: "..." } : verdict,
    );
    const values = Object.fromEntries(entries.map(({ key, value }) => [key, value]));
    const rows = toRows(verdicts).map((row) =>
      [row.ok ? "ok " : "BAD", row.kind, row.name, row.part, row.verdict].filter((cell) => cell !== "").join(" | "),
    );
    const output = formatYaml(
      JSON.parse(shortenPem(JSON.stringify({ rows, faults, entries: values, verdicts: told }))),
    );
    const file = join(folder, input.replace(".in.", ".out."));
    if (WRITE) writeFileSync(file, output);
    assert.equal(output, readFileSync(file, "utf8"));
  });
}

const route = (index: number, path: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route-${index}}
spec:
  parentRefs: [{name: web}]
  hostnames: [host-${index}.example.com]
  rules: [{matches: [{path: {value: ${path}}}], backendRefs: [{name: shop, port: 80}]}]
`;

test("an unchanged object keeps its entry, a changed one gets another version, and 1,000 routes are quick", () => {
  const base = decodeAll(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec: {gatewayClassName: fairway, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{port: 80}]}
`);
  const routes = Array.from({ length: 1000 }, (_, index) => decodeAll(route(index, "/")).at(0)!);
  const translate = makeTranslate();
  const first = translate(withBuiltInClasses([...base, ...routes]));
  const changed = decodeAll(route(7, "/changed")).at(0)!;
  const before = process.threadCpuUsage();
  const second = translate(withBuiltInClasses([...base, ...routes.with(7, changed)]));
  const { user, system } = process.threadCpuUsage(before);
  assert.equal(first.entries.length, 1004);
  const differing = second.entries.filter((entry, index) => entry !== first.entries[index]);
  assert.deepEqual(
    differing.map(({ key }) => key),
    ["httproute/default/route-7"],
  );
  const tookMs = (user + system) / 1000;
  assert.ok(tookMs < 100, `took ${Math.round(tookMs)} ms of processor time`);
});
