/**
 * The chart at the API server that KUBECONFIG names, without a pod running: what each service account may do and what it
 * must not, that an upgrade leaves what the controller has written, and that nothing stays after uninstall.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { goModuleFolder } from "#src/testing/go-module.ts";
import { CHART } from "./render.ts";

const NAMESPACE = "fairway-rights";
const OTHER = "default";
const GATEWAY_API = join(goModuleFolder("sigs.k8s.io/gateway-api@v1.6.3"), "config/crd/standard");
const SERVICES = ["dns", "resolver", "edge", "balancer", "controller"];
const NO_PODS = SERVICES.map((service) => `${service}.replicas=0`).join(",");

function run(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) throw error;
  assert.equal(status, 0, `${command} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const helm = (verb: string, ...args: readonly string[]): string =>
  run("helm", verb, "fairway", ...args, "--namespace", NAMESPACE);

before(() => {
  run("kubectl", "apply", "--server-side", "--force-conflicts", "-f", GATEWAY_API);
  run("kubectl", "create", "namespace", NAMESPACE);
  run("kubectl", "label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted");
  helm("install", CHART, "--set", NO_PODS);
});

after(() => {
  spawnSync("helm", ["uninstall", "fairway", "--namespace", NAMESPACE]);
  spawnSync("kubectl", ["delete", "namespace", NAMESPACE, "--wait=false"]);
});

/** Whether the account may, in the words of `kubectl auth can-i`. */
function may(service: string, namespace: string, what: string): boolean {
  const account = `system:serviceaccount:${NAMESPACE}:fairway-${service}`;
  const args = ["auth", "can-i", ...what.split(" "), "--as", account, "--namespace", namespace];
  return spawnSync("kubectl", args, { encoding: "utf8" }).stdout.trim() === "yes";
}

/** Whatever there is to read and write in a cluster, by what it would give away or break. */
const DEEDS = [
  "get secrets",
  "list configmaps",
  "list pods",
  "create pods",
  "create pods --subresource=exec",
  "get nodes",
  "list services",
  "update endpointslices.discovery.k8s.io",
  "update deployments.apps",
  "update leases.coordination.k8s.io",
  "list zones.fairway.dev",
  "update zones.fairway.dev --subresource=status",
  "create serviceaccounts --subresource=token",
  "create clusterrolebindings.rbac.authorization.k8s.io",
  "impersonate serviceaccounts",
];

for (const service of ["dns", "resolver", "edge", "balancer"]) {
  test(`${service} may do nothing at all`, () => {
    const allowed = [NAMESPACE, OTHER].flatMap((namespace) => DEEDS.filter((what) => may(service, namespace, what)));
    assert.deepEqual(allowed, []);
  });
}

/** In its own namespace, and in any other. */
const CONTROLLER: Readonly<Record<string, readonly [boolean, boolean]>> = {
  "watch gateways.gateway.networking.k8s.io": [true, true],
  "update gateways.gateway.networking.k8s.io": [false, false],
  "patch gateways.gateway.networking.k8s.io --subresource=status": [true, true],
  "watch zones.fairway.dev": [true, true],
  "patch zones.fairway.dev": [false, false],
  "patch zones.fairway.dev --subresource=status": [true, true],
  "patch ingresses.networking.k8s.io": [false, false],
  "patch ingresses.networking.k8s.io --subresource=status": [true, true],
  "list secrets": [true, true],
  "create secrets": [false, false],
  "update secrets": [false, false],
  "create secrets/fairway-stream": [true, false],
  "update secrets/fairway-stream": [true, false],
  "delete secrets/fairway-stream": [false, false],
  "create services": [true, true],
  "create endpointslices.discovery.k8s.io": [true, true],
  "create deployments.apps": [true, false],
  "create daemonsets.apps": [true, false],
  "create serviceaccounts": [true, false],
  "create serviceaccounts --subresource=token": [false, false],
  "create poddisruptionbudgets.policy": [true, false],
  "create leases.coordination.k8s.io": [true, false],
  "list pods": [true, false],
  "create pods": [false, false],
  "create pods --subresource=exec": [false, false],
  "list configmaps": [false, false],
  "watch nodes": [true, true],
  "update nodes": [false, false],
  "update namespaces": [false, false],
  "create customresourcedefinitions.apiextensions.k8s.io": [false, false],
  "create rolebindings.rbac.authorization.k8s.io": [false, false],
  "impersonate users": [false, false],
};

test("the controller may do what it is for, and no more", () => {
  const found = Object.keys(CONTROLLER).map((what) => [
    what,
    [may("controller", NAMESPACE, what), may("controller", OTHER, what)],
  ]);
  assert.deepEqual(Object.fromEntries(found), CONTROLLER);
});

test("an upgrade leaves the certificates that the controller has written", () => {
  const patch = JSON.stringify({ stringData: { "ca.crt": "an authority" } });
  run("kubectl", "-n", NAMESPACE, "patch", "secret", "fairway-stream", "--field-manager=fairway", "--patch", patch);
  helm("upgrade", CHART, "--set", NO_PODS, "--set", "dns.queryLog=1");
  const kept = run("kubectl", "-n", NAMESPACE, "get", "secret", "fairway-stream", "-o", "jsonpath={.data.ca\\.crt}");
  assert.equal(Buffer.from(kept, "base64").toString(), "an authority");
});

test("nothing stays after uninstall but the CRDs", () => {
  helm("uninstall", "--wait");
  const kinds = "deployments,services,secrets,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets";
  const ofCluster = "clusterroles,clusterrolebindings,priorityclasses,gatewayclasses";
  const select = ["--selector", "app.kubernetes.io/name=fairway", "-o", "name"];
  assert.equal(run("kubectl", "get", kinds, "--namespace", NAMESPACE, ...select), "");
  assert.equal(run("kubectl", "get", ofCluster, ...select), "");
});
