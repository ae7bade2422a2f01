/**
 * `helm upgrade`, and a restart of each Deployment, under load of every kind: HTTP over kept and over fresh connections,
 * HTTP/2 over TLS, the edge's cache, TCP, DNS over UDP. No request fails.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { DEPLOYMENTS, HOME, Installation } from "#src/testing/installation.ts";
import { addressOf, clusterAddressOf, waitFor } from "#src/testing/kubectl.ts";
import { Load } from "#src/testing/load.ts";
import { EchoLoad, SteadyLoad, type SteadyReport } from "#src/testing/steady-load.ts";
import { certificateFor, tlsSecret } from "#src/testing/tls-secret.ts";

const SITE = "fairway-e2e-rollout";
const HOST = "www.rollout.test";
const CDN = "cdn.rollout.test";
/** Share of datagrams that may be lost: dnsperf never asks again, as a resolver does. A pod that is missed costs many more. */
const MAX_LOST = 0.003;
/** Load before and after each step. */
const MARGIN_MS = 2000;
const OBJECTS = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front, namespace: ${SITE} }
spec:
  gatewayClassName: fairway
  listeners:
    - { name: http, protocol: HTTP, port: 80 }
    - { name: https, protocol: HTTPS, port: 443, tls: { certificateRefs: [{ name: site-tls }] } }
    - { name: tcp, protocol: TCP, port: 9000 }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: cdn, namespace: ${SITE} }
spec:
  gatewayClassName: fairway-edge
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: site, namespace: ${SITE} }
spec:
  parentRefs: [{ name: front, sectionName: http }, { name: front, sectionName: https }, { name: cdn }]
  rules: [{ backendRefs: [{ name: web, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: { name: echo, namespace: ${SITE} }
spec:
  parentRefs: [{ name: front, sectionName: tcp }]
  rules: [{ backendRefs: [{ name: web, port: 9000 }] }]
---
apiVersion: fairway.dev/v1alpha1
kind: Zone
metadata: { name: rollout, namespace: ${SITE} }
spec:
  domain: rollout.test
  nameServers: [ns1]
  records: [{ name: ns1, type: A, data: [198.18.0.11] }]
`;

let fairway: Installation;
let [front, cdn, dns] = ["", "", ""];

before(async () => {
  fairway = await Installation.serving(SITE, tlsSecret(SITE, "site-tls", certificateFor(HOST)), OBJECTS);
  await waitFor("Programmed", SITE, "zone/rollout");
  front = await addressOf(SITE, "front");
  cdn = await addressOf(SITE, "cdn");
  dns = await clusterAddressOf(HOME, "fairway-dns");
});

after(() => fairway[Symbol.asyncDispose]());

async function underLoad(step: () => Promise<void>): Promise<void> {
  const answer = (host: string, path: string): string => `web has ${path} of ${host}\n`;
  const plain = { url: `http://${HOST}/a`, answer: answer(HOST, "/a"), perSecond: 20 };
  const cached = { url: `http://${CDN}/cached`, answer: answer(CDN, "/cached"), perSecond: 20 };
  const secure = { url: `https://${HOST}/a`, answer: answer(HOST, "/a"), perSecond: 20 };
  await using http = new SteadyLoad(
    [
      { ...plain, name: "http-kept", isFresh: false },
      { ...plain, name: "http-fresh", isFresh: true },
      { ...secure, name: "http2", isFresh: false },
      { ...secure, name: "tls-fresh", isFresh: true, perSecond: 10 },
      { ...cached, name: "edge-kept", isFresh: false },
      { ...cached, name: "edge-fresh", isFresh: true },
    ],
    { [HOST]: front, [CDN]: cdn },
  );
  await using tcp = new EchoLoad(front, 9000, 20);
  await using names = Load.dnsperf(dns, 53, "ns1.rollout.test A", 100);
  const begun = performance.now();
  await wait(MARGIN_MS);
  await step();
  await wait(MARGIN_MS);
  const seconds = (performance.now() - begun) / 1000;
  const { answered, wrong, broken } = await names.stop();
  const reports: Record<string, SteadyReport> = { HTTP: await http.stop(), TCP: await tcp.stop() };
  for (const [protocol, { asked, dropped, wrong: lines }] of Object.entries(reports)) {
    console.log(`${protocol}: ${asked} in ${seconds.toFixed(0)} s, ${lines.length} wrong, ${dropped} dropped`);
  }
  console.log(`DNS: ${answered} answered, ${wrong} wrong, ${broken} lost`);
  assert.deepEqual(
    Object.values(reports).flatMap((report) => report.wrong),
    [],
  );
  assert.ok(reports["HTTP"]!.asked > 50 * seconds, "k6 was at it all the time");
  assert.ok(reports["TCP"]!.asked > seconds);
  assert.equal(wrong, 0);
  assert.ok(broken <= answered * MAX_LOST, `${broken} datagrams of ${answered} are lost`);
  assert.ok(answered > 50 * seconds);
}

for (const deployment of DEPLOYMENTS) {
  test(`a restart of ${deployment}`, () => underLoad(() => fairway.restart(`fairway-${deployment}`)));
}

test("helm upgrade, with other pods of every Deployment at once", () =>
  underLoad(() =>
    fairway.upgrade(
      ...DEPLOYMENTS.flatMap((name) => ["--set-string", `${name}.podAnnotations.example\\.test/round=2`]),
    ),
  ));
