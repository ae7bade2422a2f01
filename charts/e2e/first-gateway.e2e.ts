/**
 * The path of every user: install on two nodes, an application, a Gateway with a certificate and a name in a Zone, all
 * by kubectl; then clients of every protocol, on the cluster's machine and on a plain host of its network.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HOME, helm, Installation } from "#src/testing/installation.ts";
import {
  addressOf,
  clusterAddressOf,
  getObject,
  here,
  isReached,
  kubectl,
  onLan,
  type Place,
  waitFor,
} from "#src/testing/kubectl.ts";
import { certificateFor, tlsSecret } from "#src/testing/tls-secret.ts";
import { until } from "#src/testing/until.ts";

const SHOP = "fairway-e2e-shop";
const HOST = "www.shop.test";
const folder = mkdtempSync(join(tmpdir(), "fairway-e2e-"));
const authority = join(folder, "ca.crt");
const certificate = certificateFor(HOST);
writeFileSync(authority, certificate.certificatePem);

const OBJECTS = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: shop, namespace: ${SHOP} }
spec:
  gatewayClassName: fairway
  listeners:
    - { name: http, protocol: HTTP, port: 80 }
    - { name: https, protocol: HTTPS, port: 443, hostname: "*.shop.test", tls: { certificateRefs: [{ name: shop-tls }] } }
    - { name: tcp, protocol: TCP, port: 9000 }
    - { name: udp, protocol: UDP, port: 9001 }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: ${SHOP} }
spec:
  parentRefs: [{ name: shop, sectionName: http }, { name: shop, sectionName: https }]
  hostnames: [${HOST}]
  rules:
    - backendRefs: [{ name: web, port: 80 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: { name: echo, namespace: ${SHOP} }
spec:
  parentRefs: [{ name: shop, sectionName: tcp }]
  rules: [{ backendRefs: [{ name: web, port: 9000 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: { name: echo, namespace: ${SHOP} }
spec:
  parentRefs: [{ name: shop, sectionName: udp }]
  rules: [{ backendRefs: [{ name: web, port: 9001 }] }]
---
apiVersion: fairway.dev/v1alpha1
kind: Zone
metadata: { name: shop, namespace: ${SHOP} }
spec:
  domain: shop.test
  nameServers: [ns1]
  records: [{ name: ns1, type: A, data: [198.18.0.11] }, { name: mail, type: AAAA, data: ["fd98::25"] }]
  derive: { namespaces: { matchLabels: { kubernetes.io/metadata.name: ${SHOP} } } }
`;

let fairway: Installation;
/** Address of the load balancer, of the Gateway's Service, and of the DNS server's. */
let [outside, inside, dns] = ["", "", ""];

before(async () => {
  fairway = await Installation.serving(SHOP, tlsSecret(SHOP, "shop-tls", certificate), OBJECTS);
  outside = await addressOf(SHOP, "shop");
  inside = await clusterAddressOf(SHOP, "shop-fairway");
  for (const port of [80, 443, 9000]) await isReached(here, inside, port);
  dns = await clusterAddressOf(HOME, "fairway-dns");
});

after(async () => {
  await fairway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
    readonly spec: { readonly nodeName: string };
  }[];
}

test("each service has a pod on each of the two nodes", async () => {
  const { items } = await getObject<PodList>("-n", HOME, "pods");
  const nodes = Map.groupBy(items, ({ metadata }) => metadata.labels["app.kubernetes.io/component"] ?? "none");
  for (const [service, pods] of nodes) {
    assert.deepEqual(pods.map(({ spec }) => spec.nodeName).toSorted(), ["node1", "node2"], service);
  }
  assert.equal(nodes.size, 5);
});

const CLIENTS: readonly (readonly [string, Place, () => string])[] = [
  ["this machine at the load balancer's address", here, () => outside],
  ["this machine at the Service's address", here, () => inside],
  ["a host of the network at the load balancer's address", onLan, () => outside],
];

for (const [name, place, addressNow] of CLIENTS) {
  test(`HTTP and HTTPS from ${name}`, async () => {
    const address = addressNow();
    const curl = (url: string, ...flags: readonly string[]): Promise<string> =>
      place("curl", "-sS", "-m", "5", "--connect-to", `::${address}:`, "--cacert", authority, ...flags, url);
    const answer = `web has /a of ${HOST}\n`;
    assert.equal(await curl(`http://${HOST}/a`), answer);
    assert.equal(await curl(`https://${HOST}/a`, "--http1.1", "-w", "%{http_version}"), `${answer}1.1`);
    assert.equal(await curl(`https://${HOST}/a`, "--http2", "-w", "%{http_version}"), `${answer}2`);
    assert.equal(await curl("http://other.shop.test/", "-o", "/dev/null", "-w", "%{http_code}"), "404");
    const pods = new Set<string>();
    for (let asked = 0; asked < 20; asked++) {
      pods.add(await curl(`http://${HOST}/a`, "-o", "/dev/null", "-w", "%header{x-pod}"));
    }
    assert.equal(pods.size, 2, "both pods of the application answer");
  });

  test(`TCP and UDP from ${name}`, async () => {
    const echo = (command: string): Promise<string> =>
      place("bash", "-c", `echo ahoy | timeout 10 nc.openbsd ${command.replace("ADDRESS", addressNow())}`);
    assert.equal(await echo("-N ADDRESS 9000"), "ahoy\n");
    // Nothing says when the last kube-proxy has heard of a port, and a datagram before that is lost.
    await until("an echo by UDP", async () =>
      (await echo("-u -W1 -w2 ADDRESS 9001")) === "ahoy\n" ? true : undefined,
    );
  });
}

