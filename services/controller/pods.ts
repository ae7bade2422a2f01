/** What is known of the data planes' pods: what the API server says of them, and what they say at the config stream. */
import type { ClientStatus } from "#src/config/stream/client-state.ts";
import type { PodObservation } from "#src/gateway/observed.ts";
import type { HeldObject } from "#src/kube/held.ts";
import { isRecord } from "#src/kube/object.ts";

const ZONE = "topology.kubernetes.io/zone";

export interface PodSources {
  readonly pods: Iterable<HeldObject>;
  readonly nodes: Iterable<HeldObject>;
  /** Of the config stream. */
  readonly clients: readonly ClientStatus[];
  /** Plane of the pods of a service account, if they are a data plane's. */
  readonly planeOf: (serviceAccount: string) => string | undefined;
}

export function observePods({ pods, nodes, clients, planeOf }: PodSources): PodObservation[] {
  const zones = new Map(Array.from(nodes, ({ object }) => [object?.metadata.name ?? "", labelOf(object, ZONE)]));
  const byPod = new Map(clients.map((client) => [client.identity?.podUid, client]));
  return Array.from(pods).flatMap(({ uid, object }) => {
    if (object === undefined) return [];
    const spec = recordOf(object["spec"]);
    const status = recordOf(object["status"]);
    const plane = planeOf(textOf(spec["serviceAccountName"]));
    if (plane === undefined || status["phase"] === "Succeeded" || status["phase"] === "Failed") return [];
    const nodeName = textOf(spec["nodeName"]);
    return {
      plane,
      namespace: object.metadata.namespace ?? "",
      name: object.metadata.name,
      uid,
      nodeName,
      zone: zones.get(nodeName) ?? "",
      addresses: addressesOf(status["podIPs"]),
      hostAddresses: addressesOf(status["hostIPs"]),
      isReady: isReady(status["conditions"]),
      isTerminating: object.metadata["deletionTimestamp"] !== undefined,
      ...acknowledged(byPod.get(uid)),
    };
  });
}

type Acknowledged = Pick<PodObservation, "isCurrent" | "holds" | "refusal" | "isBound">;

const UNCONNECTED: Acknowledged = {
  isCurrent: false,
  holds: () => false,
  refusal: () => undefined,
  isBound: () => undefined,
};

function acknowledged(client: ClientStatus | undefined): Acknowledged {
  if (client === undefined) return UNCONNECTED;
  const { behind, rejected } = client;
  const refused = new Map(rejected.map(({ key, version, reason }) => [`${key} ${version}`, reason]));
  const bound = new Map<string, boolean>();
  for (const { key, state } of client.observed) bound.set(key, (bound.get(key) ?? true) && state === "bound");
  return {
    isCurrent: client.isCurrent && rejected.length === 0,
    holds: ({ key, version }) => behind !== undefined && !behind.has(key) && !refused.has(`${key} ${version}`),
    refusal: ({ key, version }) => refused.get(`${key} ${version}`),
    isBound: (key) => bound.get(key) ?? false,
  };
}

function isReady(conditions: unknown): boolean {
  return (
    Array.isArray(conditions) &&
    conditions.some((one) => isRecord(one) && one["type"] === "Ready" && one["status"] === "True")
  );
}

/** `[{ip: ...}]` of a pod's status, one of each family at most. */
function addressesOf(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((one) => (isRecord(one) && typeof one["ip"] === "string" ? one["ip"] : []));
}

function labelOf(object: HeldObject["object"], name: string): string {
  return textOf(recordOf(object?.metadata["labels"])[name]);
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
