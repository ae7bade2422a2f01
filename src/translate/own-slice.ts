/** How our EndpointSlices say what they are: the record of allocations that every controller reads. */
import { compareText, keyOf } from "#src/gateway/object-index.ts";
import type { EndpointSlice } from "#src/resource/endpoint-slice.ts";
import type { KnownPort } from "./allocation.ts";

/** Label of everything that we make, and of slices by Kubernetes' own convention. */
export const MANAGED_BY = "app.kubernetes.io/managed-by";
export const SLICE_MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
export const MANAGER = "fairway.dev";
export const SERVICE_NAME = "kubernetes.io/service-name";

/** Annotations of our slices; a slice has one port, which is where the pods listen. */
export const OWNER = "fairway.dev/owner";
export const DATA_PLANE = "fairway.dev/data-plane";
export const PUBLIC_PORT = "fairway.dev/public-port";
/** RFC 3339; there from when its owner has no more use for the port. */
export const RELEASED_AT = "fairway.dev/released-at";

/** Of all Ingresses together. */
export const INGRESS_OWNER = "Ingress";

/**
 * Ports that our slices record, the oldest slice first. A slice counts only in its owner's namespace (`home` is that of
 * the Ingresses' Service), so that nobody claims ports in another's name.
 */
export function readAllocations(slices: Iterable<EndpointSlice>, home: string): KnownPort[] {
  const known = new Map<string, KnownPort>();
  const ours = Array.from(slices).filter(({ metadata }) => metadata.labels[SLICE_MANAGED_BY] === MANAGER);
  for (const slice of ours.toSorted(compareAge)) {
    const port = readSlice(slice, home);
    if (port === undefined) continue;
    const key = JSON.stringify([port.plane, port.transport, port.port, port.owner, port.publicPort]);
    const other = known.get(key);
    known.set(key, other === undefined ? port : both(other, port));
  }
  return [...known.values()];
}

/** Slices of the two address families, or several of one. */
function both(a: KnownPort, b: KnownPort): KnownPort {
  return { ...a, hasEndpoints: a.hasEndpoints || b.hasEndpoints, releasedAt: a.releasedAt ?? b.releasedAt };
}

function readSlice({ metadata, ports, endpoints }: EndpointSlice, home: string): KnownPort | undefined {
  const {
    [OWNER]: owner,
    [DATA_PLANE]: plane,
    [PUBLIC_PORT]: publicPort = "",
    [RELEASED_AT]: at,
  } = metadata.annotations;
  const [bound, ...more] = ports ?? [];
  if (owner === undefined || plane === undefined || bound?.port === undefined || more.length > 0) return undefined;
  if (bound.protocol === "SCTP" || !/^\d{1,5}$/.test(publicPort)) return undefined;
  const isAtHome = owner === INGRESS_OWNER ? metadata.namespace === home : isGatewayOf(owner, metadata.namespace);
  if (!isAtHome) return undefined;
  const releasedAt = at === undefined ? Number.NaN : Date.parse(at);
  return {
    owner,
    plane,
    transport: bound.protocol,
    publicPort: Number(publicPort),
    port: bound.port,
    hasEndpoints: endpoints.length > 0,
    releasedAt: Number.isNaN(releasedAt) ? undefined : releasedAt,
  };
}

function isGatewayOf(owner: string, namespace: string): boolean {
  return owner.startsWith(`Gateway ${namespace}/`) && owner.split("/").length === 2;
}

function compareAge({ metadata: a }: EndpointSlice, { metadata: b }: EndpointSlice): number {
  return compareText(a.creationTimestamp, b.creationTimestamp) || compareText(keyOf(a), keyOf(b));
}
