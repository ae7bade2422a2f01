/** The data planes' pods, as the API server and the config stream know them together. */
import type { ClientStatus } from "#src/config/stream/client-state.ts";
import type { ConfigServer } from "#src/config/stream/server.ts";
import type { PodObservation } from "#src/gateway/observed.ts";
import { isRecord, type KubeMetadata } from "#src/kube/object.ts";
import type { KubeSource } from "#src/kube/source.ts";
import type { KubeObject } from "#src/translate/kube-object.ts";
import { observePod, planesByLabel } from "#src/translate/pod-observation.ts";

export interface ObservedPods {
  readonly pods: readonly PodObservation[];
  /** Differs whenever a pod's answers may, other than to what it listens at. */
  readonly signature: string;
}

export class PodWatch {
  /** Since when a pod is not connected, by its uid. */
  #silentSince = new Map<string, number>();

  observe(objects: KubeSource, server: ConfigServer, planes: readonly string[], now: number): ObservedPods {
    const byLabel = planesByLabel(planes);
    const clients = new Map(server.clients.map((client) => [client.identity?.podUid, client]));
    const zones = new Map(
      Array.from(objects.objects("Node"), ({ object }) => [object?.metadata.name, zoneOf(object?.metadata)]),
    );
    const silent = new Map<string, number>();
    const signatures: unknown[] = [];
    const pods = Array.from(objects.objects("Pod")).flatMap(({ uid, object }) => {
      if (object === undefined) return [];
      const client = clients.get(uid);
      const silentSince = client === undefined ? (this.#silentSince.get(uid) ?? now) : undefined;
      if (silentSince !== undefined) silent.set(uid, silentSince);
      // Read back as it was written: an object of a namespace.
      const pod = object as KubeObject;
      const node = (pod["spec"] as { readonly nodeName?: string } | undefined)?.nodeName;
      const observed = observePod(pod, { planes: byLabel, client, silentSince, zone: zones.get(node) ?? "" });
      if (observed === undefined) return [];
      signatures.push(signatureOf(observed, client));
      return observed;
    });
    this.#silentSince = silent;
    return { pods, signature: JSON.stringify(signatures) };
  }
}

function signatureOf(
  { uid, plane, isReady, isTerminating, hostAddresses, silentSince }: PodObservation,
  client: ClientStatus | undefined,
): unknown[] {
  return [
    uid,
    plane,
    isReady,
    isTerminating,
    hostAddresses,
    silentSince,
    client?.acknowledgedDigest,
    client?.isCurrent,
    client?.rejected,
  ];
}

const ZONE = "topology.kubernetes.io/zone";

function zoneOf(metadata: KubeMetadata | undefined): string {
  const labels = metadata?.["labels"];
  const zone = isRecord(labels) ? labels[ZONE] : undefined;
  return typeof zone === "string" ? zone : "";
}
