import type { Backend } from "#src/resource/backend.ts";
import type { ZoneBackendRef } from "#src/resource/zone-text.ts";
import type { Refusal } from "./condition.ts";
import { isGranted } from "./grant.ts";
import type { ObjectIndex } from "./object-index.ts";

/** Resolves a backend reference of a Zone's record, or says why it does not (the Zone's ResolvedRefs). */
export function resolveZoneBackend(
  objects: ObjectIndex,
  zoneNamespace: string,
  { name: owner, ref }: ZoneBackendRef,
): Backend | Refusal {
  const namespace = ref.namespace ?? zoneNamespace;
  const key = `${namespace}/${ref.name}`;
  const from = { group: "fairway.dev", kind: "Zone", namespace: zoneNamespace };
  if (!isGranted(objects, from, { group: "fairway.dev", kind: "Backend", namespace, name: ref.name })) {
    return {
      reason: "RefNotPermitted",
      message: `record ${owner}: no ReferenceGrant in ${namespace} permits Backend ${key}`,
    };
  }
  const backend = objects.backends.get(key);
  return backend ?? { reason: "BackendNotFound", message: `record ${owner}: there is no Backend ${key}` };
}
