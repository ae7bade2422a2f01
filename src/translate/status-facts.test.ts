import assert from "node:assert/strict";
import { test } from "node:test";
import { status } from "#src/gateway/status.ts";
import type { StatusFacts } from "#src/gateway/observed.ts";
import { addressesOfFronts, carriedOf } from "./status-facts.ts";
import type { Translation } from "./translate.ts";
import { decodeAll, observe, World } from "#src/testing/cluster-world.ts";

const OBJECTS = `
apiVersion: fairway.dev/v1alpha1
kind: DataPlane
metadata: {name: inside, namespace: shop}
spec: {engine: balancer, service: {type: ClusterIP}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop, uid: uid-web}
spec:
  gatewayClassName: fairway
  infrastructure: {parametersRef: {group: fairway.dev, kind: DataPlane, name: inside}}
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: fairway.dev/v1alpha1
kind: Backend
metadata: {name: origin, namespace: shop}
spec: {endpoints: [{address: 192.0.2.1, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{group: fairway.dev, kind: Backend, name: origin, port: 80}]}]}
---
apiVersion: fairway.dev/v1alpha1
kind: Zone
metadata: {name: z, namespace: shop}
spec: {domain: example.com, nameServers: [ns], records: [{name: ns, type: A, data: [192.0.2.53]}]}
`;

function factsOf(world: World, translation: Translation): StatusFacts {
  const pods = world.pods.map(observe);
  return {
    pods,
    carried: carriedOf(translation),
    addresses: addressesOfFronts(translation.fronts, pods),
    publishedAt: () => 0,
  };
}

/** The last condition of every object that has a status. */
function programmed(world: World): Record<string, string> {
  const translation = world.settle();
  const objects = world.objects.map(({ apiVersion, kind, metadata }) => {
    const { namespace, name } = metadata;
    return { apiVersion, kind, namespace, name, resourceVersion: "1", status: undefined };
  });
  const { patches } = status(translation.verdicts, factsOf(world, translation), objects, world.now);
  return Object.fromEntries(
    patches.map(({ kind, status: next }) => {
      const { parents, conditions } = next as {
        readonly parents?: readonly { readonly conditions: unknown }[];
        readonly conditions?: unknown;
      };
      const last = ((parents?.[0]?.conditions ?? conditions) as readonly { readonly reason: string }[]).at(-1);
      return [kind, last?.reason ?? ""];
    }),
  );
}

test("every kind is programmed when the pods that carry it have it in use", () => {
  const world = new World(OBJECTS);
  const [balancer] = [world.addPod("balancer", 1), world.addPod("dns", 2)];
  assert.deepEqual(programmed(world), {
    DataPlane: "Programmed",
    Gateway: "AddressNotAssigned",
    Backend: "Programmed",
    HTTPRoute: "Programmed",
    Zone: "Programmed",
  });
  const service = world.existing.get("Service shop/web-fairway")!;
  const spec = { ...(service["spec"] as object), clusterIP: "10.96.0.9", clusterIPs: ["10.96.0.9", "fd00::9"] };
  world.existing.set("Service shop/web-fairway", { ...service, spec });
  const translation = world.settle();
  assert.deepEqual(factsOf(world, translation).addresses.get("Gateway shop/web"), [
    { type: "IPAddress", value: "10.96.0.9" },
    { type: "IPAddress", value: "fd00::9" },
  ]);
  assert.equal(programmed(world)["Gateway"], "Programmed");
  balancer.isReady = false;
  assert.deepEqual(programmed(world), {
    DataPlane: "Pending",
    Gateway: "Pending",
    Backend: "Pending",
    HTTPRoute: "Pending",
    Zone: "Programmed",
  });
});

test("a load balancer's address, the nodes of host ports, and a Service that is another's", () => {
  const world = new World(OBJECTS.replace("type: ClusterIP", "type: LoadBalancer"));
  world.addPod("balancer", 1);
  world.settle();
  const service = world.existing.get("Service shop/web-fairway")!;
  const ingress = [{ hostname: "lb.example.com" }, { ip: "192.0.2.80", ipMode: "VIP" }];
  world.existing.set("Service shop/web-fairway", { ...service, status: { loadBalancer: { ingress } } });
  const addresses = (): unknown => factsOf(world, world.settle()).addresses.get("Gateway shop/web");
  assert.deepEqual(addresses(), [
    { type: "Hostname", value: "lb.example.com" },
    { type: "IPAddress", value: "192.0.2.80" },
  ]);
  world.objects = decodeAll(OBJECTS.replace("type: ClusterIP", "type: NodePort"));
  world.settle();
  assert.deepEqual(addresses(), [{ type: "IPAddress", value: "192.0.2.1" }]);
  world.existing.clear();
  world.objects = decodeAll(`${OBJECTS}---\n${FOREIGN}`);
  assert.deepEqual(addresses(), {
    reason: "NoResources",
    message: "Service shop/web-fairway is there already, and is not the Gateway's",
  });
});

const FOREIGN = `
apiVersion: v1
kind: Service
metadata: {name: web-fairway, namespace: shop}
spec: {ports: [{port: 80}]}
`;
