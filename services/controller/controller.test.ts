/** Replicas of the controller between an API server in small and data planes' pods, in the normal life and under faults. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { createRegistry } from "#src/metrics/registry.ts";
import type { FakeKubeApi } from "#src/testing/kube-api.ts";
import { assertNamedByRules } from "#src/testing/metric-name-rules.ts";
import { until } from "#src/testing/until.ts";
import { HOME, STREAM_SECRET_PLACE, TestCluster } from "./test-cluster.ts";

const SHOP = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: shop, namespace: shop, creationTimestamp: "2026-01-01T00:00:00Z" }
spec:
  gatewayClassName: fairway
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop, creationTimestamp: "2026-01-01T00:00:00Z" }
spec:
  parentRefs: [{ name: shop }]
  rules: [{ backendRefs: [{ name: web, port: 80 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { type: ClusterIP, clusterIP: 10.96.0.9, ports: [{ name: http, port: 80, targetPort: 8080, protocol: TCP }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, port: 8080, protocol: TCP }]
endpoints: [{ addresses: [10.1.0.1], conditions: { ready: true } }]
`;

const isWrite = ({ method, url }: FakeKubeApi["requests"][number]): boolean =>
  method !== "GET" && !url.pathname.includes("/leases");

const ownSlices = (cluster: TestCluster) =>
  cluster
    .all("EndpointSlice")
    .filter(({ metadata }) => Object.hasOwn(Object(metadata["annotations"]), "fairway.dev/owner"));

const endpointsOf = (cluster: TestCluster): number =>
  ownSlices(cluster).flatMap((slice) => slice["endpoints"] as unknown[]).length;

/** The Gateway says what its Service has, and its pods listen. */
async function served(cluster: TestCluster): Promise<void> {
  await until("the Gateway's Service", () => cluster.get("Service", "shop/shop-fairway"));
  const service = cluster.get("Service", "shop/shop-fairway")!;
  cluster.put({ ...service, status: { loadBalancer: { ingress: [{ ip: "198.18.0.200" }] } } });
  await until("endpoints", () => endpointsOf(cluster) > 0 || undefined);
  await until("the route's status", () =>
    cluster.condition("HTTPRoute", "shop/web", "fairway.dev/Programmed") === "True" ? true : undefined,
  );
  await until("the Gateway's status", () =>
    cluster.condition("Gateway", "shop/shop", "Programmed") === "True" ? true : undefined,
  );
}

test("nothing is published before all kinds are listed, and then all of it at once", async () => {
  await using cluster = await TestCluster.start();
  cluster.apply(SHOP);
  let isHeld = true;
  cluster.intercept = ({ url }) => (isHeld && url.pathname.endsWith("/httproutes") ? "cut" : undefined);
  await using replica = await cluster.replica();
  await using pod = cluster.pod("balancer", "a", [replica]);
  await replica.leading();
  await until("that it is connected", () => pod.client.isConnected || undefined);
  await wait(300);
  assert.equal(replica.controller.unready(), "not all kinds are listed: HTTPRoute");
  assert.equal(pod.client.digest, "");
  assert.deepEqual(
    cluster.api.requests.filter(isWrite).map(({ url }) => url.pathname),
    [`/api/v1/namespaces/${HOME}/secrets/fairway-stream`],
  );
  isHeld = false;
  await replica.ready();
  await pod.holds("the route", (entries) => entries.has("httproute/shop/web"));
  await served(cluster);
});

test("an object that is deleted or changed by hand is made again", async () => {
  await using cluster = await TestCluster.start();
  cluster.apply(SHOP);
  await using replica = await cluster.replica();
  await using _pod = cluster.pod("balancer", "a", [replica]);
  await served(cluster);
  const [slice] = ownSlices(cluster);
  const name = `shop/${slice!.metadata.name}`;
  const ports = slice!["ports"];
  cluster.delete("EndpointSlice", name);
  const again = await until("the slice", () => cluster.get("EndpointSlice", name));
  assert.deepEqual(again["ports"], ports, "the port stays");
  cluster.delete("Service", "shop/shop-fairway");
  const service = await until("the Service", () => cluster.get("Service", "shop/shop-fairway"));
  cluster.put({ ...service, spec: { ...Object(service["spec"]), ports: [] } });
  await until("its ports", () =>
    (Object(cluster.get("Service", "shop/shop-fairway")?.["spec"])["ports"] as unknown[]).length === 1
      ? true
      : undefined,
  );
});

