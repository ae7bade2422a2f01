import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { type Condition, CONTROLLER_NAME, condition, ROUTE_PROGRAMMED, type Verdict } from "./condition.ts";
import type { Carried, PodObservation, StatusFacts } from "./observed.ts";
import { type CurrentObject, type CurrentStatus, status, type StatusPatch } from "./status.ts";

const NOW = Date.parse("2026-05-01T12:00:00.250Z");
const TIME = "2026-05-01T12:00:00Z";
const OLD = "2026-01-01T00:00:00Z";

const entry: Entry = toEntry("httproute/shop/cart", { kind: "certificate", chainPem: "", keyPem: "" });
const other: Entry = toEntry("port/balancer/TCP/1", { kind: "certificate", chainPem: "", keyPem: "" });

const pod = (name: string, held: readonly Entry[], changed: Partial<PodObservation> = {}): PodObservation => ({
  plane: "balancer",
  namespace: "fairway",
  name,
  uid: name,
  nodeName: "",
  zone: "",
  addresses: [],
  hostAddresses: [],
  isReady: true,
  isTerminating: false,
  isCurrent: false,
  silentSince: undefined,
  holds: (asked) => held.includes(asked),
  refusal: () => undefined,
  isBound: () => true,
  ...changed,
});

const facts = (
  pods: readonly PodObservation[],
  carried: Readonly<Record<string, readonly Entry[]>>,
  changed: Partial<StatusFacts> = {},
): StatusFacts => ({
  pods,
  carried: new Map(
    Object.entries(carried).map(([name, entries]) => [
      name,
      entries.map((each): Carried => ({ plane: "balancer", entry: each })),
    ]),
  ),
  addresses: new Map(),
  publishedAt: () => NOW - 1000,
  ...changed,
});

const current = (kind: string, name: string, known?: CurrentStatus): CurrentObject => ({
  apiVersion: "v1",
  kind,
  namespace: kind === "GatewayClass" ? "" : "shop",
  name,
  resourceVersion: "7",
  status: known,
});

const ACCEPTED = condition("Accepted", []);
const RESOLVED = condition("ResolvedRefs", []);
const REF = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "web", sectionName: "http" };

const route = (changed: object = {}): Verdict => ({
  kind: "HTTPRoute",
  namespace: "shop",
  name: "cart",
  generation: 3,
  parents: [{ parentRef: REF, controllerName: CONTROLLER_NAME, conditions: [ACCEPTED, RESOLVED] }],
  ...changed,
});

const zone: Verdict = { kind: "Zone", namespace: "shop", name: "z", generation: 2, conditions: [ACCEPTED] };

/** What is left of a patch when it is applied, and asked again. */
function afterwards({ status: next }: StatusPatch): CurrentStatus {
  return JSON.parse(JSON.stringify(next)) as CurrentStatus;
}

/** Types with status and reason. */
const short = (conditions: unknown): string[] =>
  (conditions as readonly { readonly type: string; readonly status: string; readonly reason: string }[]).map(
    (each) => `${each.type}=${each.status}(${each.reason})`,
  );

interface Case {
  readonly what: string;
  readonly pods: readonly PodObservation[];
  readonly publishedAt?: number;
  /** Of a Zone. */
  readonly programmed: string | { readonly waitsUntil: number };
  readonly message?: RegExp;
}

const CASES: readonly Case[] = [
  { what: "no pod", pods: [], programmed: "False(Pending)", message: /no pod of data plane balancer is ready/ },
  { what: "no ready pod", pods: [pod("a", [entry], { isReady: false })], programmed: "False(Pending)" },
  { what: "all ready pods hold it", pods: [pod("a", [entry]), pod("b", [entry])], programmed: "True(Programmed)" },
  {
    what: "one that is not ready does not",
    pods: [pod("a", [entry]), pod("b", [], { isReady: false })],
    programmed: "True(Programmed)",
  },
  {
    what: "one that ends does not",
    pods: [pod("a", [entry]), pod("b", [], { isTerminating: true })],
    programmed: "True(Programmed)",
  },
  {
    what: "pods of another plane do not count",
    pods: [pod("a", [entry], { plane: "edge" })],
    programmed: "False(Pending)",
  },
  {
    what: "one ready pod does not hold it",
    pods: [pod("a", [entry]), pod("b", [])],
    programmed: "False(Pending)",
    message: /1 of 2 pods/,
  },
  {
    what: "a pod that has everything is not asked for single entries",
    pods: [pod("a", [], { isCurrent: true })],
    programmed: "True(Programmed)",
  },
  { what: "not yet", pods: [pod("a", [])], publishedAt: NOW - 400, programmed: { waitsUntil: NOW + 100 } },
  { what: "not in time", pods: [pod("a", [])], publishedAt: NOW - 500, programmed: "False(Pending)" },
  {
    what: "refused",
    pods: [pod("a", []), pod("b", [], { refusal: () => "Cannot listen on port 1: in use" })],
    publishedAt: NOW,
    programmed: "False(Invalid)",
    message: /pod b: Cannot listen/,
  },
];

