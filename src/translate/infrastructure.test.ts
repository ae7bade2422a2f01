import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { formatYaml } from "#src/resource/yaml.ts";
import { toRows } from "./check.ts";
import { INFRASTRUCTURE_KINDS } from "./infrastructure.ts";
import { dedicatedName, PLANE_LABEL } from "./workload.ts";
import { decodeAll, World } from "#src/testing/cluster-world.ts";

/** See translate.test.ts. */
const WRITE = process.env["FAIRWAY_GOLDEN"] === "write";
const folder = join(import.meta.dirname, "testdata", "cluster");

for (const input of globSync("*.in.yaml", { cwd: folder }).toSorted()) {
  test(`golden cluster/${input}`, () => {
    const world = new World(readFileSync(join(folder, input), "utf8"));
    ["balancer", "edge", "edge/shop/cdn", "balancer/shop/nodes"].forEach((plane, index) => world.addPod(plane, index));
    const { entries, verdicts, planesOf, allocations, faults } = world.settle();
    for (const { apiVersion, kind } of world.existing.values())
      assert.ok(
        INFRASTRUCTURE_KINDS.some((known) => known.kind === kind && known.apiVersion === apiVersion),
        kind,
      );
    const output = formatYaml(
      JSON.parse(
        JSON.stringify({
          rows: toRows(verdicts).map(({ kind, name, part, verdict }) => [kind, name, part, verdict].join(" | ")),
          faults,
          allocations,
          entries: entries.map((entry) => ({ key: entry.key, planes: [...planesOf(entry)] })),
          objects: [...world.existing.values()],
        }),
      ),
    );
    const file = join(folder, input.replace(".in.", ".out."));
    if (WRITE) writeFileSync(file, output);
    assert.equal(output, readFileSync(file, "utf8"));
  });
}

const gateway = (name: string, listeners: string, more = ""): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: shop, uid: uid-${name}}
spec: {gatewayClassName: fairway, listeners: [${listeners}]${more}}
`;

const HTTP = "{name: http, port: 80, protocol: HTTP}";
const ALT = "{name: alt, port: 81, protocol: HTTP}";

const keysOf = (entries: readonly { readonly key: string }[]): string[] =>
  entries.map(({ key }) => key).filter((key) => key.startsWith("port/"));

test("endpoints come when pods listen, and nothing is applied twice", () => {
  const world = new World(gateway("web", HTTP));
  const pod = world.addPod("balancer", 1);
  const first = world.turn();
  assert.deepEqual(
    first.done.apply.map(({ kind }) => kind),
    ["Service", "EndpointSlice", "EndpointSlice"],
  );
  assert.deepEqual(world.endpoints(), []);
  const second = world.turn();
  const { port } = second.translation.allocations[0]!;
  assert.deepEqual(world.endpoints(), [`10.0.0.1 TCP ${port}`, `fd00::1 TCP ${port}`]);
  assert.deepEqual(world.turn().done, { apply: [], remove: [] });
  pod.isReady = false;
  world.settle();
  assert.deepEqual(world.endpoints(), []);
});

test("a pod that ends serves until it is not ready any more", () => {
  const world = new World(gateway("web", HTTP));
  const pod = world.addPod("balancer", 1);
  world.settle();
  pod.isTerminating = true;
  world.settle();
  const slices = [...world.existing.values()].filter(({ kind }) => kind === "EndpointSlice");
  for (const slice of slices)
    assert.match(JSON.stringify(slice), /"conditions":\{"ready":false,"serving":true,"terminating":true\}/);
  pod.isReady = false;
  world.settle();
  assert.deepEqual(world.endpoints(), []);
});

test("a controller that restarts has the same ports, and keeps endpoints of pods that it does not hear yet", () => {
  const world = new World(gateway("web", HTTP) + "---" + gateway("other", HTTP));
  const pod = world.addPod("balancer", 1);
  // As an older version may have chosen it.
  world.settle();
  for (const [key, object] of world.existing) {
    if (object.kind !== "EndpointSlice" || object.metadata.annotations?.["fairway.dev/owner"] !== "Gateway shop/web")
      continue;
    world.existing.set(key, { ...object, ports: [{ name: "tcp-80", port: 23_456, protocol: "TCP" }] });
  }
  world.restart();
  world.deliver(world.settle());
  const before = world.endpoints();
  assert.ok(before.includes("10.0.0.1 TCP 23456"));
  pod.isConnected = false;
  world.restart();
  const { translation } = world.turn();
  assert.deepEqual(world.endpoints(), before);
  assert.ok(keysOf(translation.entries).includes("port/balancer/TCP/23456"));
});

test("an endpoint goes before its listener closes, and the port rests after that", () => {
  const world = new World(gateway("web", `${HTTP}, ${ALT}`));
  world.addPod("balancer", 1);
  const { allocations } = world.settle();
  const freed = allocations.find(({ publicPort }) => publicPort === 81)!;
  const key = `port/balancer/TCP/${freed.port}`;
  world.objects = decodeAll(gateway("web", HTTP));
  const first = world.turn();
  assert.ok(keysOf(first.translation.entries).includes(key), "the listener stays");
  assert.equal(world.endpoints().filter((line) => line.endsWith(String(freed.port))).length, 0);
  const second = world.turn();
  assert.ok(keysOf(second.translation.entries).includes(key), "kube-proxy follows with a delay");
  world.now = second.translation.wakeAt!;
  const third = world.turn();
  assert.ok(!keysOf(third.translation.entries).includes(key));
  assert.deepEqual(third.done, { apply: [], remove: [] });
  world.restart();
  world.now = third.translation.wakeAt! - 1;
  assert.deepEqual(
    world.turn().translation.allocations.map(({ state }) => state),
    ["current", "resting"],
  );
  world.now += 1;
  const last = world.turn();
  assert.deepEqual(
    last.translation.allocations.map(({ state }) => state),
    ["current"],
  );
  assert.deepEqual(
    last.done.remove.map(({ kind }) => kind),
    ["EndpointSlice", "EndpointSlice"],
  );
  assert.equal(last.translation.wakeAt, undefined);
});

test("a Gateway that moves to a data plane of its own is reached all the time", () => {
  const own = `