test("a status that another writes between is written about the newer version", async () => {
  await using cluster = await TestCluster.start();
  cluster.apply(SHOP);
  let times = 0;
  cluster.intercept = ({ method, url }) => {
    if (method !== "PATCH" || !url.pathname.endsWith("/httproutes/web/status") || times >= 3) return undefined;
    times++;
    // Another controller's entry comes in the way.
    const route = cluster.get("HTTPRoute", "shop/web")!;
    const status = { parents: [{ parentRef: { name: "other" }, controllerName: "other/one", conditions: [] }] };
    cluster.put({ ...route, status });
    return undefined;
  };
  await using replica = await cluster.replica();
  await using _pod = cluster.pod("balancer", "a", [replica]);
  await until("our entry beside the other's", () => {
    const { parents = [] } = Object(cluster.get("HTTPRoute", "shop/web")?.["status"]) as {
      parents?: { controllerName: string }[];
    };
    return parents.length === 2 && parents[0]!.controllerName === "other/one" ? true : undefined;
  });
  assert.equal(times, 3);
});

test("two replicas: one leads and writes, both serve the same, and the other takes over without a status rewritten", async () => {
  await using cluster = await TestCluster.start();
  cluster.apply(SHOP);
  const first = await cluster.replica();
  await first.leading();
  await using second = await cluster.replica();
  await using pod = cluster.pod("balancer", "a", [first, second]);
  await served(cluster);
  await second.ready();
  const entriesOf = ({ controller }: typeof first): unknown => Object(controller.status())["entries"];
  await until("the same at both", () => (entriesOf(first) === entriesOf(second) ? true : undefined));
  assert.equal(Object(Object(second.controller.status())["writes"])["written"], 0);
  const states = (): { isCurrent: boolean }[] =>
    [first, second].flatMap(({ controller }) => Object(controller.status())["dataPlanes"] as { isCurrent: boolean }[]);
  await until("that both know what it has", () =>
    states().length === 2 && states().every(({ isCurrent }) => isCurrent) ? true : undefined,
  );
  await wait(100);
  const route = cluster.get("HTTPRoute", "shop/web")!;
  const { digest } = pod.client;
  const handedOverAt = performance.now();
  await first[Symbol.asyncDispose]();
  await second.leading();
  assert.ok(performance.now() - handedOverAt < 5000, "a Lease that is given back is not waited for");
  cluster.put({ ...route, metadata: { ...route.metadata, labels: { touched: "yes" } } });
  await wait(300);
  assert.deepEqual(cluster.get("HTTPRoute", "shop/web")!["status"], route["status"]);
  assert.equal(pod.client.digest, digest);
  assert.equal(pod.client.isConnected, true);
  cluster.delete("Gateway", "shop/shop");
  await until("that the new one writes", () => (endpointsOf(cluster) === 0 ? true : undefined));
});

test("a leader that cannot reach the API server writes no more, and serves what it has", async () => {
  await using cluster = await TestCluster.start();
  cluster.apply(SHOP);
  await using replica = await cluster.replica();
  await using pod = cluster.pod("balancer", "a", [replica]);
  await served(cluster);
  cluster.intercept = () => "cut";
  cluster.api.cut("reset");
  await until("that it leads no more", () => (replica.isLeading ? undefined : true));
  assert.equal(replica.controller.unready(), undefined, "it is ready to serve");
  const before = cluster.api.version;
  const { digest } = pod.client;
  await using late = cluster.pod("balancer", "late", [replica]);
  await late.holds("what is known", (entries) => entries.has("httproute/shop/web"));
  assert.equal(late.client.digest, digest);
  cluster.intercept = () => undefined;
  await replica.leading();
  await until("the late pod as an endpoint", () => (endpointsOf(cluster) === 4 ? true : undefined));
  assert.ok(cluster.api.version > before);
});

