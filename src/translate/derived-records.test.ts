import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseName } from "#src/dns/wire/name-text.ts";
import { readZone } from "#src/dns/zone/read-zone.ts";
import { makeTranslate } from "./translate.ts";
import { decodeAll } from "#src/testing/cluster-world.ts";

const label = fc.constantFrom("a", "b", "ns", "*", "cut", "x_y");
const name = fc.array(label, { maxLength: 3 }).map((labels) => [...labels, "zone.example"].join("."));
const address = fc.constantFrom(
  "192.0.2.1",
  "2001:db8::1",
  "lb.example",
  "LB.Example.",
  "bad address",
  "fe80::1%eth0",
  "a.zone.example",
  "-",
);

const zone = (
  records: readonly { readonly name: string; readonly type: string; readonly data: readonly string[] }[],
): object => ({
  apiVersion: "fairway.dev/v1alpha1",
  kind: "Zone",
  metadata: { name: "z" },
  spec: {
    domain: "zone.example",
    nameServers: ["ns.example."],
    records,
    derive: { namespaces: {} },
  },
});

const service = (index: number, names: readonly string[], addresses: readonly string[]): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: `s${index}`, annotations: { "fairway.dev/hostname": names.join(",") } },
  spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
  status: {
    loadBalancer: { ingress: addresses.map((value) => (/^[\d:f]/.test(value) ? { ip: value } : { hostname: value })) },
  },
});

test("whatever objects ask for, the zone can be read, and its own records are as they were", () => {
  const own = fc.subarray([
    { name: "a", type: "A", data: ["192.0.2.9"] },
    { name: "b.a", type: "CNAME", data: ["a"] },
    { name: "cut", type: "NS", data: ["ns.elsewhere.example."] },
    { name: "*", type: "TXT", data: ["wild"] },
  ]);
  const services = fc.array(fc.tuple(fc.array(name, { maxLength: 4 }), fc.array(address, { maxLength: 3 })), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(own, services, (records, asked) => {
      const objects = [zone(records), ...asked.map(([names, addresses], index) => service(index, names, addresses))];
      const { entries } = makeTranslate()(decodeAll(objects.map((object) => JSON.stringify(object)).join("\n---\n")));
      const alone = makeTranslate()(decodeAll(JSON.stringify(zone(records)))).entries[0]!.value;
      const value = entries.find(({ key }) => key === "zone/default/z")!.value;
      assert.ok(value.kind === "zone" && alone.kind === "zone");
      assert.ok(value.text.startsWith(alone.text));
      const origin = parseName("zone.example.");
      assert.ok(typeof origin !== "string");
      const read = readZone({ text: value.text, backends: [] }, origin, () => -1);
      assert.ok("apex" in read, JSON.stringify(read));
    }),
    { numRuns: 300, seed: 2 },
  );
});
