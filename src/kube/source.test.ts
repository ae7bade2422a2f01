import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatFault } from "#src/config/source/snapshot.ts";
import { httpRoute } from "#src/resource/http-route.ts";
import { secret } from "#src/resource/secret.ts";
import { service } from "#src/resource/service.ts";
import { FakeKubeApi, type SeenRequest } from "#src/testing/kube-api.ts";
import { plainKubeClient } from "#src/testing/kube-client.ts";
import { until } from "#src/testing/until.ts";
import { kubeMetrics } from "./metrics.ts";
import type { KubeKind } from "./object.ts";
import type { KubeClient } from "./request.ts";
import { type KubeBatch, KubeSource, type WatchedKind } from "./source.ts";
import type { WatchLimits, WatchState } from "./watch.ts";

const ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes";
const OLD_ROUTES = "/apis/gateway.networking.k8s.io/v1beta1/httproutes";
const SERVICES = "/api/v1/services";
const SECRETS = "/api/v1/secrets";
const PODS = "/api/v1/pods";

const pod: KubeKind = { group: "", versions: ["v1"], kind: "Pod", plural: "pods", scope: "Namespaced" };

/** Short, so that what takes minutes takes a moment. */
const LIMITS: Partial<WatchLimits> = {
  pageObjects: 3,
  backoff: { firstMs: 2, maxMs: 20 },
  absentPollMs: 20,
  absentAfterMs: 100,
  silenceMs: 100,
};

const route = (name: string, path = "/", namespace = "shop"): Record<string, unknown> => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: {
    name,
    namespace,
    creationTimestamp: "2026-01-01T00:00:00Z",
    managedFields: [{ manager: "kubectl", fieldsV1: {} }],
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}", own: "kept" },
  },
  spec: { rules: [{ matches: [{ path: { value: path } }], backendRefs: [{ name: "a", port: 80 }] }] },
});

class Followed implements AsyncDisposable {
  readonly api: FakeKubeApi;
  readonly source: KubeSource;
  readonly batches: KubeBatch[] = [];
  readonly states: WatchState[] = [];
  readonly #client: KubeClient;

  private constructor(api: FakeKubeApi, kinds: readonly WatchedKind[], limits: Partial<WatchLimits>) {
    this.api = api;
    this.#client = plainKubeClient(api.url);
    this.source = new KubeSource({
      client: this.#client,
      kinds,
      limits: { ...LIMITS, ...limits },
      onBatch: (batch) => this.batches.push(batch),
      onState: (state) => this.states.push(state),
    });
  }

  /** `prepare` fills the server before the first request. */
  static async start(
    kinds: readonly WatchedKind[],
    prepare: (api: FakeKubeApi) => void,
    { host = "127.0.0.1", limits = {} }: { host?: string; limits?: Partial<WatchLimits> } = {},
  ): Promise<Followed> {
    const api = await FakeKubeApi.start(host);
    prepare(api);
    return new Followed(api, kinds, limits);
  }

  get state(): WatchState {
    return this.source.states[0]!;
  }

  synced(): Promise<true> {
    return until("all kinds listed", () => this.source.synced || undefined);
  }

  /** Every watch has a stream that is open. */
  async watching(): Promise<void> {
    await until("streams", () => (this.api.watchers >= this.source.states.length ? true : undefined));
  }

  /** Of each object of the kind its version, as held. */
  versions(kind: string): string[] {
    return [...this.source.objects(kind)].map(({ name, resourceVersion }) => `${name}@${resourceVersion}`).toSorted();
  }

  /** The same, as the server has it. */
  truth(kind: string, collection: string): string[] {
    return [...this.api.objects(collection).values()]
      .map(({ metadata }) => `${kind} ${metadata.namespace}/${metadata.name}@${metadata.resourceVersion}`)
      .toSorted();
  }