apiVersion: fairway.dev/v1alpha1
kind: DataPlane
metadata: {name: own, namespace: shop}
spec: {engine: balancer, mode: dedicated}
---`;
  const ref = ", infrastructure: {parametersRef: {group: fairway.dev, kind: DataPlane, name: own}}";
  const world = new World(own + gateway("web", HTTP));
  world.addPod("balancer", 1);
  world.settle();
  world.objects = decodeAll(own + gateway("web", HTTP, ref));
  const moving = world.settle();
  assert.equal(keysOf(moving.entries).length, 2);
  assert.ok(world.endpoints().every((line) => line.includes("0.1 ") || line.includes("::1 ")));
  const name = dedicatedName("balancer/shop/own");
  const deployment = JSON.stringify(world.existing.get(`Deployment fairway-system/${name}`));
  assert.ok(deployment.includes(`"matchLabels":{"${PLANE_LABEL}":"${name}"}`), deployment);
  world.addPod("balancer/shop/own", 2);
  world.settle();
  assert.deepEqual(new Set(world.endpoints().map((line) => line.split(" ")[0])), new Set(["10.0.0.2", "fd00::2"]));
  world.now += 10_000;
  assert.equal(keysOf(world.settle().entries).length, 1);
  world.now += 100_000;
  world.objects = decodeAll(own);
  const gone = world.settle();
  assert.deepEqual([...world.existing.values()].map(({ kind }) => kind).toSorted(), [
    "Deployment",
    "EndpointSlice",
    "EndpointSlice",
    "PodDisruptionBudget",
    "ServiceAccount",
  ]);
  world.now = gone.wakeAt!;
  world.settle();
  world.now += 100_000;
  world.settle();
  assert.deepEqual([...world.existing.keys()], []);
});

test("what was taken out of a Gateway is taken out of its Service", () => {
  const world = new World(gateway("web", HTTP, ", infrastructure: {labels: {team: shop}}"));
  world.settle();
  world.objects = decodeAll(gateway("web", HTTP));
  const [service] = world.turn().done.apply;
  assert.equal(service?.kind, "Service");
  assert.equal(service.metadata.labels?.["team"], undefined);
});

test("nothing of others is deleted", () => {
  const world = new World("");
  const metadata = { name: "x", namespace: "shop", labels: { "app.kubernetes.io/managed-by": "fairway.dev" } };
  world.existing.set("Service shop/x", { apiVersion: "v1", kind: "Service", metadata, spec: {} });
  assert.deepEqual(world.turn().done, { apply: [], remove: [] });
});

test("a slice has 1,000 endpoints at most", () => {
  const world = new World(gateway("web", HTTP));
  for (let index = 0; index < 1001; index++) world.addPod("balancer", index);
  world.settle();
  const sizes = [...world.existing.values()].flatMap((object) =>
    object.kind === "EndpointSlice" && Array.isArray(object["endpoints"]) ? [object["endpoints"].length] : [],
  );
  assert.deepEqual(
    sizes.toSorted((a, b) => a - b),
    [1, 1, 1000, 1000],
  );
});

test("through any history an endpoint is a ready pod that listens there, and no two Gateways share a port", () => {
  const names = ["a", "b"] as const;
  const change = fc.record({
    gateways: fc.record({ a: fc.subarray([HTTP, ALT]), b: fc.subarray([HTTP, ALT]) }),
    pods: fc.array(fc.record({ isReady: fc.boolean(), isConnected: fc.boolean() }), { minLength: 2, maxLength: 2 }),
    waits: fc.constantFrom(0, 6000, 61_000),
    restart: fc.boolean(),
    turns: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
      const world = new World("");
      const pods = [world.addPod("balancer", 1), world.addPod("balancer", 2)];
      for (const { gateways, pods: states, waits, restart, turns } of changes) {
        const given = names.filter((name) => gateways[name].length > 0);
        world.objects = decodeAll(given.map((name) => gateway(name, gateways[name].join(", "))).join("---"));
        states.forEach((state, index) => Object.assign(pods[index]!, state));
        world.now += waits;
        if (restart) world.restart();
        for (let turn = 0; turn < turns; turn++) {
          const translation = world.translate();
          const done = world.infrastructure(translation);
          world.apply(done);
          for (const pod of pods) {
            const led = world.endpoints().filter((line) => line.startsWith(`${pod.addresses[0]} `));
            for (const line of led) {
              assert.ok(pod.isReady, "ready");
              assert.ok(pod.bound.has(`port/balancer/${line.split(" ").slice(1).join("/")}`), `${line} is bound`);
            }
          }
          const used = translation.allocations.filter(({ state }) => state !== "resting");
          assert.equal(new Set(used.map(({ port }) => port)).size, used.length, "no port is shared");
          world.deliver(translation);
          for (const line of world.endpoints()) {
            const pod = pods.find(({ addresses }) => addresses.includes(line.split(" ")[0]!))!;
            assert.ok(pod.bound.has(`port/balancer/${line.split(" ").slice(1).join("/")}`), `${line} stays bound`);
          }
        }
      }
    }),
    { numRuns: 150, seed: 11 },
  );
});
