import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { endpointSlice } from "#src/resource/endpoint-slice.ts";
import { service } from "#src/resource/service.ts";
import { LineSplitter } from "./line-splitter.ts";
import { collectionPath, type KubeKind, objectPath } from "./object.ts";
import { trimBuiltIn, trimMetadata } from "./trim.ts";
import { decideStep, FIRST_STEP, type StepState, type StreamEnd } from "./watch-step.ts";

const BACKOFF = { firstMs: 100, maxMs: 1000 };

/** What there was in a row before; how the stream ended; what comes next, after how long, and failures after it. */
const STEPS: readonly (readonly [Partial<StepState>, Partial<StreamEnd>, "resume" | "list", number, number])[] = [
  [{ failures: 3, barren: 1, expiries: 1 }, { reason: "planned", livedMs: 300_000 }, "resume", 0, 0],
  [{}, { reason: "cut", progressed: true }, "resume", 100, 0],
  [{}, { reason: "cut" }, "resume", 100, 1],
  [{ failures: 1, barren: 1 }, { reason: "cut" }, "list", 200, 2],
  [{ failures: 4, barren: 1 }, { reason: "closed", progressed: true }, "resume", 100, 0],
  [{}, { reason: "silent", livedMs: 150_000 }, "resume", 100, 0],
  [{ barren: 1 }, { reason: "silent", livedMs: 150_000 }, "list", 100, 0],
  [{ failures: 9 }, { reason: "expired" }, "list", 0, 0],
  [{ expiries: 2 }, { reason: "expired" }, "list", 200, 0],
  [{ expiries: 2 }, { reason: "expired", progressed: true }, "list", 0, 0],
  [{ failures: 9 }, { reason: "unreadable" }, "list", 1000, 10],
  [{}, { reason: "absent" }, "list", 100, 1],
  [{ failures: 5, barren: 1 }, { reason: "unavailable" }, "resume", 1000, 6],
  [{}, { reason: "unavailable", retryAfterMs: 7000 }, "resume", 7000, 1],
  [{ failures: 1 }, { reason: "refused" }, "resume", 200, 2],
];

test("what a watch does after its stream has ended", () => {
  for (const [state, end, next, afterMs, failures] of STEPS) {
    const whole = { reason: "cut", detail: "", progressed: false, livedMs: 0, ...end } as const;
    const [after, step] = decideStep({ ...FIRST_STEP, ...state }, whole, BACKOFF, 1);
    assert.deepEqual([step, after.failures], [{ next, afterMs }, failures], JSON.stringify([state, end]));
  }
});

test("lines come out whole however the bytes are cut, and one that is too long is found", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", ""))),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const splitter = new LineSplitter(1000);
        const found: string[] = [];
        for (let at = 0; at < bytes.length;) {
          const size = cuts.next().value!;
          found.push(...splitter.push(bytes.subarray(at, at + size))!);
          at += size;
        }
        assert.deepEqual(
          found,
          lines.map((line) => Buffer.from(line).toString()),
        );
      },
    ),
  );
  const splitter = new LineSplitter(4);
  assert.deepEqual(splitter.push(Buffer.from("abcd\nab")), ["abcd"]);
  assert.deepEqual(splitter.push(Buffer.from("cd\n")), ["abcd"]);
  assert.equal(splitter.push(Buffer.from("abcde")), undefined);
  assert.equal(new LineSplitter(4).push(Buffer.from("abcde\n")), undefined);
});

test("metadata is kept without what nobody reads", () => {
  assert.deepEqual(
    trimMetadata({
      name: "a",
      namespace: "b",
      uid: "u",
      resourceVersion: "1",
      managedFields: [],
      selfLink: "/x",
      deletionTimestamp: null,
      deletionGracePeriodSeconds: 3,
      aFieldOfALaterRelease: true,
      labels: { a: "b" },
      annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}", own: "kept" },
    }),
    {
      name: "a",
      namespace: "b",
      uid: "u",
      deletionGracePeriodSeconds: 3,
      labels: { a: "b" },
      annotations: { own: "kept" },
    },
  );
});

test("of built-in kinds, fields that are not known and null are left out, at every level", () => {
  const metadata = { name: "a" };
  const common = { apiVersion: "v1", metadata };
  assert.deepEqual(
    trimBuiltIn(
      {
        ...common,
        kind: "EndpointSlice",
        addressType: "IPv4",
        endpoints: [
          {
            addresses: ["192.0.2.1"],
            later: 1,
            targetRef: { kind: "Pod" },
            conditions: { ready: true, odd: null },
            hints: {},
          },
        ],
        ports: null,
        later: {},
      },
      endpointSlice.schema(),
    ),
    {
      ...common,
      kind: "EndpointSlice",
      addressType: "IPv4",
      endpoints: [{ addresses: ["192.0.2.1"], conditions: { ready: true } }],
    },
  );
  assert.deepEqual(
    trimBuiltIn(
      { ...common, kind: "Service", spec: { ports: [{ port: 80, later: 1 }], selector: { a: "b" } } },
      service.schema(),
    ),
    { ...common, kind: "Service", spec: { ports: [{ port: 80 }], selector: { a: "b" } } },
  );
});

test("a Service keeps what its load balancer has, and a slice of ours the pods that it leads to", () => {
  const loadBalancer = { ingress: [{ ip: "192.0.2.1", ipMode: "VIP" }] };
  const balanced = { apiVersion: "v1", metadata: { name: "a" }, kind: "Service", spec: {} };
  assert.deepEqual(trimBuiltIn({ ...balanced, status: { loadBalancer, conditions: [] } }, service.schema()), {
    ...balanced,
    status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
  });
  const labels = { "endpointslice.kubernetes.io/managed-by": "fairway.dev" };
  const slice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "a", labels },
    addressType: "IPv4",
    endpoints: [{ addresses: ["192.0.2.1"], targetRef: { kind: "Pod", uid: "u" } }],
  };
  assert.deepEqual(trimBuiltIn(slice, endpointSlice.schema()), slice);
});

test("paths of kinds and objects", () => {
  const node: KubeKind = { group: "", versions: ["v1"], kind: "Node", plural: "nodes", scope: "Cluster" };
  assert.equal(collectionPath(node, "ignored"), "/api/v1/nodes");
  assert.equal(collectionPath(service, ""), "/api/v1/services");
  assert.equal(
    collectionPath(endpointSlice, "a", "v1beta1"),
    "/apis/discovery.k8s.io/v1beta1/namespaces/a/endpointslices",
  );
  assert.equal(objectPath(node, { namespace: "", name: "n" }, "status"), "/api/v1/nodes/n/status");
  assert.equal(objectPath(service, { namespace: "a", name: "../b" }), "/api/v1/namespaces/a/services/..%2Fb");
});
