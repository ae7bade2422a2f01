/**
 * The adapter on a real API server: custom kinds that are installed late, a server that is cut off, silent, stopped and
 * started, writes with preconditions, a Lease that is taken over. kubectl says what is true.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { formatFault } from "#src/config/source/snapshot.ts";
import { endpointSlice } from "#src/resource/endpoint-slice.ts";
import { httpRoute } from "#src/resource/http-route.ts";
import { namespace } from "#src/resource/namespace.ts";
import { referenceGrant } from "#src/resource/reference-grant.ts";
import type { Schema } from "#src/resource/schema.ts";
import { secret } from "#src/resource/secret.ts";
import { service } from "#src/resource/service.ts";
import { CuttableProxy } from "#src/testing/cuttable-proxy.ts";
import { until } from "#src/testing/until.ts";
import { KubeWriter } from "./apply.ts";
import { openKubeClient } from "./client.ts";
import { LeaderElection } from "./lease.ts";
import type { LeaseDurations } from "./lease-decision.ts";
import { type KubeKind, objectPath } from "./object.ts";
import type { KubeClient } from "./request.ts";
import { type KubeBatch, KubeSource, type WatchedKind } from "./source.ts";
import type { WatchLimits } from "./watch.ts";

const run = promisify(execFile);
const SPACE = "fairway-kube-e2e";
const ROUTES = 1200;

const thing: KubeKind = {
  group: "kube-e2e.fairway.dev",
  versions: ["v1"],
  kind: "Thing",
  plural: "things",
  scope: "Namespaced",
};

const crd: KubeKind = {
  group: "apiextensions.k8s.io",
  versions: ["v1"],
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  scope: "Cluster",
};

function environment(name: string): string {
  const value = process.env[name];
  assert.ok(value !== undefined, `Cannot run this test: set ${name} (see src/testing/e2e.ts)`);
  return value;
}

function open(kubeconfig?: string): KubeClient {
  const opened = openKubeClient(kubeconfig === undefined ? {} : { kubeconfig });
  if (typeof opened === "string") throw new Error(opened);
  return opened;
}

async function kubectl(...args: readonly string[]): Promise<string> {
  return (await run("kubectl", [...args])).stdout.trim();
}

async function kubectlApply(object: unknown): Promise<void> {
  const file = join(folder, "object.json");
  writeFileSync(file, JSON.stringify(object));
  await kubectl("apply", "--server-side", "--force-conflicts", "-f", file);
}

const folder = mkdtempSync(join(tmpdir(), "fairway-kube-"));
let client: KubeClient;
/** The same server and credentials, by a way that can be cut. */
let proxied: KubeClient;
let proxy: CuttableProxy;
let writer: KubeWriter;
const made: KubeKind[] = [];

before(async () => {
  environment("KUBECONFIG");
  client = open();
  writer = new KubeWriter({ client, fieldManager: "fairway-e2e", mayWrite: () => true });
  const view = JSON.parse(await kubectl("config", "view", "--raw", "--minify", "-o", "json")) as {
    clusters: { cluster: Record<string, unknown> & { server: string } }[];
  };
  const { cluster } = view.clusters[0]!;
  const server = new URL(cluster.server);
  proxy = await CuttableProxy.start({ host: server.hostname, port: Number(server.port || 443) }, "::1");
  // Every API server's certificate has this name, whatever address it is reached by.
  Object.assign(cluster, { server: `https://[::1]:${proxy.port}`, "tls-server-name": "kubernetes.default" });
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, JSON.stringify(view));
  proxied = open(kubeconfig);
  const outcome = await writer.apply(namespace, { metadata: { name: SPACE } });
  assert.equal(outcome.outcome, "written", JSON.stringify(outcome));
  for (const kind of [httpRoute, referenceGrant]) await installGatewayApi(kind.plural, kind, kind.schema());
});

