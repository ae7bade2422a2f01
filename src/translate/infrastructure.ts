/**
 * What a cluster must have for its Gateways: Services, EndpointSlices, and the workloads of dedicated data planes. Of
 * what is there and ours only what differs is to be applied, and what nothing asks for is to be deleted.
 */
import { compareText } from "#src/gateway/object-index.ts";
import type { PodObservation } from "#src/gateway/observed.ts";
import type { Allocation } from "./allocation.ts";
import { isApplied, withHash } from "./applied.ts";
import type { Front } from "./front.ts";
import { frontService } from "./front-service.ts";
import { slicesInUse, slicesReleased } from "./front-slices.ts";
import { type KubeObject, objectKey, type ObjectRef } from "./kube-object.ts";
import { DATA_PLANE, MANAGED_BY, MANAGER, OWNER, SLICE_MANAGED_BY } from "./own-slice.ts";
import type { Translation } from "./translate.ts";
import { type WorkloadContext, workloadOf } from "./workload.ts";

export interface ClusterObservation {
  readonly pods: readonly PodObservation[];
  /** Objects of ours as the API server has them: of the kinds in INFRASTRUCTURE_KINDS, with the label of MANAGED_BY. */
  readonly existing: readonly KubeObject[];
}

export interface Infrastructure {
  /** For server-side apply, in this order. */
  readonly apply: readonly KubeObject[];
  readonly remove: readonly ObjectRef[];
}

/** What we make; EndpointSlices have the label SLICE_MANAGED_BY, the others MANAGED_BY, and both the value MANAGER. */
export const INFRASTRUCTURE_KINDS = [
  { apiVersion: "v1", kind: "Service", plural: "services" },
  { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", plural: "endpointslices" },
  { apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts" },
  { apiVersion: "apps/v1", kind: "Deployment", plural: "deployments" },
  { apiVersion: "apps/v1", kind: "DaemonSet", plural: "daemonsets" },
  { apiVersion: "policy/v1", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets" },
] as const;

export function infrastructure(
  { fronts, allocations }: Pick<Translation, "fronts" | "allocations">,
  { pods, existing }: ClusterObservation,
  context: WorkloadContext,
): Infrastructure {
  const slices = Map.groupBy(
    existing.filter(({ kind }) => kind === "EndpointSlice"),
    ({ metadata }) => metadata.annotations?.[OWNER] ?? "",
  );
  const free = fronts.filter(({ isTaken }) => !isTaken);
  const desired = [
    ...workloads(free, allocations, context),
    ...free.map((front) => frontService(front, context.owner)),
    ...allSlices(free, allocations, pods, slices, context),
  ].map(withHash);
  const known = new Map(existing.map((object) => [objectKey(object), object]));
  const wanted = new Set(desired.map(objectKey));
  const staying = planesStaying(allocations);
  return {
    apply: desired.filter((object) => !isApplied(object, known.get(objectKey(object)))),
    remove: existing
      .filter((object) => isOurs(object) && !wanted.has(objectKey(object)) && !isStaying(object, staying))
      .map(toRef)
      .toSorted((a, b) => compareText(`${a.kind} ${a.namespace}/${a.name}`, `${b.kind} ${b.namespace}/${b.name}`)),
  };
}

function workloads(
  fronts: readonly Front[],
  allocations: readonly Allocation[],
  context: WorkloadContext,
): KubeObject[] {
  const planes = new Map(fronts.filter(({ plane }) => plane.isDedicated).map((front) => [front.plane.id, front]));
  return [...planes.values()].flatMap(({ plane, parameters }) => workloadOf(plane, parameters, allocations, context));
}

function allSlices(
  fronts: readonly Front[],
  allocations: readonly Allocation[],
  pods: readonly PodObservation[],
  existing: ReadonlyMap<string, readonly KubeObject[]>,
  { owner: home }: WorkloadContext,
): KubeObject[] {
  const byOwner = new Map(fronts.map((front) => [front.owner, front]));
  const byPlane = Map.groupBy(pods, ({ plane }) => plane);
  return allocations.flatMap((allocation) => {
    const front = byOwner.get(allocation.owner);
    const own = existing.get(allocation.owner) ?? [];
    if (allocation.state === "closing" || allocation.state === "resting") return slicesReleased(allocation, own);
    if (front === undefined) return [];
    return slicesInUse(front, allocation, byPlane.get(allocation.plane) ?? [], own, home);
  });
}

/** Planes whose pods are reached, or have been just now, though no Gateway asks for them any more. */
function planesStaying(allocations: readonly Allocation[]): ReadonlySet<string> {
  return new Set(
    allocations.filter(({ state }) => state === "superseded" || state === "closing").map(({ plane }) => plane),
  );
}

function isStaying({ kind, metadata }: KubeObject, planes: ReadonlySet<string>): boolean {
  return kind !== "Service" && kind !== "EndpointSlice" && planes.has(metadata.annotations?.[DATA_PLANE] ?? "");
}

/** Made by us, as its labels and annotations say: without an owner it is something else of the same label. */
function isOurs({ metadata: { labels = {}, annotations = {} } }: KubeObject): boolean {
  return (labels[MANAGED_BY] === MANAGER || labels[SLICE_MANAGED_BY] === MANAGER) && annotations[OWNER] !== undefined;
}

function toRef({ apiVersion, kind, metadata }: KubeObject): ObjectRef {
  const { namespace, name, uid = "", resourceVersion = "" } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}
