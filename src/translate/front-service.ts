import type { FrontPort, Front } from "./front.ts";
import type { KubeObject, OwnerReference } from "./kube-object.ts";
import { labelValue } from "./object-name.ts";
import { MANAGED_BY, MANAGER, OWNER } from "./own-slice.ts";

/** The Service of a Gateway (GEP-1762: named after it and its class, and labelled so), or that of all Ingresses. */
export function frontService(front: Front, home: OwnerReference | undefined): KubeObject {
  const { namespace, name, plane, ports, address } = front;
  const { service } = front.parameters;
  const usesNodePorts = serviceType(front) !== "ClusterIP";
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace,
      labels: frontLabels(front),
      annotations: { ...service.annotations, ...front.annotations, [OWNER]: front.owner },
      ...ownedBy(front, home),
    },
    spec: {
      type: serviceType(front),
      ipFamilyPolicy: service.ipFamilyPolicy,
      ...(usesNodePorts && { externalTrafficPolicy: service.externalTrafficPolicy }),
      ...(service.loadBalancerClass !== undefined && { loadBalancerClass: service.loadBalancerClass }),
      ...(address !== "" && { loadBalancerIP: address }),
      // Without a selector: the endpoints are in our slices.
      ports: ports.map((port) => ({
        name: portName(port),
        port: port.port,
        protocol: port.transport,
        ...(port.appProtocol !== "" && { appProtocol: port.appProtocol }),
        ...(plane.ports === "listener" && { targetPort: port.port }),
      })),
    },
  };
}

/** A plane with host ports is reached at its nodes. */
export function serviceType({ plane, parameters }: Front): Front["parameters"]["service"]["type"] {
  return plane.ports === "listener" ? "ClusterIP" : parameters.service.type;
}

/** `tcp-80`: what ties a Service's port to those of its slices. */
export function portName({ transport, port }: Pick<FrontPort, "transport" | "port">): string {
  return `${transport.toLowerCase()}-${port}`;
}

export function frontLabels({ labels, gateway }: Front): Record<string, string> {
  return {
    ...labels,
    [MANAGED_BY]: MANAGER,
    ...(gateway !== undefined && {
      "gateway.networking.k8s.io/gateway-name": labelValue(gateway.name),
      "gateway.networking.k8s.io/gateway-class-name": labelValue(gateway.className),
    }),
  };
}

/** What is made for a Gateway goes with it, the rest with what Fairway is installed by. */
export function ownedBy(
  { gateway }: Front,
  home: OwnerReference | undefined,
): { readonly ownerReferences?: readonly OwnerReference[] } {
  if (gateway === undefined) return home === undefined ? {} : { ownerReferences: [home] };
  if (gateway.uid === "") return {};
  const { name, uid } = gateway;
  const reference = { apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", name, uid, controller: true };
  return { ownerReferences: [reference] };
}