after(async () => {
  await kubectl("delete", "namespace", SPACE, "--ignore-not-found", "--wait=false");
  for (const kind of made) await kubectl("delete", "crd", `${kind.plural}.${kind.group}`, "--ignore-not-found");
  await proxy[Symbol.asyncDispose]();
  client[Symbol.dispose]();
  proxied[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** Gateway API's kinds, when the cluster does not have them. */
async function installGatewayApi(plural: string, kind: KubeKind, schema: Schema): Promise<void> {
  const known = await client.request({
    method: "GET",
    path: objectPath(crd, { namespace: "", name: `${plural}.${kind.group}` }),
  });
  if (known.status !== 404) return;
  await installKind(kind, schema);
  await until("the kind", async () => {
    const reply = await client.request({ method: "GET", path: `/apis/${kind.group}/v1/${plural}` });
    return reply.status === 200 ? true : undefined;
  });
}

async function installKind({ group, versions, kind, plural, scope }: KubeKind, schema: Schema): Promise<void> {
  made.push({ group, versions, kind, plural, scope });
  const outcome = await writer.apply(crd, {
    metadata: { name: `${plural}.${group}`, annotations: { "api-approved.kubernetes.io": "unapproved, for a test" } },
    spec: {
      group,
      scope,
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [
        {
          name: versions[0],
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  });
  assert.equal(outcome.outcome, "written", JSON.stringify(outcome));
}

const route = (name: string, path: string): { metadata: { name: string; namespace: string }; spec: unknown } => ({
  metadata: { name, namespace: SPACE },
  spec: { rules: [{ matches: [{ path: { value: path } }], backendRefs: [{ name: "a", port: 80 }] }] },
});

const pathOf = (source: KubeSource, name: string): string | undefined => {
  const resource = source.get(`HTTPRoute ${SPACE}/${name}`)?.resource;
  return resource?.kind === "HTTPRoute" ? resource.spec.rules[0]?.matches[0]?.path.value : undefined;
};

interface Followed extends AsyncDisposable {
  readonly source: KubeSource;
  readonly batches: KubeBatch[];
}

function follow(through: KubeClient, kinds: readonly WatchedKind[], limits: Partial<WatchLimits> = {}): Followed {
  const batches: KubeBatch[] = [];
  const source = new KubeSource({ client: through, kinds, limits, onBatch: (batch) => batches.push(batch) });
  return { source, batches, [Symbol.asyncDispose]: () => source[Symbol.asyncDispose]() };
}

const isSynced = (source: KubeSource): Promise<true> => until("all kinds listed", () => source.synced || undefined);
const isFailing = (source: KubeSource): boolean => source.states.some(({ failing }) => failing !== undefined);

test("every object of the cluster can be read, and a kind that is installed later is found", async () => {
  const kinds = [namespace, service, endpointSlice, secret, httpRoute, referenceGrant, thing];
  await using followed = follow(
    client,
    kinds.map((kind) => ({ kind })),
    { absentPollMs: 1000 },
  );
  const { source } = followed;
  await isSynced(source);
  assert.deepEqual([...source.faults()].map(formatFault), []);
  for (const kind of ["namespaces", "services", "endpointslices"]) {
    const names = (await kubectl("get", kind, "-A", "-o", "name")).split("\n").length;
    const held = source.states.find((state) => state.kind.toLowerCase() === kind.slice(0, -1))!.objects;
    assert.equal(held, names, kind);
  }
  const state = (): string => source.states.find(({ kind }) => kind === "Thing")!.phase;
  assert.equal(state(), "absent");
  await installKind(thing, { type: "object", "x-kubernetes-preserve-unknown-fields": true });
  await until("that it is watched", () => (state() === "watching" ? true : undefined));
  await kubectlApply({
    apiVersion: "kube-e2e.fairway.dev/v1",
    kind: "Thing",
    metadata: { name: "one", namespace: SPACE },
    size: 3,
  });
  const held = await until("the object", () => source.get(`Thing ${SPACE}/one`));
  assert.equal(held.object?.["size"], 3);
  await kubectl("delete", "crd", "things.kube-e2e.fairway.dev");
  await until("that it is gone", () => (source.get(`Thing ${SPACE}/one`) === undefined ? true : undefined));
});

test(`${ROUTES} routes: listed in pages, changed and deleted one by one; the server is cut off and silent meanwhile`, async () => {
  const queue = Array.from({ length: ROUTES }, (_, i) => route(`r${i}`, `/r${i}`));
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop())
      assert.equal((await writer.apply(httpRoute, next)).outcome, "written");
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  const kinds = [{ kind: httpRoute, namespaces: [SPACE] }, { kind: service }];
  await using followed = follow(proxied, kinds, { silenceMs: 8000 });
  const { source, batches } = followed;
  await isSynced(source);
  assert.equal(batches[0]!.resources.size >= ROUTES, true);
  assert.equal([...source.objects("HTTPRoute")].length, ROUTES);

  const at = performance.now();
  await writer.apply(httpRoute, route("r0", "/changed"));
  await until("the change", () => (pathOf(source, "r0") === "/changed" ? true : undefined));
  console.log(`a change is seen ${Math.round(performance.now() - at)} ms after it was asked for`);

  for (const mode of ["cut", "silent"] as const) {
    proxy.mode = mode;
    await writer.apply(httpRoute, route("r1", `/${mode}`));
    await kubectl("delete", "httproute", "-n", SPACE, `r${mode === "cut" ? 2 : 3}`);
    await until("that it is noticed", () => (isFailing(source) ? true : undefined), 60_000);
    assert.notEqual(pathOf(source, "r1"), `/${mode}`);
    assert.ok([...source.objects("HTTPRoute")].length >= ROUTES - 1, "what was known stays");
    proxy.mode = "open";
    await until("what was missed", () => (pathOf(source, "r1") === `/${mode}` ? true : undefined), 60_000);
    await until("that all is well", () => (isFailing(source) ? undefined : true), 60_000);
  }
  const names = (await kubectl("get", "httproutes", "-n", SPACE, "-o", "name"))
    .split("\n")
    .map((line) => line.split("/")[1]!);
  const held = [...source.objects("HTTPRoute")].map(({ name }) => name.split("/")[1]!);
  assert.deepEqual(held.toSorted(), names.toSorted());
  await kubectl("delete", "httproutes", "-n", SPACE, "--all", "--wait=false");
  await until("that all are gone", () => (source.states[0]!.objects === 0 ? true : undefined), 60_000);
});

test("writes are about one object in one version, and say so when it is not there", async () => {
  const applied = await writer.apply(httpRoute, route("w", "/a"));
  assert.ok(applied.outcome === "written" && applied.object !== undefined);
  const { uid, resourceVersion } = applied.object.metadata;
  const again = await writer.apply(httpRoute, route("w", "/a"));
  assert.equal(again.outcome === "written" && again.object?.metadata.resourceVersion, resourceVersion, "nothing to do");
  const other = new KubeWriter({ client, fieldManager: "another", mayWrite: () => true });
  assert.equal((await other.apply(httpRoute, route("w", "/b"), { force: false })).outcome, "conflict");
  const target = { namespace: SPACE, name: "w", uid: uid!, resourceVersion: resourceVersion! };
  const lastTransitionTime = "2026-01-01T00:00:00Z";
  const accepted = { type: "Accepted", status: "True", reason: "Accepted", message: "", lastTransitionTime };
  const parent = { parentRef: { name: "g" }, controllerName: "fairway.dev/gateway", conditions: [accepted] };
  const status = { parents: [parent] };
  assert.equal((await writer.patchStatus(httpRoute, target, status)).outcome, "written");
  assert.equal((await writer.patchStatus(httpRoute, target, status)).outcome, "conflict", "its version is another now");
  assert.equal((await writer.apply(httpRoute, route("bad", "no-slash"))).outcome, "refused");
  assert.equal((await writer.apply(thing, { metadata: { name: "x", namespace: SPACE } })).outcome, "absent");
  assert.equal((await writer.remove(httpRoute, { ...target, resourceVersion: resourceVersion! })).outcome, "conflict");
  const { namespace: space, name } = target;
  assert.equal(
    (await writer.remove(httpRoute, { namespace: space, name, uid: "00000000-0000-0000-0000-000000000000" })).outcome,
    "conflict",
  );
  assert.equal((await writer.remove(httpRoute, { namespace: space, name, uid: uid! })).outcome, "written");
  assert.equal((await writer.remove(httpRoute, { namespace: space, name, uid: uid! })).outcome, "absent");
});

test("a Lease is taken over when its holder is cut off, and never two may write; released, it is taken at once", async () => {
  const durations: LeaseDurations = { leaseDurationMs: 6000, renewDeadlineMs: 4000, retryMs: 500 };
  const stand = (through: KubeClient, identity: string): LeaderElection =>
    new LeaderElection({
      client: through,
      namespace: SPACE,
      name: "controller",
      identity,
      durations,
      onChange: (leading) => console.log(`${identity} ${leading ? "leads" : "leads no more"}`),
    });
  // Held by nobody, as the chart makes it.
  await kubectlApply({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "controller", namespace: SPACE },
    spec: {},
  });
  await using first = stand(proxied, "first");
  await until("a leader", () => first.mayWrite() || undefined);
  const second = stand(client, "second");
  await until("that it is known", () => second.leader === "first" || undefined);
  const overlaps: number[] = [];
  const sampling = setInterval(() => {
    if (first.mayWrite() && second.mayWrite()) overlaps.push(performance.now());
  }, 1);
  proxy.mode = "silent";
  const cutAt = performance.now();
  await until("the next leader", () => second.mayWrite() || undefined);
  console.log(`taken over after ${Math.round(performance.now() - cutAt)} ms`);
  assert.equal(first.mayWrite(), false);
  proxy.mode = "open";
  await until("that it is known", () => first.leader === "second" || undefined, 60_000);
  const releasedAt = performance.now();
  await second[Symbol.asyncDispose]();
  await until("the first again", () => first.mayWrite() || undefined);
  assert.ok(performance.now() - releasedAt < 3000);
  clearInterval(sampling);
  assert.deepEqual(overlaps, []);
});

test("the API server is stopped and started: what was known stays, and what is new comes", async () => {
  const cluster = environment("FAIRWAY_CLUSTER");
  await writer.apply(httpRoute, route("kept", "/kept"));
  const kinds = [{ kind: httpRoute, namespaces: [SPACE] }, { kind: service }, { kind: endpointSlice }];
  await using followed = follow(client, kinds);
  const { source } = followed;
  await isSynced(source);
  await run(cluster, ["stop", "node1"]);
  try {
    await wait(5000);
    await until("that it is noticed", () => (isFailing(source) ? true : undefined), 90_000);
    assert.equal(pathOf(source, "kept"), "/kept");
    assert.ok([...source.objects("Service")].length > 0);
  } finally {
    await run(cluster, ["start", "node1"]);
  }
  const startedAt = performance.now();
  await until(
    "that it accepts writes",
    async () => ((await writer.apply(httpRoute, route("kept", "/after"))).outcome === "written" ? true : undefined),
    60_000,
  );
  const writtenAt = performance.now();
  await until("the change", () => (pathOf(source, "kept") === "/after" ? true : undefined), 60_000);
  console.log(
    `writes are accepted ${Math.round(writtenAt - startedAt)} ms after the start, and seen ${Math.round(performance.now() - writtenAt)} ms later`,
  );
  await until("that all is well", () => (isFailing(source) ? undefined : true), 60_000);
  assert.deepEqual([...source.faults()].map(formatFault), []);
});