for (const [name, place] of [
  ["this machine", here],
  ["a host of the network", onLan],
] as const) {
  test(`DNS from ${name}: the zone's own records, and the Gateway's name`, async () => {
    const dig = async (...question: readonly string[]): Promise<string> =>
      (await place("dig", `@${dns}`, "+short", "+time=2", "+tries=1", ...question)).trim();
    assert.equal(await dig("ns1.shop.test", "A"), "198.18.0.11");
    assert.equal(await dig("mail.shop.test", "AAAA", "+tcp"), "fd98::25");
    assert.equal(await dig(HOST, "A"), outside);
    assert.equal(await dig(HOST, "A", "+tcp"), outside);
    assert.equal(await dig("any.shop.test", "A"), outside, "the listener is there for all names of the domain");
    assert.equal(await dig("nobody.ns1.shop.test", "A"), "");
  });
}

test("curl by the name that Fairway's own DNS gives, from the name to the answer", async () => {
  const address = (await onLan("dig", `@${dns}`, "+short", HOST)).trim();
  const reply = await onLan(
    "curl",
    "-sS",
    "--resolve",
    `${HOST}:443:${address}`,
    "--cacert",
    authority,
    `https://${HOST}/`,
  );
  assert.equal(reply, `web has / of ${HOST}\n`);
});

interface Conditions {
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly observedGeneration: number;
  }[];
}

test("status says what is so", async () => {
  type Status = Conditions & {
    readonly listeners: readonly (Conditions & { readonly name: string; readonly attachedRoutes: number })[];
  };
  const { status } = await getObject<{ status: Status }>("-n", SHOP, "gateway", "shop");
  const truths = ({ conditions }: Conditions): Record<string, string> =>
    Object.fromEntries(conditions.map(({ type, status: value }) => [type, value]));
  assert.deepEqual(truths(status), { Accepted: "True", Programmed: "True" });
  for (const listener of status.listeners) {
    assert.equal(listener.attachedRoutes, 1, listener.name);
    const { Accepted, Programmed, ResolvedRefs } = truths(listener);
    assert.deepEqual([Accepted, Programmed, ResolvedRefs], ["True", "True", "True"], listener.name);
  }
  await waitFor("Programmed", SHOP, "zone/shop");
});

/** What a program of Node's says in a pod of a Deployment. */
const inPod = (deployment: string, program: string): Promise<string> =>
  kubectl("-n", HOME, "exec", `deployment/${deployment}`, "--", "node", "-e", program);

interface Slices {
  readonly items: readonly { readonly ports: readonly { readonly name: string; readonly port: number }[] }[];
}

test("over IPv6 too: this cluster has none between pods, so they are asked at their own loopback", async () => {
  const resolver = `const { Resolver } = require("node:dns/promises"); const resolver = new Resolver({ timeout: 2000 });
    resolver.setServers(["[::1]:53"]); resolver.resolve4("ns1.shop.test").then((found) => console.log(found.join()));`;
  assert.equal(await inPod("fairway-dns", resolver), "198.18.0.11\n");
  const ofGateway = ["-l", "gateway.networking.k8s.io/gateway-name=shop"];
  const { items } = await getObject<Slices>("-n", SHOP, "endpointslices", ...ofGateway);
  const port = items.flatMap(({ ports }) => ports).find(({ name }) => name === "tcp-80")?.port;
  const options = JSON.stringify({ host: "::1", port, path: "/a", headers: { host: HOST } });
  const client = `require("node:http").get(${options}, (response) => response.pipe(process.stdout));`;
  assert.equal(await inPod("fairway-balancer", client), `web has /a of ${HOST}\n`);
});

test("helm test asks its questions and is content", async () => {
  const said = await helm("test", "--timeout=120s");
  for (const question of ["dns", "resolver", "balancer", "edge"]) {
    assert.match(said, new RegExp(`TEST SUITE: +fairway-test-${question}\n[^]*?Phase: +Succeeded`), question);
  }
});

test("nothing changes for clients while nothing is done: the leader writes nothing", async () => {
  const versions = async (): Promise<string> => {
    const made = await getObject<{ items: { metadata: { name: string; resourceVersion: string } }[] }>(
      "-n",
      SHOP,
      "gateways,httproutes,tcproutes,udproutes,zones,services,endpointslices",
    );
    return JSON.stringify(made.items.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
  };
  const first = await versions();
  const begun = performance.now();
  await until("that time passes", () => performance.now() - begun > 3000 || undefined);
  assert.equal(await versions(), first);
});
