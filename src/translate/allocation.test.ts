import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Plane } from "#src/gateway/plane.ts";
import { type Allocation, allocatePorts, type KnownPort, portKey, type PortRequest } from "./allocation.ts";

const SHARED: Plane = { id: "balancer", engine: "balancer", isDedicated: false, ports: "own" };
const DEDICATED: Plane = { id: "balancer/ns/own", engine: "balancer", isDedicated: true, ports: "own" };
const HOSTS: Plane = { id: "balancer/ns/hosts", engine: "balancer", isDedicated: true, ports: "listener" };

const request = (owner: string, publicPort = 80, plane = SHARED, transport: "TCP" | "UDP" = "TCP"): PortRequest => ({
  owner: `Gateway ns/${owner}`,
  plane,
  transport,
  publicPort,
});

const only = ({ all }: { readonly all: readonly Allocation[] }): Allocation => {
  assert.equal(all.length, 1);
  return all[0]!;
};

test("each Gateway has a port of its own, the same for every replica, kept while it is known", () => {
  const requests = [request("a"), request("b"), request("a", 443), request("a", 80, SHARED, "UDP")];
  const { all, refused, wakeAt } = allocatePorts(requests, [], 0);
  assert.deepEqual([refused, wakeAt], [[], undefined]);
  assert.equal(new Set(all.map(portKey)).size, 4);
  assert.deepEqual(allocatePorts(requests, [], 1000).all, all);
  assert.deepEqual(allocatePorts(requests.toReversed(), all, 0).all.toReversed(), all);
  assert.ok(all.every(({ port, state }) => port >= 10_000 && port <= 29_999 && state === "current"));
});

test("what is known wins over the choice; of two claims of one port the first", () => {
  const known = { ...only(allocatePorts([request("a")], [], 0)), port: 12_345, hasEndpoints: true };
  assert.equal(only(allocatePorts([request("a")], [known], 0)).port, 12_345);
  const { all } = allocatePorts([request("a"), request("b")], [known, { ...known, owner: "Gateway ns/b" }], 0);
  assert.equal(all[0]!.port, 12_345);
  assert.notEqual(all[1]!.port, 12_345);
});

test("a port out of the range, or that a slice claims twice for one listener, is not used", () => {
  const known = only(allocatePorts([request("a")], [], 0));
  assert.notEqual(allocatePorts([request("a")], [{ ...known, port: 80 }], 0).all[0]!.port, 80);
  const { all } = allocatePorts([request("a")], [known, { ...known, port: 20_000 }], 0);
  assert.deepEqual(
    all.map(({ port, state }) => [port, state]),
    [
      [known.port, "current"],
      [20_000, "closing"],
    ],
  );
});

test("a freed port closes when its endpoints are gone, rests for a minute, and then is free", () => {
  const held: KnownPort = { ...only(allocatePorts([request("a")], [], 0)), hasEndpoints: true };
  const first = allocatePorts([], [held], 1_000_000);
  assert.deepEqual(first, {
    all: [{ ...held, state: "closing", releasedAt: 1_000_000 }],
    refused: [],
    wakeAt: undefined,
  });
  const empty: KnownPort = { ...only(first), hasEndpoints: false };
  const second = allocatePorts([], [empty], 1_003_000);
  assert.deepEqual([only(second).state, second.wakeAt], ["closing", 1_005_000]);
  const third = allocatePorts([], [empty], 1_005_000);
  assert.deepEqual([only(third).state, third.wakeAt], ["resting", 1_060_000]);
  assert.deepEqual(allocatePorts([], [empty], 1_060_000), { all: [], refused: [], wakeAt: undefined });
  const again = only(allocatePorts([request("a")], [{ ...empty, state: "resting" } as KnownPort], 1_030_000));
  assert.deepEqual([again.state, again.port, again.releasedAt], ["current", held.port, undefined]);
});

