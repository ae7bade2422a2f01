import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Entry, EntryValue, HttpRouteConfig, PortConfig } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { makeMembership } from "./plane-entries.ts";

const port = (listeners: readonly { readonly id: string; readonly certificates: readonly string[] }[]): PortConfig => ({
  kind: "port",
  engine: "balancer",
  port: 1,
  publicPort: 1,
  protocol: "HTTPS",
  addresses: [],
  listeners: listeners.map((listener) => ({ ...listener, gateway: "d/g", hostname: "" })),
});

const route = (id: string, listeners: readonly string[], backends: readonly string[]): HttpRouteConfig => ({
  kind: "httpRoute",
  id,
  createdAt: "",
  attachments: listeners.map((listener) => ({ listener, hostnames: [""] })),
  rules: [
    {
      name: "",
      matches: [],
      filters: [],
      backends: backends.map((backend) => ({ backend, weight: 1 })),
      requestTimeoutMs: 0,
      backendTimeoutMs: 0,
    },
  ],
});

const certificate: EntryValue = { kind: "certificate", chainPem: "c", keyPem: "k" };
const HEALTH = { type: "none", path: "/", intervalMs: 0, timeoutMs: 0, rise: 0, fall: 0 } as const;
const backend: EntryValue = { kind: "backend", id: "b", endpoints: [], health: HEALTH, tls: undefined };
const zone: EntryValue = { kind: "zone", origin: "a.", text: "", backends: [] };

const PLANES = ["balancer", "edge", "balancer/ns/own"] as const;

/** What a value refers to by key. */
function referencesOf(value: EntryValue): readonly string[] {
  if (value.kind === "port") return value.listeners.flatMap(({ certificates }) => certificates);
  if (value.kind === "httpRoute") return value.rules.flatMap(({ backends }) => backends.map(({ backend: key }) => key));
  return [];
}

const some = fc.subarray([0, 1, 2, 3]);
const configuration = fc
  .record({
    ports: fc.array(
      fc.record({
        plane: fc.constantFrom(...PLANES),
        listeners: fc.subarray([0, 1, 2, 3], { minLength: 1 }),
        certificates: some,
      }),
      { maxLength: 5 },
    ),
    routes: fc.array(fc.record({ listeners: some, backends: some }), { maxLength: 5 }),
  })
  .map(({ ports, routes }): Entry[] => [
    ...ports.map(({ plane, listeners, certificates }, index) =>
      toEntry(
        `port/${plane}/TCP/${index}`,
        port(listeners.map((id) => ({ id: `l${id}`, certificates: certificates.map((key) => `certificate/${key}`) }))),
      ),
    ),
    ...routes.map(({ listeners, backends }, index) =>
      toEntry(
        `httproute/${index}`,
        route(
          String(index),
          listeners.map((id) => `l${id}`),
          backends.map((key) => `backend/${key}`),
        ),
      ),
    ),
    ...[0, 1, 2, 3].flatMap((key) => [toEntry(`certificate/${key}`, certificate), toEntry(`backend/${key}`, backend)]),
    toEntry("zone/d/z", zone),
  ]);

test("what a plane is given is closed under references, and has nothing that none of its ports leads to", () => {
  fc.assert(
    fc.property(configuration, (given) => {
      const { assign, planesOf } = makeMembership();
      const entries = assign(given);
      for (const plane of PLANES) {
        const own = entries.filter((entry) => planesOf(entry).has(plane));
        const keys = new Set(own.map(({ key }) => key));
        const referred = new Set(own.flatMap(({ value }) => referencesOf(value)));
        for (const key of referred) assert.ok(keys.has(key), `${plane} lacks ${key}`);
        const listeners = new Set(
          own.flatMap(({ value }) => (value.kind === "port" ? value.listeners.map(({ id }) => id) : [])),
        );
        for (const { key, value } of entries) {
          if (value.kind === "certificate" || value.kind === "backend")
            assert.equal(keys.has(key), referred.has(key), key);
          if (value.kind === "port") assert.equal(keys.has(key), key.startsWith(`port/${plane}/TCP`));
          if (value.kind === "httpRoute")
            assert.equal(
              keys.has(key),
              value.attachments.some(({ listener }) => listeners.has(listener)),
            );
          if (value.kind === "zone") assert.equal(keys.has(key), false);
        }
      }
      assert.deepEqual(
        entries.filter((entry) => planesOf(entry).has("dns")).map(({ key }) => key),
        ["zone/d/z"],
      );
    }),
    { numRuns: 300, seed: 3 },
  );
});

test("an entry that other planes are given is another object; else it is the same; old ones keep their answer", () => {
  const { assign, planesOf } = makeMembership();
  const own = toEntry("port/balancer/TCP/1", port([{ id: "l1", certificates: ["certificate/1"] }]));
  const other = toEntry("port/edge/TCP/1", port([{ id: "l2", certificates: ["certificate/1"] }]));
  const secret = toEntry("certificate/1", certificate);
  const first = assign([own, secret]);
  assert.deepEqual(first, [own, secret]);
  const again = assign(first);
  assert.ok(again.every((entry, index) => entry === first[index]));
  const second = assign([first[0]!, other, first[1]!]);
  assert.equal(second[0], first[0]);
  assert.notEqual(second[2], first[1]);
  assert.deepEqual(second[2], first[1]);
  assert.deepEqual([[...planesOf(first[1]!)], [...planesOf(second[2]!)]], [["balancer"], ["balancer", "edge"]]);
});