test("a restarted controller rewrites no status while pods come back to it", async () => {
  await using cluster = await TestCluster.start();
  cluster.apply(SHOP);
  const first = await cluster.replica();
  const pod = cluster.pod("balancer", "a", [first]);
  await served(cluster);
  await wait(100);
  const status = JSON.stringify(cluster.get("HTTPRoute", "shop/web")!["status"]);
  const endpoints = endpointsOf(cluster);
  await pod[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await using second = await cluster.replica();
  await second.leading();
  await second.ready();
  await wait(1500);
  assert.equal(JSON.stringify(cluster.get("HTTPRoute", "shop/web")!["status"]), status);
  assert.equal(endpointsOf(cluster), endpoints, "it serves on");
});

test("an owner that the API server does not tell yet is waited for, with a word, and nothing is made without it", async () => {
  await using cluster = await TestCluster.start();
  cluster.apply(SHOP);
  let isAway = true;
  cluster.intercept = ({ url }) =>
    isAway && url.pathname.endsWith("/deployments/fairway-controller") ? "cut" : undefined;
  await using replica = await cluster.replica();
  await replica.leading();
  await replica.ready();
  await wait(200);
  assert.equal(cluster.get("Service", "shop/shop-fairway"), undefined);
  assert.equal(replica.logged("nothing is made before it is known what it goes with"), true);
  isAway = false;
  await until("the Gateway's Service", () => cluster.get("Service", "shop/shop-fairway"));
});

test("certificates are changed on the listener without a connection dropped, and one that fits no key is told", async () => {
  await using cluster = await TestCluster.start();
  await using replica = await cluster.replica();
  await replica.ready();
  await using pod = cluster.pod("dns", "d", [replica]);
  await until("that it is connected", () => pod.client.isConnected || undefined);
  const secret = cluster.get("Secret", STREAM_SECRET_PLACE[1])!;
  const folder = join(cluster.folder, "stream");
  mkdirSync(folder);
  for (const [name, text] of Object.entries(secret["data"] as Record<string, string>))
    writeFileSync(join(folder, name), Buffer.from(text, "base64"));
  // Another replica that has only a folder, with a key that is of another certificate.
  const bad = join(cluster.folder, "bad");
  mkdirSync(bad);
  const data = secret["data"] as Record<string, string>;
  for (const [name, text] of Object.entries({ ...data, "tls.key": data["ca.key"]! }))
    writeFileSync(join(bad, name), Buffer.from(text, "base64"));
  let isAway = true;
  cluster.intercept = ({ url }) => (isAway && url.pathname.includes("/secrets/") ? "cut" : undefined);
  await using careless = await cluster.replica({ streamSecret: bad });
  assert.equal(careless.logged("the stream's certificate cannot be used"), true);
  await using careful = await cluster.replica({ streamSecret: folder });
  await until("that it serves", () => careful.logged("config stream open") || undefined);
  isAway = false;
  await careless.ready();
  // The leader renews it, since the name in it is another's.
  const { data: other } = await import("#src/config/stream/authority.ts").then(({ renewStreamSecret }) =>
    renewStreamSecret(undefined, { names: ["other.test"], now: new Date() }),
  );
  const encoded = Object.fromEntries(Object.entries(other).map(([name, text]) => [name, btoa(text)]));
  cluster.put({ ...secret, data: { ...data, ...encoded } });
  const renewed = await until(
    "a certificate of our name",
    () => {
      const now = cluster.get("Secret", STREAM_SECRET_PLACE[1])?.["data"] as Record<string, string>;
      return now["tls.crt"] !== encoded["tls.crt"] && now["tls.crt"] !== data["tls.crt"] ? now : undefined;
    },
    60_000,
  );
  assert.equal(renewed["ca.crt"], encoded["ca.crt"]);
  assert.equal(pod.client.isConnected, true);
  assert.equal(replica.logged("data plane gone"), false);
  await using fresh = cluster.pod("dns", "e", [replica]);
  await until("that a pod of the new authority is let in", () => fresh.client.isConnected || undefined);
});

const STRANGERS = [
  [{ serviceAccount: "fairway-resolver" }, "noPlane"],
  [{ serviceAccount: "fairway-controller" }, "noPlane"],
  [{ namespace: "shop", serviceAccount: "fairway-balancer" }, "noPlane"],
  [{ audience: "https://kubernetes.default.svc.cluster.local" }, "audience"],
  [{ issuer: "https://elsewhere.test" }, "issuer"],
] as const;

test("who has no business at the config stream is told so; each plane sees what its ports lead to", async () => {
  await using cluster = await TestCluster.start();
  cluster.apply(SHOP);
  await using replica = await cluster.replica();
  await replica.ready();
  for (const [fields, reason] of STRANGERS) {
    await using stranger = cluster.pod("balancer", "s", [replica], fields);
    await until(reason, () => stranger.client.problem.endsWith(`refused: ${reason}`) || undefined);
    assert.equal(stranger.entries.size, 0);
  }
  await using balancer = cluster.pod("balancer", "b", [replica]);
  await balancer.holds("the route", (entries) => entries.has("httproute/shop/web"));
  await using edge = cluster.pod("edge", "ed", [replica]);
  await until("that it has all", () => (edge.client.digest === "" ? undefined : true));
  assert.deepEqual([...edge.entries.keys()], []);
});

test("figures that the alerts need", async () => {
  await using cluster = await TestCluster.start();
  cluster.apply(SHOP);
  await using replica = await cluster.replica();
  await using _pod = cluster.pod("balancer", "a", [replica]);
  await served(cluster);
  const { collected } = replica.controller;
  for (const metric of collected) assertNamedByRules(metric);
  assert.equal(new Set(collected.map(({ name }) => name)).size, collected.length);
  const text = await createRegistry(collected).render();
  for (const kind of ["configuration", "infrastructure", "status"])
    assert.match(text, new RegExp(`^fairway_reconcile_duration_seconds_count\\{kind="${kind}"\\} [1-9]`, "m"));
  assert.match(text, /^fairway_kube_watch_restarts_total\{kind="Pod"\} 0$/m);
  assert.match(text, /^fairway_controller_leader 1$/m);
  assert.match(text, /^fairway_config_clients\{plane="balancer"\} 1$/m);
  assert.match(text, /^fairway_config_clients_current\{plane="balancer"\} 1$/m);
  assert.match(text, /^fairway_config_stream_connections 1$/m);
  assert.match(text, /^fairway_kube_writes_total\{outcome="written"\} [1-9]/m);
});
