import type { GatewayClass } from "#src/resource/gateway-class.ts";
import type { IngressClass } from "#src/resource/ingress-class.ts";
import type { ObjectMeta } from "#src/resource/metadata.ts";
import type { Resource } from "#src/resource/resource.ts";
import { CONTROLLER_NAME } from "./condition.ts";
import { DEFAULT_CLASS, INGRESS_CONTROLLER } from "./ingress.ts";

/**
 * The objects of a directory with the classes that a cluster gets with the installation: GatewayClasses `fairway`
 * (balancer) and `fairway-edge` (edge), and the IngressClass `fairway`, which here is the default. One that the directory
 * defines itself is left as it is.
 */
export function withBuiltInClasses(resources: Iterable<Resource>): Resource[] {
  const all = [...resources];
  for (const name of ["fairway", "fairway-edge"]) {
    if (!all.some(({ kind, metadata }) => kind === "GatewayClass" && metadata.name === name)) all.push(makeClass(name));
  }
  if (!all.some(({ kind, metadata }) => kind === "IngressClass" && metadata.name === "fairway")) {
    all.push(makeIngressClass());
  }
  return all;
}

function makeClass(name: string): GatewayClass {
  const metadata = metadataOf(name, {});
  const spec = { controllerName: CONTROLLER_NAME };
  return { apiVersion: "gateway.networking.k8s.io/v1", kind: "GatewayClass", metadata, spec };
}

function makeIngressClass(): IngressClass {
  const metadata = metadataOf("fairway", { [DEFAULT_CLASS]: "true" });
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "IngressClass",
    metadata,
    spec: { controller: INGRESS_CONTROLLER },
  };
}

function metadataOf(name: string, annotations: Readonly<Record<string, string>>): ObjectMeta {
  return { name, namespace: "", labels: {}, annotations, creationTimestamp: "", generation: 0 };
}