test("a clock that was ahead does not keep a port closing", () => {
  const held: KnownPort = { ...only(allocatePorts([request("a")], [], 0)), releasedAt: 9_000_000 };
  assert.equal(only(allocatePorts([], [held], 1000)).releasedAt, 1000);
});

test("a Gateway that moves keeps its old ports until clients reach the new ones", () => {
  const old: KnownPort = { ...only(allocatePorts([request("a")], [], 0)), hasEndpoints: true };
  const moved = allocatePorts([request("a", 80, DEDICATED)], [old], 0).all;
  assert.deepEqual(
    moved.map(({ plane, state }) => [plane, state]),
    [
      ["balancer/ns/own", "current"],
      ["balancer", "superseded"],
    ],
  );
  const ready = moved.map((port) => ({ ...port, hasEndpoints: true }));
  const after = allocatePorts([request("a", 80, DEDICATED)], ready, 0).all;
  assert.equal(after[1]!.state, "closing");
  // Once it is closing it does not come back when the pods of the new plane restart.
  const restart = after.map((port) => ({ ...port, hasEndpoints: port.plane === "balancer" }));
  assert.equal(allocatePorts([request("a", 80, DEDICATED)], restart, 10).all[1]!.state, "closing");
});

test("host ports are the listeners' own, and Gateways share them", () => {
  const { all } = allocatePorts([request("a", 80, HOSTS), request("b", 80, HOSTS)], [], 0);
  assert.deepEqual(
    all.map(({ port, owner }) => [port, owner]),
    [
      [80, "Gateway ns/a"],
      [80, "Gateway ns/b"],
    ],
  );
  assert.deepEqual(allocatePorts([request("a", 80, HOSTS), request("b", 80, HOSTS)], all, 0).all, all);
});

test("when no port is free the request is refused", () => {
  const known = Array.from({ length: 20_000 }, (_, index): KnownPort => ({
    owner: `Gateway ns/${index}`,
    plane: "balancer",
    transport: "TCP",
    publicPort: 80,
    port: 10_000 + index,
    hasEndpoints: true,
    releasedAt: undefined,
  }));
  const late = request("late");
  assert.deepEqual(allocatePorts([late], known, 0).refused, [late]);
  assert.deepEqual(allocatePorts([late], known.slice(1), 0).all[0]!.port, 10_000);
});

test("through any history no two owners ever share a port, and none is given away before it has rested", () => {
  const owner = fc.constantFrom("a", "b", "c", "d");
  const wanted = fc.uniqueArray(fc.tuple(owner, fc.constantFrom(80, 443), fc.constantFrom(SHARED, DEDICATED)), {
    selector: ([name, port]) => `${name} ${port}`,
  });
  const step = fc.record({
    wanted,
    waits: fc.constantFrom(0, 2000, 30_000, 70_000),
    endpoints: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let now = 0;
      let slices: KnownPort[] = [];
      const freedAt = new Map<string, { readonly owner: string; readonly at: number }>();
      for (const { wanted: asked, waits, endpoints } of steps) {
        now += waits;
        const requests = asked.map(([name, port, plane]) => request(name, port, plane));
        const { all } = allocatePorts(requests, slices, now);
        const inUse = all.filter(({ state }) => state !== "resting");
        assert.equal(new Set(inUse.map(portKey)).size, inUse.length, "shared");
        for (const each of all.filter(({ state }) => state === "current")) {
          const freed = freedAt.get(portKey(each));
          const isFree = freed === undefined || freed.owner === each.owner || now >= freed.at + 60_000;
          assert.ok(isFree, `${portKey(each)} has not rested`);
        }
        for (const each of slices) {
          if (
            !inUse.some((port) => portKey(port) === portKey(each) && port.owner === each.owner) &&
            each.releasedAt !== undefined
          )
            freedAt.set(portKey(each), { owner: each.owner, at: each.releasedAt });
        }
        slices = all.map((port) => ({
          ...port,
          hasEndpoints: port.state !== "resting" && port.state !== "closing" && endpoints,
        }));
      }
    }),
    { numRuns: 300, seed: 5 },
  );
});
