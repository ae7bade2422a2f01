import type { Backend } from "#src/resource/backend.ts";
import type { DataPlane } from "#src/resource/data-plane.ts";
import type { EndpointSlice } from "#src/resource/endpoint-slice.ts";
import type { Gateway } from "#src/resource/gateway.ts";
import type { GatewayClass } from "#src/resource/gateway-class.ts";
import type { HttpRoute } from "#src/resource/http-route.ts";
import type { Ingress } from "#src/resource/ingress.ts";
import type { IngressClass } from "#src/resource/ingress-class.ts";
import type { ObjectMeta } from "#src/resource/metadata.ts";
import type { ReferenceGrant } from "#src/resource/reference-grant.ts";
import type { Resource } from "#src/resource/resource.ts";
import type { Secret } from "#src/resource/secret.ts";
import type { Service } from "#src/resource/service.ts";
import type { TcpRoute } from "#src/resource/tcp-route.ts";
import type { UdpRoute } from "#src/resource/udp-route.ts";
import type { Zone } from "#src/resource/zone.ts";

/** All objects, found as references name them. Keys are `NAMESPACE/NAME`; lists are in order of age, then name. */
export interface ObjectIndex {
  readonly gatewayClasses: readonly GatewayClass[];
  readonly gateways: readonly Gateway[];
  readonly httpRoutes: readonly HttpRoute[];
  readonly tcpRoutes: readonly TcpRoute[];
  readonly udpRoutes: readonly UdpRoute[];
  readonly ingresses: readonly Ingress[];
  readonly ingressClasses: readonly IngressClass[];
  readonly zones: readonly Zone[];
  readonly dataPlanes: ReadonlyMap<string, DataPlane>;
  readonly backends: ReadonlyMap<string, Backend>;
  readonly services: ReadonlyMap<string, Service>;
  readonly secrets: ReadonlyMap<string, Secret>;
  /** By `NAMESPACE/SERVICE`, of the label that ties a slice to its Service. */
  readonly endpointSlices: ReadonlyMap<string, readonly EndpointSlice[]>;
  /** By the namespace that grants. */
  readonly grants: ReadonlyMap<string, readonly ReferenceGrant[]>;
  /** By name. A namespace without an object has the one label that every namespace has. */
  readonly namespaceLabels: (name: string) => Readonly<Record<string, string>>;
}

const SERVICE_NAME = "kubernetes.io/service-name";
const NAMESPACE_NAME = "kubernetes.io/metadata.name";

/** Orders objects as Gateway API breaks ties: the older first (unknown age last), then by namespace and name. */
export function compareAge(a: { readonly metadata: ObjectMeta }, b: { readonly metadata: ObjectMeta }): number {
  const [first, second] = [a.metadata, b.metadata];
  if (first.creationTimestamp !== second.creationTimestamp) {
    if (first.creationTimestamp === "") return 1;
    if (second.creationTimestamp === "") return -1;
    const difference = Date.parse(first.creationTimestamp) - Date.parse(second.creationTimestamp);
    if (difference !== 0) return difference;
  }
  return compareText(keyOf(first), keyOf(second));
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function keyOf(metadata: ObjectMeta): string {
  return `${metadata.namespace}/${metadata.name}`;
}

export function indexObjects(resources: Iterable<Resource>): ObjectIndex {
  const groups = Map.groupBy(resources, (resource) => resource.kind);
  const only = <Kind extends Resource["kind"]>(kind: Kind): Extract<Resource, { kind: Kind }>[] =>
    (groups.get(kind) ?? []).filter(
      (resource): resource is Extract<Resource, { kind: Kind }> => resource.kind === kind,
    );
  const labels = new Map(only("Namespace").map(({ metadata }) => [metadata.name, metadata.labels]));
  return {
    gatewayClasses: only("GatewayClass").toSorted(compareAge),
    gateways: only("Gateway").toSorted(compareAge),
    httpRoutes: only("HTTPRoute").toSorted(compareAge),
    tcpRoutes: only("TCPRoute").toSorted(compareAge),
    udpRoutes: only("UDPRoute").toSorted(compareAge),
    ingresses: only("Ingress").toSorted(compareAge),
    ingressClasses: only("IngressClass").toSorted(compareAge),
    zones: only("Zone").toSorted(compareAge),
    dataPlanes: byKey(only("DataPlane")),
    backends: byKey(only("Backend")),
    services: byKey(only("Service")),
    secrets: byKey(only("Secret")),
    endpointSlices: Map.groupBy(
      only("EndpointSlice").toSorted(compareAge),
      ({ metadata }) => `${metadata.namespace}/${metadata.labels[SERVICE_NAME] ?? ""}`,
    ),
    grants: Map.groupBy(only("ReferenceGrant"), ({ metadata }) => metadata.namespace),
    namespaceLabels: (name) => ({ ...labels.get(name), [NAMESPACE_NAME]: name }),
  };
}

function byKey<T extends { readonly metadata: ObjectMeta }>(objects: readonly T[]): Map<string, T> {
  return new Map(objects.map((object) => [keyOf(object.metadata), object]));
}
