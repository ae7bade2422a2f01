/** A pod as the API server has it, together with what it says over the config stream. */
import type { ClientStatus } from "#src/config/stream/client-state.ts";
import type { PodObservation } from "#src/gateway/observed.ts";
import type { KubeObject } from "./kube-object.ts";
import { dedicatedName, PLANE_LABEL } from "./workload.ts";

/** Of core/v1 Pod what is read; all of it may be missing. */
interface PodFacts {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly hostIPs?: readonly { readonly ip: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface PodSources {
  /** Plane.id by the value of PLANE_LABEL: see planesByLabel. */
  readonly planes: ReadonlyMap<string, string>;
  /** The pod's own connection (by PodIdentity.podUid); undefined: it has none. */
  readonly client: ClientStatus | undefined;
  /** See PodObservation. */
  readonly silentSince?: number | undefined;
  /** Of its node, "" when that is not known. */
  readonly zone: string;
}

/** Values of PLANE_LABEL with the planes that they mean: a dedicated plane's is its name (dedicatedName). */
export function planesByLabel(planes: Iterable<string>): Map<string, string> {
  return new Map(Array.from(planes, (id) => [id.includes("/") ? dedicatedName(id) : id, id]));
}

/** Undefined: it is no data plane's. */
export function observePod(
  pod: KubeObject,
  { planes, client, silentSince, zone }: PodSources,
): PodObservation | undefined {
  const plane = planes.get(pod.metadata.labels?.[PLANE_LABEL] ?? "");
  if (plane === undefined) return undefined;
  const { spec = {}, status = {} } = pod as PodFacts;
  const { namespace, name, uid = "" } = pod.metadata;
  return {
    plane,
    namespace,
    name,
    uid,
    nodeName: spec.nodeName ?? "",
    zone,
    addresses: (status.podIPs ?? []).map(({ ip }) => ip),
    hostAddresses: (status.hostIPs ?? []).map(({ ip }) => ip),
    isReady: (status.conditions ?? []).some(({ type, status: value }) => type === "Ready" && value === "True"),
    isTerminating: pod.metadata.deletionTimestamp !== undefined,
    silentSince,
    ...heard(client),
  };
}

type Heard = Pick<PodObservation, "isCurrent" | "holds" | "refusal" | "isBound">;

const SILENT: Heard = { isCurrent: false, holds: () => false, refusal: () => undefined, isBound: () => undefined };

/** What it has acknowledged. Its main speaks for all of its processes; a port that one of them has bound takes clients. */
function heard(client: ClientStatus | undefined): Heard {
  if (client === undefined) return SILENT;
  const { behind, rejected, isCurrent } = client;
  const refusals = new Map(rejected.map((each) => [each.key, each]));
  const bound = new Set(Array.from(client.observed, ({ key, state }) => (state === "bound" ? key : "")));
  return {
    isCurrent: isCurrent && rejected.length === 0,
    holds: ({ key }) => behind !== undefined && !behind.has(key) && !refusals.has(key),
    refusal: ({ key, version }) => {
      const refusal = refusals.get(key);
      return refusal?.version === version ? refusal.reason : undefined;
    },
    isBound: (key) => bound.has(key) && !refusals.has(key),
  };
}
