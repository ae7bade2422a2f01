/** What is in the cluster before helm install is in it after helm uninstall, and nothing else but CRDs and what users have made. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { demoApplication } from "#src/testing/demo-application.ts";
import { HOME, Installation, installKinds } from "#src/testing/installation.ts";
import { addressOf, kubectl, waitFor } from "#src/testing/kubectl.ts";
import { until } from "#src/testing/until.ts";

const SITE = "fairway-e2e-uninstall";
const USERS = `
apiVersion: fairway.dev/v1alpha1
kind: DataPlane
metadata: { name: own, namespace: ${HOME} }
spec: { engine: edge, mode: dedicated, workload: { replicas: 1 } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: fairway-e2e-own }
spec:
  controllerName: fairway.dev/gateway
  parametersRef: { group: fairway.dev, kind: DataPlane, name: own, namespace: ${HOME} }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: shared, namespace: ${SITE} }
spec:
  gatewayClassName: fairway
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: own, namespace: ${SITE} }
spec:
  gatewayClassName: fairway-e2e-own
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: site, namespace: ${SITE} }
spec:
  ingressClassName: fairway
  rules: [{ http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }]
---
apiVersion: fairway.dev/v1alpha1
kind: Zone
metadata: { name: uninstall, namespace: ${SITE} }
spec: { domain: uninstall.test, nameServers: [ns1.elsewhere.test.] }
`;

/** What the cluster itself makes at any time. */
const OF_THE_CLUSTER = /^coordination\.k8s\.io\/v1 Lease kube-/;

/** All objects of all kinds in all namespaces but events, as `VERSION KIND NAMESPACE/NAME`. */
async function inventory(): Promise<string[]> {
  const kinds = (await kubectl("api-resources", "--verbs=list", "-o", "name")).trim().split("\n");
  const asked = kinds.filter((kind) => !/^(events|events\.events\.k8s\.io|componentstatuses)$/.test(kind));
  const template =
    '{{range .items}}{{.apiVersion}} {{.kind}} {{.metadata.namespace}}/{{.metadata.name}}{{"\\n"}}{{end}}';
  const said = await kubectl("get", asked.join(","), "-A", "-o", `go-template=${template}`);
  return [...new Set(said.trim().split("\n"))].filter((line) => !OF_THE_CLUSTER.test(line)).toSorted();
}

const isMoreThan = (before: readonly string[]) => (line: string) => !before.includes(line);

let fairway: Installation | undefined;

after(async () => {
  await kubectl("delete", "gatewayclass", "fairway-e2e-own", "--ignore-not-found");
  await fairway?.[Symbol.asyncDispose]();
});

test("uninstalled while Gateways, an Ingress and a dedicated data plane are in use: what users made stays, what was made of it goes", async () => {
  await Installation.none();
  // CRDs stay, and what comes with them.
  await installKinds();
  const before = await inventory();
  fairway = await Installation.make();
  await fairway.apply(SITE, demoApplication({ namespace: SITE, name: "web" }));
  await fairway.apply(SITE, USERS);
  await waitFor("Available", SITE, "deployment/web");
  for (const gateway of ["shared", "own"]) await addressOf(SITE, gateway);
  await kubectl("-n", HOME, "wait", "--for=create", "service/fairway-ingress", "--timeout=30s");

  await fairway.uninstall();
  const left = await until(
    "that all has ended",
    async () => {
      const lines = (await inventory()).filter(isMoreThan(before)).filter((line) => line.includes(` ${HOME}/`));
      return lines.length <= 3 ? lines : undefined;
    },
    60_000,
  );
  assert.deepEqual(left, [
    `fairway.dev/v1alpha1 DataPlane ${HOME}/own`,
    `v1 ConfigMap ${HOME}/kube-root-ca.crt`,
    `v1 ServiceAccount ${HOME}/default`,
  ]);
  const ofCluster = (await inventory()).filter(isMoreThan(before)).filter(
    // Those of the Services of users' Gateways and of the application.
    (line) => line.includes("<no value>/") && !line.includes(" IPAddress "),
  );
  assert.deepEqual(ofCluster, [
    "gateway.networking.k8s.io/v1 GatewayClass <no value>/fairway-e2e-own",
    `v1 Namespace <no value>/${SITE}`,
    `v1 Namespace <no value>/${HOME}`,
  ]);

  await kubectl("-n", SITE, "delete", "gateways,ingresses,zones", "--all");
  await until("that Services have gone with their Gateways", async () =>
    (await inventory()).some((line) => line.includes(` ${SITE}/shared-`) || line.includes(` ${SITE}/own-`))
      ? undefined
      : true,
  );
  await kubectl("delete", "gatewayclass", "fairway-e2e-own");
  await kubectl("delete", "namespace", SITE, HOME, "--timeout=120s");
  assert.deepEqual((await inventory()).filter(isMoreThan(before)), []);
});
