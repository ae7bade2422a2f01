import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

/**
 * Which layer each place belongs to; the longest prefix counts. A file imports only from lower layers, from its own
 * top folder, or from nothing; a file in no layer fails the test (ARCHITECTURE.md draws the same table).
 */
const LAYERS: Readonly<Record<string, number>> = {
  "package.json": 0,
  "src/bytes": 0,
  "src/net": 1,
  "src/resource": 1,
  "src/config/model.ts": 1,
  "src/config/stream/entry.ts": 1,
  "src/dns/wire": 1,
  "src/http": 1,
  "src/process/backoff.ts": 1,
  "src/process/clock.ts": 1,
  "src/reactor": 2,
  "src/memory": 2.1,
  "src/metrics": 2.2,
  "src/config/stream": 2.2,
  "src/process": 2.3,
  "src/gateway": 3,
  "src/dns/zone": 3,
  "src/cache/policy": 3,
  "src/balance/select": 3,
  "src/health/threshold.ts": 3,
  "src/dns/auth": 4,
  "src/dns/resolver": 4,
  "src/translate": 4,
  "src/cache": 4,
  "src/balance": 4,
  "src/health": 4,
  "src/config/source/object.ts": 4,
  "src/http/h1": 5,
  "src/http/h2": 5,
  "src/http/engine": 5,
  "src/http/upstream": 5,
  "src/balance/l4": 5,
  "src/balance/l7": 5,
  "src/dns/server": 5,
  "src/config": 5,
  "src/kube": 5,
  "src/plane": 5.5,
  "src/testing": 6,
  "src/image": 6.1,
  services: 7,
  "loadtest/measure": 7.1,
  "loadtest/generators": 7.1,
  "loadtest/run": 7.2,
  "loadtest/peers": 7.3,
  "loadtest/bench": 7.4,
  loadtest: 7.5,
  charts: 7.6,
};

const PURE = 3;

const place = (file: string): string | undefined =>
  Object.keys(LAYERS)
    .filter((prefix) => file === prefix || file.startsWith(`${prefix}/`))
    .toSorted((a, b) => b.length - a.length)[0];

const topFolder = (file: string): string => file.split("/").slice(0, 2).join("/");

test("every file has a layer and imports only from lower ones", () => {
  const faults: string[] = [];
  const files = globSync("{src,services,loadtest,charts}/**/*.ts").filter((file) => !file.includes("/testdata/"));
  for (const file of files) {
    if (/\.(test|interop|e2e)\.ts$/.test(file)) continue;
    const own = place(file);
    if (own === undefined) {
      faults.push(`${file}: in no layer`);
      continue;
    }
    const source = readFileSync(file, "utf8");
    for (const [, typeOnly, specifier] of source.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)"/gm)) {
      const target = specifier!.startsWith("#src/")
        ? specifier!.replace("#src/", "src/")
        : specifier!.startsWith(".")
          ? normalize(join(dirname(file), specifier!))
          : undefined;
      if (target === undefined) continue;
      const other = place(target);
      if (other === undefined) faults.push(`${file}: imports ${target}, which is in no layer`);
      else if (own !== other && topFolder(file) !== topFolder(target)) {
        const allowed =
          LAYERS[other]! < LAYERS[own]! ||
          (LAYERS[own]! !== PURE && LAYERS[other] === LAYERS[own] && typeOnly !== undefined) ||
          typeOnly !== undefined;
        if (!allowed) faults.push(`${file} (${LAYERS[own]}) imports ${target} (${LAYERS[other]})`);
        if (LAYERS[own] === PURE && LAYERS[other]! > 1 && typeOnly === undefined)
          faults.push(`${file}: a pure decision imports ${target}`);
      }
    }
  }
  assert.ok(files.length > 10, "the glob finds the sources");
  assert.deepEqual(faults, []);
});