  /** Waits until what is held equals what the server has. */
  async equal(): Promise<void> {
    await until("the server's objects", () =>
      String(this.versions("HTTPRoute")) === String(this.truth("HTTPRoute", ROUTES)) ? true : undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source[Symbol.asyncDispose]();
    this.#client[Symbol.dispose]();
    await this.api[Symbol.asyncDispose]();
  }
}

const withRoutes =
  (...names: string[]) =>
  (api: FakeKubeApi): void => {
    api.serveKind(ROUTES);
    for (const name of names) api.put(ROUTES, route(name));
  };

const isWatch = ({ url }: SeenRequest): boolean => url.searchParams.get("watch") === "true";
const lists = (api: FakeKubeApi): number => api.requests.filter((request) => !isWatch(request)).length;

for (const host of ["127.0.0.1", "::1"]) {
  test(`lists in pages, tells all at once when every kind is there, then changes in batches (${host})`, async () => {
    const kinds = [{ kind: httpRoute }, { kind: service }, { kind: pod }];
    await using followed = await Followed.start(
      kinds,
      (api) => {
        withRoutes("a", "b", "c", "d", "e", "f", "g")(api);
        api.serveKind(SERVICES);
        api.serveKind(PODS);
        api.put(SERVICES, { metadata: { name: "s", namespace: "shop" }, spec: { type: "ClusterIP" } });
        api.put(PODS, { metadata: { name: "p", namespace: "shop" }, spec: { nodeName: "n" }, status: { phase: "x" } });
      },
      { host },
    );
    const { api, source, batches } = followed;
    await followed.synced();
    assert.equal(batches.length, 1);
    assert.equal(batches[0]!.objects.size, 9);
    assert.equal(batches[0]!.resources.size, 8, "a Pod is no resource");
    assert.deepEqual(
      api.requests.filter(({ url }) => url.pathname === ROUTES && !url.searchParams.has("watch")).length,
      3,
      "seven objects, three a page",
    );
    assert.deepEqual(
      [...source.resources()]
        .map(({ kind }) => kind)
        .toSorted()
        .at(-1),
      "Service",
    );
    const held = source.get("HTTPRoute shop/a")!;
    assert.equal(held.uid, "uid-1");
    assert.deepEqual(held.resource?.metadata.annotations, { own: "kept" });
    assert.equal("managedFields" in held.resource.metadata, false);
    assert.equal(source.get("Pod shop/p")?.object?.metadata.name, "p");
    assert.equal(source.get("Pod shop/none"), undefined);
    assert.equal(source.get("Nothing shop/p"), undefined);

    await followed.watching();
    api.put(ROUTES, route("a", "/changed"));
    api.put(ROUTES, route("h"));
    api.delete(ROUTES, "shop/b");
    await until("the batch", () => (batches.length > 1 ? true : undefined));
    assert.deepEqual([...batches[1]!.resources], ["HTTPRoute shop/a", "HTTPRoute shop/h", "HTTPRoute shop/b"]);
    assert.equal(batches.length, 2, "one batch for what comes together");
    assert.equal(source.get("HTTPRoute shop/b"), undefined);
    await followed.equal();
  });
}

test("a status that is written changes the object, and not the resource", async () => {
  await using followed = await Followed.start([{ kind: httpRoute }], withRoutes("a"));
  const { api, source, batches } = followed;
  await followed.synced();
  await followed.watching();
  const before = source.get("HTTPRoute shop/a")!;
  api.put(ROUTES, { ...route("a"), status: { parents: [] } });
  await until("the batch", () => batches[1]);
  assert.deepEqual([[...batches[1]!.objects], [...batches[1]!.resources]], [["HTTPRoute shop/a"], []]);
  const after = source.get("HTTPRoute shop/a")!;
  assert.equal(after.resource, before.resource, "the same object, so that nothing is translated anew");
  assert.notEqual(after.resourceVersion, before.resourceVersion);
  assert.deepEqual(after.status, { parents: [] });
});

test("objects held as they are say which version they are of; a Service that is read has its status", async () => {
  const status = { loadBalancer: { ingress: [{ ip: "192.0.2.9" }] }, later: {} };
  const made = {
    metadata: { name: "s", namespace: "shop", managedFields: [] },
    spec: { type: "LoadBalancer" },
    status,
  };
  await using followed = await Followed.start([{ kind: service }], (api) => {
    api.serveKind(SERVICES);
    api.put(SERVICES, made);
  });
  const { api, batches } = followed;
  using client = plainKubeClient(api.url);
  await using whole = new KubeSource({ client, kinds: [{ kind: service }], whole: true, onBatch: () => {} });
  await followed.synced();
  await followed.watching();
  const read = followed.source.get("Service shop/s")!;
  assert.deepEqual(read.resource?.kind === "Service" && read.resource.status, { loadBalancer: status.loadBalancer });
  const { object } = await until("the same", () => whole.get("Service shop/s"));
  const { uid, resourceVersion } = read;
  assert.deepEqual(object, {
    ...made,
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s", namespace: "shop", uid, resourceVersion },
  });
  api.put(SERVICES, { ...made, status: {} });
  await until("the batch", () => batches[1]?.resources.has("Service shop/s") || undefined);
  assert.equal(followed.source.revision, api.version);
  api.delete(SERVICES, "shop/s");
  await until("the end", () => batches[2]);
  assert.equal(followed.source.revision, api.version, "a deletion is news too");
});

test("an object that is not valid keeps its previous version, until it is deleted", async () => {
  await using followed = await Followed.start([{ kind: httpRoute }], withRoutes("a"));
  const { api, source } = followed;
  await followed.synced();
  await followed.watching();
  const valid = source.get("HTTPRoute shop/a")!.resource;
  const broken = route("a", "no-slash");
  const { metadata } = api.put(ROUTES, broken);
  await followed.equal();
  assert.equal(source.get("HTTPRoute shop/a")!.resource, valid);
  assert.match(
    [...source.faults()].map(formatFault).join("\n"),
    new RegExp(`^HTTPRoute shop/a@${metadata.resourceVersion}: spec.rules\\[0\\].matches\\[0\\].path: value must be`),
  );
  // Deleted and made anew while nobody looked: another object, which never was valid.
  api.cut("reset");
  api.delete(ROUTES, "shop/a");
  api.put(ROUTES, broken);
  api.compact();
  await followed.equal();
  assert.equal(source.get("HTTPRoute shop/a")!.resource, undefined);
  assert.deepEqual([...source.resources()], []);
  api.put(ROUTES, route("a", "/good"));
  await followed.equal();
  assert.deepEqual([...source.faults()], []);
  assert.equal([...source.resources()].length, 1);
});

test("of Secrets only those for TLS are asked for, and of namespaces only those that are named", async () => {
  await using followed = await Followed.start(
    [{ kind: secret }, { kind: httpRoute, namespaces: ["shop", "blog"] }],
    (api) => {
      withRoutes("a")(api);
      api.put(ROUTES, route("b", "/", "blog"));
      api.put(ROUTES, route("c", "/", "other"));
      api.serveKind(SECRETS);
      api.put(SECRETS, { metadata: { name: "opaque", namespace: "shop" }, type: "Opaque" });
      api.put(SECRETS, { metadata: { name: "tls", namespace: "shop" }, type: "kubernetes.io/tls", data: null });
    },
  );
  await followed.synced();
  const names = [...followed.source.resources()].map(({ metadata }) => metadata.name);
  assert.deepEqual(names.toSorted(), ["a", "b", "tls"]);
  assert.deepEqual([...followed.source.faults()], []);
});

/** What happens to streams, and whether all has to be listed again after it. */
const STREAM_FAULTS: readonly (readonly [name: string, fault: (api: FakeKubeApi) => void, lists: boolean])[] = [
  ["the server ends the stream", (api) => api.cut("end"), false],
  ["the connection breaks", (api) => api.cut("reset"), false],
  ["the stream goes silent", (api) => api.silence(), false],
  ["half a line, then the end", (api) => (api.write('{"type":"ADD'), api.cut("end")), false],
  ["an error event", (api) => api.write('{"type":"ERROR","object":{"code":500,"message":"etcd"}}\n'), false],
  ["a line that is no JSON", (api) => api.write("{]\n"), true],
  ["a line that is no event", (api) => api.write('{"type":"ADDED","object":{}}\n'), true],
  [
    "an event of a type that is not known",
    (api) => api.write('{"type":"SEEN","object":{"metadata":{"name":"x","resourceVersion":"1"}}}\n'),
    true,
  ],
  ["a line without end", (api) => api.write("x".repeat(20_000)), true],
  ["versions that are forgotten", (api) => (api.cut("end"), api.put(ROUTES, route("between")), api.compact()), true],
];

for (const [name, fault, isListed] of STREAM_FAULTS) {
  test(`${name}: goes on ${isListed ? "from a new list" : "where it was"}`, async () => {
    const limits = { maxLineBytes: 10_000 };
    await using followed = await Followed.start([{ kind: httpRoute }], withRoutes("a", "b"), { limits });
    const { api } = followed;
    await followed.synced();
    await followed.watching();
    api.put(ROUTES, route("c"));
    await followed.equal();
    const before = lists(api);
    fault(api);
    // What is missed meanwhile is found either way.
    api.delete(ROUTES, "shop/a");
    api.put(ROUTES, route("d"));
    await followed.equal();
    assert.equal(lists(api) > before, isListed);
    assert.equal(followed.state.restarts >= 1, true);
    await until("that all is well", () => (followed.state.failing === undefined ? true : undefined));
  });
}

test("streams that are opened and bring nothing, again and again, are not believed", async () => {
  await using followed = await Followed.start([{ kind: httpRoute }], withRoutes("a"));
  const { api } = followed;
  await followed.synced();
  await followed.watching();
  const before = lists(api);
  // A server that was set back to an older state: it waits for versions that it will not see.
  const mute = setInterval(() => api.silence(), 5);
  await until("a new list", () => (lists(api) > before ? true : undefined));
  clearInterval(mute);
});

test("a stream that ends at its time is no restart", async () => {
  const limits = { streamSeconds: 0.001, silenceMs: 10_000 };
  await using followed = await Followed.start([{ kind: httpRoute }], withRoutes("a"), { limits });
  const { api } = followed;
  await followed.synced();
  for (let i = 0; i < 3; i++) {
    await followed.watching();
    const seen = api.requests.length;
    api.cut("end");
    await until("the next stream", () => (api.requests.length > seen ? true : undefined));
  }
  assert.equal(followed.state.restarts, 0);
  assert.equal(lists(api), 1);
  assert.match(api.requests.at(-1)!.url.search, /allowWatchBookmarks=true/);
});

test("a bookmark moves on where a stream is resumed", async () => {
  await using followed = await Followed.start([{ kind: httpRoute }], withRoutes("a"));
  const { api } = followed;
  await followed.synced();
  await followed.watching();
  api.serveKind(PODS);
  api.put(PODS, { metadata: { name: "p", namespace: "shop" } });
  api.bookmark();
  await until("the bookmark", () => ((followed.state.lastEventAt ?? 0) > 0 ? true : undefined));
  api.compact();
  api.cut("end");
  await until("the next stream", () =>
    api.requests.at(-1)!.url.searchParams.get("resourceVersion") === String(api.version) ? true : undefined,
  );
  assert.equal(lists(api), 1, "nothing was forgotten that we need");
});

test("versions that are forgotten amid the pages: the list begins again, and at last comes in one piece", async () => {
  await using followed = await Followed.start([{ kind: httpRoute }], (api) => {
    withRoutes("a", "b", "c", "d", "e")(api);
    api.intercept = ({ url }) => void (url.searchParams.has("continue") && api.compact());
  });
  await followed.synced();
  await followed.equal();
  const limits = followed.api.requests
    .filter((request) => !isWatch(request))
    .map(({ url }) => url.searchParams.get("limit"));
  assert.deepEqual(limits, ["3", "3", "3", "3", null]);
});

test("a page that fails is asked for again; a page that is too large is asked for in smaller ones", async () => {
  let failures = 2;
  const limits = { maxPageBytes: 2500 };
  await using followed = await Followed.start(
    [{ kind: httpRoute }],
    (api) => {
      withRoutes("a", "b", "c", "d", "e", "f", "g")(api);
      api.intercept = ({ url }) =>
        url.searchParams.has("continue") && failures-- > 0 ? { status: 500, body: "{}" } : undefined;
    },
    { limits: { ...limits, pageObjects: 40 } },
  );
  await followed.synced();
  await followed.equal();
  const limitsAsked = followed.api.requests
    .filter((request) => !isWatch(request))
    .map(({ url }) => url.searchParams.get("limit"));
  assert.deepEqual(limitsAsked.slice(0, 2), ["40", "5"]);
  assert.equal(followed.state.failing, undefined);
});

const LIST_FAULTS: readonly (readonly [name: string, answer: ReturnType<FakeKubeApi["intercept"]>, reason: RegExp])[] =
  [
    [
      "500",
      { status: 500, body: '{"message":"etcdserver: leader changed"}' },
      /^status 500: etcdserver: leader changed$/,
    ],
    ["403", { status: 403, body: '{"message":"httproutes is forbidden"}' }, /^status 403: httproutes is forbidden$/],
    ["429", { status: 429, body: "{}", headers: { "retry-after": "0" } }, /^status 429$/],
    ["JSON that is not", { status: 200, body: "{" }, /JSON/],
    ["something else than a list", { status: 200, body: '{"kind":"Status"}' }, /^the answer is not a list$/],
    [
      "items that are not objects",
      { status: 200, body: '{"metadata":{"resourceVersion":"1"},"items":[1]}' },
      /not a list/,
    ],
    ["a broken connection", "cut", /hang up|ECONNRESET/],
  ];

for (const [name, answer, reason] of LIST_FAULTS) {
  test(`a list is answered with ${name}: it is said once, tried again, and not taken for an empty one`, async () => {
    let isBroken = true;
    await using followed = await Followed.start([{ kind: httpRoute }], (api) => {
      withRoutes("a")(api);
      api.intercept = () => (isBroken ? answer : undefined);
    });
    const { api, source, states } = followed;
    await until("several tries", () => (api.requests.length >= 4 ? true : undefined));
    assert.equal(source.synced, false);
    assert.deepEqual(followed.batches, []);
    assert.match(states[0]!.failing!.reason, reason);
    isBroken = false;
    await followed.synced();
    assert.deepEqual(
      states.map(({ failing }) => failing !== undefined),
      [true, false],
    );
    await followed.equal();
  });
}

test("Retry-After is waited for", async () => {
  let at = 0;
  await using followed = await Followed.start([{ kind: httpRoute }], (api) => {
    withRoutes("a")(api);
    api.intercept = () => {
      if (at !== 0) return undefined;
      at = performance.now();
      return { status: 429, body: "{}", headers: { "retry-after": "1" } };
    };
  });
  await followed.synced();
  assert.ok(performance.now() - at >= 990);
});

test("a kind that the server does not know is nothing, and is found when it is installed", async () => {
  await using followed = await Followed.start([{ kind: httpRoute }, { kind: service }], (api) =>
    api.serveKind(SERVICES),
  );
  const { api, states, batches } = followed;
  await followed.synced();
  assert.equal(followed.state.phase, "absent");
  await until("more tries", () => (api.requests.length > 8 ? true : undefined));
  assert.deepEqual(states.filter(({ kind }) => kind === "HTTPRoute").length, 1, "said once");
  // An older release of Gateway API has the kind in another version.
  api.serveKind(OLD_ROUTES);
  api.put(OLD_ROUTES, route("a"));
  await until("the route", () => followed.source.get("HTTPRoute shop/a")?.resource);
  await until("its batch", () => (batches.at(-1)!.resources.has("HTTPRoute shop/a") ? true : undefined));
});

test("a kind that is gone is kept for a while, for the server may only be starting", async () => {
  await using followed = await Followed.start([{ kind: httpRoute }], withRoutes("a"), {
    limits: { absentAfterMs: 300 },
  });
  const { api, source } = followed;
  await followed.synced();
  await followed.watching();
  api.forgetKind(ROUTES);
  const since = performance.now();
  await until("that it is missed", () => followed.state.failing);
  assert.equal([...source.resources()].length, 1);
  await until("that it is believed", () => (followed.state.phase === "absent" ? true : undefined));
  assert.ok(performance.now() - since >= 295);
  assert.equal([...source.resources()].length, 0);
});

test("a source that is closed has no connection and tells nothing", async () => {
  const followed = await Followed.start([{ kind: httpRoute }], withRoutes("a"));
  await followed.synced();
  await followed.watching();
  const told = followed.batches.length;
  followed.api.put(ROUTES, route("b"));
  await followed.source[Symbol.asyncDispose]();
  assert.equal(followed.batches.length, told);
  await until("no streams", () => (followed.api.watchers === 0 ? true : undefined));
  await followed[Symbol.asyncDispose]();
});

test("metrics say what the watches do", async () => {
  const kinds = [{ kind: httpRoute, namespaces: ["shop", "blog"] }, { kind: service }];
  await using followed = await Followed.start(kinds, (api) => {
    withRoutes("a", "b")(api);
    api.put(ROUTES, route("c", "/", "blog"));
  });
  await followed.synced();
  const values: Record<string, number> = {};
  for (const { name, collect } of kubeMetrics([followed.source]))
    for (const { labels, value } of await collect()) values[`${name}{${labels["kind"]}}`] = value;
  const age = values["fairway_kube_watch_last_event_age_seconds{HTTPRoute}"]!;
  assert.ok(age >= 0 && age < 30, String(age));
  delete values["fairway_kube_watch_last_event_age_seconds{HTTPRoute}"];
  delete values["fairway_kube_lists_total{Service}"];
  assert.deepEqual(values, {
    "fairway_kube_watch_restarts_total{HTTPRoute}": 0,
    "fairway_kube_watch_restarts_total{Service}": 0,
    "fairway_kube_lists_total{HTTPRoute}": 2,
    "fairway_kube_objects{HTTPRoute}": 3,
    "fairway_kube_objects{Service}": 0,
    "fairway_kube_watch_synced{HTTPRoute}": 1,
    "fairway_kube_watch_synced{Service}": 1,
  });
});

type Step = (api: FakeKubeApi) => void;

/** What can happen to a server and to the way to it. */
const STEPS: Readonly<Record<string, Step>> = {
  cut: (api) => api.cut("reset"),
  end: (api) => api.cut("end"),
  silence: (api) => api.silence(),
  compact: (api) => api.compact(),
  bookmark: (api) => api.bookmark(),
  missed: (api) => (api.cut("reset"), api.delete(ROUTES, "shop/a"), api.compact()),
  missedAmidPages: (api) => {
    api.cut("reset");
    api.compact();
    for (const name of ["a", "b", "c", "d"]) api.put(ROUTES, route(name));
    api.intercept = ({ url }) => {
      if (!url.searchParams.has("continue")) return;
      api.intercept = () => undefined;
      api.delete(ROUTES, "shop/b");
      api.compact();
    };
  },
  garbage: (api) => api.write("{]\n"),
  half: (api) => (api.write('{"type":"ADDED","obj'), api.cut("end")),
  huge: (api) => api.write("x".repeat(20_000)),
  error: (api) => (api.intercept = chance(0.5, { status: 500, body: "{}" })),
  throttle: (api) => (api.intercept = chance(0.5, { status: 429, body: "{}", headers: { "retry-after": "0" } })),
  malformed: (api) => (api.intercept = chance(0.5, { status: 200, body: '{"items":' })),
  refuse: (api) => (api.intercept = chance(0.5, "cut")),
  expired: (api) => (api.intercept = chance(0.5, { status: 410, body: '{"code":410}' })),
  heal: (api) => (api.intercept = () => undefined),
};

/** Every other request, so that a list of many pages gets through at times. */
function chance(share: number, answer: ReturnType<FakeKubeApi["intercept"]>): FakeKubeApi["intercept"] {
  let sum = 0;
  return () => {
    sum += share;
    if (sum < 1) return undefined;
    sum -= 1;
    return answer;
  };
}

/** A stream that is short-lived by itself heals much: without silence among the steps, none may be taken for silent. */
const VARIANTS = [
  { name: "faults", faults: Object.keys(STEPS).filter((name) => name !== "silence"), silenceMs: 30_000 },
  { name: "faults and silence", faults: Object.keys(STEPS), silenceMs: 40 },
];

for (const { name: title, faults, silenceMs } of VARIANTS)
  test(`after any ${title}, what is held equals what the server has, and batches named all that changed`, async () => {
    const write = fc.record({
      name: fc.constantFrom("a", "b", "c", "d", "e", "f"),
      remove: fc.boolean(),
      path: fc.nat(9),
    });
    const steps = fc.array(fc.oneof({ arbitrary: write, weight: 2 }, fc.constantFrom(...faults)), {
      minLength: 5,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(steps, fc.infiniteStream(fc.boolean()), async (sequence, pauses) => {
        const limits = { maxLineBytes: 10_000, silenceMs, pageObjects: 2 };
        await using followed = await Followed.start([{ kind: httpRoute }], withRoutes("a", "b", "c"), { limits });
        const { api, source } = followed;
        /** Rebuilt from batches alone. */
        const told = new Map<string, unknown>();
        const follow = (): void => {
          for (const batch of followed.batches.splice(0)) {
            for (const name of batch.resources) {
              const resource = source.get(name)?.resource;
              if (resource === undefined) told.delete(name);
              else told.set(name, resource);
            }
          }
        };
        for (const step of sequence) {
          if (typeof step === "string") STEPS[step]!(api);
          else if (step.remove) api.delete(ROUTES, `shop/${step.name}`);
          else api.put(ROUTES, route(step.name, `/${step.path}`));
          if (pauses.next().value === true) await new Promise((resolve) => setTimeout(resolve, 3));
          follow();
        }
        api.intercept = () => undefined;
        await followed.synced();
        await followed.equal();
        await until("all told", () => {
          follow();
          const held = [...source.objects("HTTPRoute")];
          return told.size === held.length && held.every((one) => told.get(one.name) === one.resource)
            ? true
            : undefined;
        });
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });
