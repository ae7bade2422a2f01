/** What the controller watches: objects that it reads as configuration, and, whole, what it makes and where that runs. */
import { INFRASTRUCTURE_KINDS } from "#src/translate/infrastructure.ts";
import { MANAGED_BY, MANAGER, SLICE_MANAGED_BY } from "#src/translate/own-slice.ts";
import type { KubeKind } from "#src/kube/object.ts";
import type { WatchedKind } from "#src/kube/source.ts";
import { KINDS } from "#src/resource/resource.ts";

/** Kinds of configuration, in all namespaces. */
export const CONFIGURATION: readonly WatchedKind[] = Object.values(KINDS).map((kind) => ({ kind }));

const PODS: KubeKind = { group: "", versions: ["v1"], kind: "Pod", plural: "pods", scope: "Namespaced" };
const NODES: KubeKind = { group: "", versions: ["v1"], kind: "Node", plural: "nodes", scope: "Cluster" };

/** Of all pods there only ours. */
const OUR_PODS = "app.kubernetes.io/name=fairway";

export const MADE: readonly KubeKind[] = INFRASTRUCTURE_KINDS.map(({ apiVersion, kind, plural }) => {
  const [version = "", group = ""] = apiVersion.split("/").toReversed();
  return { group, versions: [version], kind, plural, scope: "Namespaced" };
});

/** A Gateway's Service and slices lie in its namespace, all else in `home`. */
export function watchedObjects(home: string): WatchedKind[] {
  const made = MADE.map((kind): WatchedKind => {
    if (kind.kind === "EndpointSlice") return { kind, labelSelector: `${SLICE_MANAGED_BY}=${MANAGER}` };
    const labelSelector = `${MANAGED_BY}=${MANAGER}`;
    return kind.kind === "Service" ? { kind, labelSelector } : { kind, labelSelector, namespaces: [home] };
  });
  return [...made, { kind: PODS, namespaces: [home], labelSelector: OUR_PODS }, { kind: NODES }];
}

/** Kinds whose status is ours to write. */
export const WITH_STATUS = [
  "GatewayClass",
  "Gateway",
  "HTTPRoute",
  "TCPRoute",
  "UDPRoute",
  "Ingress",
  "DataPlane",
  "Zone",
  "Backend",
] as const;
