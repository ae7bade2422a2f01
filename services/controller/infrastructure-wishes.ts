/** Services, EndpointSlices and workloads that the leader wishes for. */
import type { PodObservation } from "#src/gateway/observed.ts";
import type { KubeSource } from "#src/kube/source.ts";
import { infrastructure } from "#src/translate/infrastructure.ts";
import { type KubeObject, objectKey } from "#src/translate/kube-object.ts";
import type { Translation } from "#src/translate/translate.ts";
import type { WorkloadContext } from "#src/translate/workload.ts";
import { MADE } from "./kinds.ts";
import type { Wish } from "./write-queue.ts";

export function infrastructureWishes(
  objects: KubeSource,
  translation: Translation,
  pods: readonly PodObservation[],
  context: WorkloadContext,
): Wish[] {
  const existing = new Map<string, KubeObject>();
  for (const { kind } of MADE) {
    for (const { name, object } of objects.objects(kind)) {
      // Read back as it was written: an object of a namespace.
      if (object !== undefined) existing.set(name, object as KubeObject);
    }
  }
  const { apply, remove } = infrastructure(translation, { pods, existing: [...existing.values()] }, context);
  return [
    ...apply.map((object): Wish => {
      const seen = existing.get(objectKey(object))?.metadata.resourceVersion ?? "";
      return { act: "apply", kind: madeKind(object.kind), object: toApplied(object, seen), seen };
    }),
    ...remove.map((target): Wish => ({ act: "remove", kind: madeKind(target.kind), target })),
  ];
}

const madeKind = (kind: string) => MADE.find((one) => one.kind === kind)!;

/** About the version that was seen: what another has made of it since is looked at first. */
function toApplied(object: KubeObject, seen: string) {
  const { uid: _uid, resourceVersion: _version, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...(seen !== "" && { resourceVersion: seen }) } };
}