for (const { what, pods, publishedAt = NOW - 1000, programmed, message } of CASES) {
  test(`Programmed: ${what}`, () => {
    const known = facts(pods, { "Zone shop/z": [entry] }, { publishedAt: () => publishedAt });
    const { patches, wakeAt } = status([zone], known, [current("Zone", "z")], NOW);
    if (typeof programmed !== "string") return assert.deepEqual([patches, wakeAt], [[], programmed.waitsUntil]);
    const [patch] = patches;
    assert.deepEqual(short(patch?.status["conditions"]), ["Accepted=True(Accepted)", `Programmed=${programmed}`]);
    if (message !== undefined) assert.match(JSON.stringify(patch), message);
    assert.deepEqual(status([zone], known, [current("Zone", "z", afterwards(patch!))], NOW + 9999), {
      patches: [],
      wakeAt: undefined,
    });
  });
}

test("what nothing refers to is not programmed, nor what is not accepted", () => {
  const refused: Verdict = {
    ...zone,
    conditions: [condition("Accepted", [{ reason: "Conflicted", message: "taken" }])],
  };
  for (const [verdict, reason] of [
    [zone, "Unused"],
    [refused, "Invalid"],
  ] as const) {
    const [patch] = status([verdict], facts([], {}), [current("Zone", "z")], NOW).patches;
    assert.equal(short(patch?.status["conditions"])[1], `Programmed=False(${reason})`);
  }
});

test("times change with the status alone; all conditions have the new generation; others' conditions stay", () => {
  const before: CurrentStatus = {
    conditions: [
      {
        type: "Accepted",
        status: "True",
        reason: "Old",
        message: "old",
        observedGeneration: 1,
        lastTransitionTime: OLD,
      },
      { type: "Programmed", status: "Unknown", reason: "Pending", message: "", lastTransitionTime: OLD },
      { type: "example.com/Seen", status: "True", reason: "Seen", message: "", lastTransitionTime: OLD },
      { type: "ResolvedRefs", status: "True", reason: "Gone", message: "", lastTransitionTime: OLD },
    ],
  };
  const known = facts([pod("a", [entry])], { "Zone shop/z": [entry] });
  const [patch] = status([zone], known, [current("Zone", "z", before)], NOW).patches;
  assert.deepEqual(patch, {
    apiVersion: "v1",
    kind: "Zone",
    namespace: "shop",
    name: "z",
    resourceVersion: "7",
    status: {
      conditions: [
        {
          type: "Accepted",
          status: "True",
          reason: "Accepted",
          message: "",
          observedGeneration: 2,
          lastTransitionTime: OLD,
        },
        {
          type: "Programmed",
          status: "True",
          reason: "Programmed",
          message: "",
          observedGeneration: 2,
          lastTransitionTime: TIME,
        },
        before.conditions![2],
      ],
    },
  });
});

test("a GatewayClass has its features; without a verdict nothing is written", () => {
  const verdict: Verdict = {
    kind: "GatewayClass",
    namespace: "",
    name: "fairway",
    generation: 1,
    conditions: [ACCEPTED],
    supportedFeatures: ["Gateway", "HTTPRoute"],
  };
  const objects = [current("GatewayClass", "fairway"), current("GatewayClass", "others"), current("Gateway", "others")];
  const { patches } = status([verdict], facts([], {}), objects, NOW);
  assert.deepEqual(
    patches.map(({ name, status: next }) => [name, next["supportedFeatures"]]),
    [["fairway", [{ name: "Gateway" }, { name: "HTTPRoute" }]]],
  );
});

