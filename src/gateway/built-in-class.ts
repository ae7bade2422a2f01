import type { GatewayClass } from "#src/resource/gateway-class.ts";
import type { Resource } from "#src/resource/resource.ts";
import { CONTROLLER_NAME } from "./condition.ts";

/**
 * The objects of a directory with the GatewayClasses that a cluster gets with the installation: `fairway` (balancer)
 * and `fairway-edge` (edge). One that the directory defines itself is left as it is.
 */
export function withBuiltInClasses(resources: Iterable<Resource>): Resource[] {
  const all = [...resources];
  for (const name of ["fairway", "fairway-edge"]) {
    if (!all.some(({ kind, metadata }) => kind === "GatewayClass" && metadata.name === name)) all.push(makeClass(name));
  }
  return all;
}

function makeClass(name: string): GatewayClass {
  const metadata = { name, namespace: "", labels: {}, annotations: {}, creationTimestamp: "", generation: 0 };
  const spec = { controllerName: CONTROLLER_NAME };
  return { apiVersion: "gateway.networking.k8s.io/v1", kind: "GatewayClass", metadata, spec };
}
