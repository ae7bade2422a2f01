/**
 * EndpointSlices: one for each port of a Service and address family (more beyond 1,000 endpoints), so that a port's
 * endpoints come and go without those of another. They lead to pods that are ready and listen there.
 */
import { hash } from "node:crypto";
import { isIPv6 } from "node:net";
import { compareText } from "#src/gateway/object-index.ts";
import type { PodObservation } from "#src/gateway/observed.ts";
import { type Allocation, portKey } from "./allocation.ts";
import type { Front } from "./front.ts";
import { frontLabels, ownedBy, portName } from "./front-service.ts";
import type { KubeObject, OwnerReference } from "./kube-object.ts";
import { objectName } from "./object-name.ts";
import { DATA_PLANE, MANAGER, OWNER, PUBLIC_PORT, RELEASED_AT, SERVICE_NAME, SLICE_MANAGED_BY } from "./own-slice.ts";

type Family = "IPv4" | "IPv6";

const MAX_ENDPOINTS = 1000;

/** Slices of a port in use. Pods that are not connected stay endpoints where they are some already. */
export function slicesInUse(
  front: Front,
  allocation: Allocation,
  pods: readonly PodObservation[],
  existing: readonly KubeObject[],
  home: OwnerReference | undefined,
): KubeObject[] {
  const own = pods.filter(({ plane }) => plane === allocation.plane);
  const known = new Set(existing.filter((slice) => isOf(slice, allocation)).flatMap(podsOf));
  const families = familiesOf(own);
  return families.flatMap((family) => {
    const endpoints = own
      .filter((pod) => pod.isReady && (pod.isBound(portKey(allocation)) ?? known.has(pod.uid)))
      .flatMap((pod) => toEndpoint(pod, family))
      .toSorted((a, b) => compareText(a.addresses[0]!, b.addresses[0]!));
    return chunks(endpoints).map((part, index): KubeObject => {
      const { namespace, name, owner } = front;
      const { plane, transport, publicPort, port } = allocation;
      const digest = hash("sha256", `${plane} ${port}`).slice(0, 6);
      const words = [
        name,
        transport.toLowerCase(),
        publicPort,
        digest,
        family.toLowerCase(),
        ...(index > 0 ? [index] : []),
      ];
      return {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: {
          name: objectName(words.join("-")),
          namespace,
          labels: { ...frontLabels(front), [SERVICE_NAME]: name, [SLICE_MANAGED_BY]: MANAGER },
          annotations: {
            ...front.annotations,
            [OWNER]: owner,
            [DATA_PLANE]: plane,
            [PUBLIC_PORT]: String(publicPort),
          },
          ...ownedBy(front, home),
        },
        addressType: family,
        ports: [{ name: portName({ transport, port: publicPort }), port, protocol: transport }],
        endpoints: part,
      };
    });
  });
}

/** What is there of a port that nobody uses any more: without endpoints, and with the time from which it rests. */
export function slicesReleased(allocation: Allocation, existing: readonly KubeObject[]): KubeObject[] {
  const releasedAt = new Date(allocation.releasedAt ?? 0).toISOString();
  return existing
    .filter((slice) => isOf(slice, allocation))
    .map((slice) => {
      const { name, namespace, labels = {}, annotations = {}, ownerReferences } = slice.metadata;
      const { [OWNER]: owner = "", [DATA_PLANE]: plane = "", [PUBLIC_PORT]: publicPort = "" } = annotations;
      return {
        apiVersion: slice.apiVersion,
        kind: slice.kind,
        metadata: {
          name,
          namespace,
          labels,
          annotations: { [OWNER]: owner, [DATA_PLANE]: plane, [PUBLIC_PORT]: publicPort, [RELEASED_AT]: releasedAt },
          ...(ownerReferences && { ownerReferences }),
        },
        addressType: slice["addressType"],
        ports: slice["ports"],
        endpoints: [],
      };
    });
}

function isOf(slice: KubeObject, { owner, plane, publicPort, port, transport }: Allocation): boolean {
  const { annotations = {} } = slice.metadata;
  const { ports } = slice as { readonly ports?: readonly { readonly port?: number; readonly protocol?: string }[] };
  return (
    slice.kind === "EndpointSlice" &&
    annotations[OWNER] === owner &&
    annotations[DATA_PLANE] === plane &&
    annotations[PUBLIC_PORT] === String(publicPort) &&
    ports?.[0]?.port === port &&
    ports[0].protocol === transport
  );
}

/** Uids of the pods that a slice leads to. */
function podsOf(slice: KubeObject): string[] {
  const { endpoints } = slice as { readonly endpoints?: readonly { readonly targetRef?: { readonly uid?: string } }[] };
  return (endpoints ?? []).flatMap(({ targetRef }) => targetRef?.uid ?? []);
}

/** Those that the plane's pods have; without pods there is one slice still, which keeps the allocation. */
function familiesOf(pods: readonly PodObservation[]): readonly Family[] {
  const addresses = pods.flatMap((pod) => pod.addresses);
  const hasIPv6 = addresses.some((address) => isIPv6(address));
  const hasIPv4 = addresses.some((address) => !isIPv6(address));
  return [...(hasIPv4 || !hasIPv6 ? (["IPv4"] as const) : []), ...(hasIPv6 ? (["IPv6"] as const) : [])];
}

/** Of discovery.k8s.io/v1. */
interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: boolean };
  readonly nodeName: string;
  readonly zone?: string;
  readonly targetRef: {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
}

function toEndpoint(pod: PodObservation, family: Family): SliceEndpoint[] {
  const address = pod.addresses.find((each) => isIPv6(each) === (family === "IPv6"));
  if (address === undefined) return [];
  return [
    {
      addresses: [address],
      // A pod that ends serves on as long as it is ready by its probe: kube-proxy falls back on it when no other is left.
      conditions: { ready: !pod.isTerminating, serving: true, terminating: pod.isTerminating },
      nodeName: pod.nodeName,
      ...(pod.zone !== "" && { zone: pod.zone }),
      targetRef: { kind: "Pod", namespace: pod.namespace, name: pod.name, uid: pod.uid },
    },
  ];
}

/** At least one. */
function chunks<Item>(items: readonly Item[]): Item[][] {
  const count = Math.max(1, Math.ceil(items.length / MAX_ENDPOINTS));
  return Array.from({ length: count }, (_, index) => items.slice(index * MAX_ENDPOINTS, (index + 1) * MAX_ENDPOINTS));
}