test("a route's parents: others' entries stay as they are, ours echo the reference, what is gone goes", () => {
  const theirs = {
    parentRef: { ...REF, name: "theirs" },
    controllerName: "example.com/other",
    conditions: [{ type: "Accepted", status: "True", reason: "Yes", message: "", lastTransitionTime: OLD }],
  };
  const gone = { ...theirs, parentRef: { ...REF, name: "gone" }, controllerName: CONTROLLER_NAME };
  const known = facts([pod("a", [entry])], { "HTTPRoute shop/cart": [entry] });
  const [patch] = status([route()], known, [current("HTTPRoute", "cart", { parents: [gone, theirs] })], NOW).patches;
  const { parents } = afterwards(patch!);
  assert.deepEqual(parents?.[0], theirs);
  assert.deepEqual([parents[1]?.parentRef, parents[1]?.controllerName, parents.length], [REF, CONTROLLER_NAME, 2]);
  assert.deepEqual(short(parents[1]?.conditions), [
    "Accepted=True(Accepted)",
    "ResolvedRefs=True(ResolvedRefs)",
    "fairway.dev/Programmed=True(Programmed)",
  ]);
  assert.deepEqual(status([route()], known, [current("HTTPRoute", "cart", { parents })], NOW).patches, []);
  const [left] = status([], known, [current("HTTPRoute", "cart", { parents })], NOW).patches;
  assert.deepEqual(left?.status, { parents: [theirs] });
  assert.deepEqual(status([], known, [current("HTTPRoute", "cart", { parents: [theirs] })], NOW).patches, []);
});

test("where an older route is carried in a route's stead, that is said of this parent alone", () => {
  const conflicted = { type: ROUTE_PROGRAMMED, status: "False", reason: "Conflicted", message: "older" } as const;
  const at = (name: string, conditions: readonly Condition[]) => ({
    parentRef: { ...REF, name },
    controllerName: CONTROLLER_NAME,
    conditions,
  });
  const verdict = route({ parents: [at("free", [ACCEPTED]), at("taken", [ACCEPTED, conflicted])] });
  const known = facts([pod("a", [entry])], { "HTTPRoute shop/cart": [entry] });
  const [patch] = status([verdict], known, [current("HTTPRoute", "cart")], NOW).patches;
  assert.deepEqual(
    afterwards(patch!).parents?.map(({ conditions }) => short(conditions)),
    [
      ["Accepted=True(Accepted)", "fairway.dev/Programmed=True(Programmed)"],
      ["Accepted=True(Accepted)", "fairway.dev/Programmed=False(Conflicted)"],
    ],
  );
});

test("a route has 32 parents at most, and others' are never pushed out", () => {
  const theirs = Array.from({ length: 30 }, (_, index) => ({
    parentRef: { ...REF, name: `p${index}` },
    controllerName: "x/y",
  }));
  const own = ["a", "b", "c"].map((name) => ({
    parentRef: { ...REF, name },
    controllerName: CONTROLLER_NAME,
    conditions: [ACCEPTED],
  }));
  const verdict = route({ parents: own });
  const [patch] = status([verdict], facts([], {}), [current("HTTPRoute", "cart", { parents: theirs })], NOW).patches;
  const { parents } = afterwards(patch!);
  assert.deepEqual([parents?.length, parents?.slice(30).map(({ parentRef }) => parentRef.name)], [32, ["a", "b"]]);
});

test("a route waits for its pods, too", () => {
  const known = facts([pod("a", [])], { "HTTPRoute shop/cart": [entry] }, { publishedAt: () => NOW });
  assert.deepEqual(status([route()], known, [current("HTTPRoute", "cart")], NOW), { patches: [], wakeAt: NOW + 500 });
});

const listener = (name: string, conditions = [ACCEPTED, RESOLVED]) => ({
  name,
  supportedKinds: [],
  attachedRoutes: 1,
  conditions,
});
const gateway = (changed: object = {}): Verdict => ({
  kind: "Gateway",
  namespace: "shop",
  name: "web",
  generation: 4,
  conditions: [ACCEPTED],
  listeners: [listener("http"), listener("broken")],
  ...changed,
});
const ADDRESS = { type: "IPAddress", value: "192.0.2.1" } as const;

