import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClientStatus } from "#src/config/stream/client-state.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import type { KubeObject } from "./kube-object.ts";
import { observePod, planesByLabel } from "./pod-observation.ts";
import { dedicatedName } from "./workload.ts";

const pod = (label: string, changed: object = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "fairway", uid: "u", labels: { "fairway.dev/data-plane": label }, ...changed },
  spec: { nodeName: "node1" },
  status: {
    podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }],
    hostIPs: [{ ip: "192.0.2.1" }],
    conditions: [{ type: "Ready", status: "True" }],
  },
});

const planes = planesByLabel(["balancer", "edge/shop/cdn"]);
const entry = (key: string) => toEntry(key, { kind: "certificate", chainPem: key, keyPem: "" });
const [held, late, refused] = [entry("a"), entry("b"), entry("c")];

const client = (changed: Partial<ClientStatus> = {}): ClientStatus => ({
  client: "balancer",
  identity: undefined,
  isFollower: true,
  acknowledgedDigest: "d",
  isCurrent: false,
  rejected: [{ key: "c", version: refused.version, reason: "no" }],
  behind: new Set(["b"]),
  observed: [
    { key: "a", version: "1", state: "bound", process: 0 },
    { key: "b", version: "0", state: "bound", process: 1 },
    { key: "c", version: "0", state: "bound" },
  ],
  ...changed,
});

test("a pod is its plane's by its label, with addresses and conditions", () => {
  const seen = observePod(pod("balancer"), { planes, client: undefined, zone: "a" });
  assert.deepEqual(
    [seen?.plane, seen?.addresses, seen?.hostAddresses, seen?.nodeName, seen?.zone, seen?.isReady, seen?.isTerminating],
    ["balancer", ["10.0.0.1", "fd00::1"], ["192.0.2.1"], "node1", "a", true, false],
  );
  const name = dedicatedName("edge/shop/cdn");
  const ending = pod(name, { deletionTimestamp: "2026-01-01T00:00:00Z" });
  const other = observePod({ ...ending, status: {} }, { planes, client: undefined, zone: "" });
  assert.deepEqual([other?.plane, other?.isReady, other?.isTerminating], ["edge/shop/cdn", false, true]);
  assert.equal(observePod(pod("unknown"), { planes, client: undefined, zone: "" }), undefined);
});

test("what it says counts; as long as it is silent nothing is known", () => {
  const silent = observePod(pod("balancer"), { planes, client: undefined, zone: "" })!;
  assert.deepEqual([silent.holds(held), silent.isBound("a"), silent.isCurrent], [false, undefined, false]);
  const seen = observePod(pod("balancer"), { planes, client: client(), zone: "" })!;
  assert.deepEqual([held, late, refused].map(seen.holds), [true, false, false]);
  assert.deepEqual([held, late, refused].map(seen.refusal), [undefined, undefined, "no"]);
  assert.equal(seen.refusal({ ...refused, version: "another" }), undefined);
  // A port whose entry has changed stays bound meanwhile.
  assert.deepEqual(["a", "b", "c", "d"].map(seen.isBound), [true, true, false, false]);
  const unknown = observePod(pod("balancer"), { planes, client: client({ behind: undefined }), zone: "" })!;
  assert.equal(unknown.holds(held), false);
  const current = client({ isCurrent: true, behind: new Set(), rejected: [] });
  assert.equal(observePod(pod("balancer"), { planes, client: current, zone: "" })?.isCurrent, true);
  assert.equal(
    observePod(pod("balancer"), { planes, client: client({ isCurrent: true }), zone: "" })?.isCurrent,
    false,
  );
});