const GATEWAYS: readonly (readonly [
  what: string,
  facts: StatusFacts,
  verdict: Verdict,
  whole: string,
  listeners: string[],
])[] = [
  [
    "in use, as far as its listeners are carried",
    facts(
      [pod("a", [other])],
      { "Gateway shop/web/http": [other] },
      { addresses: new Map([["Gateway shop/web", [ADDRESS]]]) },
    ),
    gateway(),
    "True(Programmed)",
    ["True(Programmed)", "False(Invalid)"],
  ],
  [
    "without an address",
    facts([pod("a", [other])], { "Gateway shop/web/http": [other] }),
    gateway(),
    "False(AddressNotAssigned)",
    ["True(Programmed)", "False(Invalid)"],
  ],
  [
    "with another address than it asked for",
    facts(
      [pod("a", [other])],
      { "Gateway shop/web/http": [other] },
      { addresses: new Map([["Gateway shop/web", { reason: "AddressNotUsable", message: "no" }]]) },
    ),
    gateway(),
    "False(AddressNotUsable)",
    ["True(Programmed)", "False(Invalid)"],
  ],
  [
    "not in use yet",
    facts(
      [pod("a", [])],
      { "Gateway shop/web/http": [other] },
      { addresses: new Map([["Gateway shop/web", [ADDRESS]]]) },
    ),
    gateway(),
    "False(Pending)",
    ["False(Pending)", "False(Invalid)"],
  ],
  [
    "a certificate that has changed is part of it",
    facts(
      [pod("a", [other])],
      { "Gateway shop/web/http": [other, entry] },
      { addresses: new Map([["Gateway shop/web", [ADDRESS]]]) },
    ),
    gateway(),
    "False(Pending)",
    ["False(Pending)", "False(Invalid)"],
  ],
  ["nothing carried", facts([], {}), gateway(), "False(Invalid)", ["False(Invalid)", "False(Invalid)"]],
  [
    "not accepted",
    facts([], {}),
    gateway({ conditions: [condition("Accepted", [{ reason: "Invalid", message: "no" }])] }),
    "False(Invalid)",
    ["False(Invalid)", "False(Invalid)"],
  ],
];

for (const [what, known, verdict, whole, listeners] of GATEWAYS) {
  test(`Gateway ${what}`, () => {
    const [patch] = status([verdict], known, [current("Gateway", "web")], NOW).patches;
    const { conditions, listeners: own } = afterwards(patch!);
    assert.equal(short(conditions).at(-1), `Programmed=${whole}`);
    assert.deepEqual(
      own?.map((each) => short(each.conditions).at(-1)),
      listeners.map((text) => `Programmed=${text}`),
    );
    assert.deepEqual(status([verdict], known, [current("Gateway", "web", afterwards(patch!))], NOW).patches, []);
  });
}

test("an Ingress has the addresses of all, and nothing is written as long as there are none", () => {
  const verdict: Verdict = { kind: "Ingress", namespace: "shop", name: "i", generation: 1, conditions: [ACCEPTED] };
  const known = facts(
    [],
    {},
    { addresses: new Map([["Ingress", [ADDRESS, { type: "Hostname", value: "lb.example" }]]]) },
  );
  const [patch] = status([verdict], known, [current("Ingress", "i")], NOW).patches;
  assert.deepEqual(patch?.status, { loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { hostname: "lb.example" }] } });
  assert.deepEqual(status([verdict], known, [current("Ingress", "i", afterwards(patch))], NOW).patches, []);
  assert.deepEqual(status([verdict], facts([], {}), [current("Ingress", "i", {})], NOW).patches, []);
  const [gone] = status([verdict], facts([], {}), [current("Ingress", "i", afterwards(patch))], NOW).patches;
  assert.deepEqual(gone?.status, { loadBalancer: { ingress: [] } });
});

const SILENCES: readonly (readonly [string, number, number, boolean])[] = [
  [
    "a pod that has just lost its connection is believed to have what it was given before",
    NOW - 60_000,
    NOW - 1000,
    false,
  ],
  ["and so is one that a controller that has just started does not hear yet", NOW - 1000, NOW - 1000, false],
  ["not what was published since", NOW - 600, NOW - 1000, true],
  ["and not for ever", NOW - 60_000, NOW - 20_001, true],
];

for (const [what, publishedAt, silentSince, isWritten] of SILENCES) {
  test(what, () => {
    const { patches: before } = status(
      [route()],
      facts([pod("a", [entry])], { "HTTPRoute shop/cart": [entry] }),
      [current("HTTPRoute", "cart")],
      NOW - 100_000,
    );
    const silent = pod("a", [], { silentSince });
    const known = facts([silent], { "HTTPRoute shop/cart": [entry] }, { publishedAt: () => publishedAt });
    const written = before[0]!.status as CurrentStatus;
    const { patches, wakeAt } = status([route()], known, [current("HTTPRoute", "cart", written)], NOW);
    assert.deepEqual([patches.length, wakeAt], isWritten ? [1, undefined] : [0, silentSince + 20_000]);
  });
}
