import type { ZoneBackendConfig, ZoneConfig } from "#src/config/model.ts";
import { condition, type Refusal, type Verdict } from "#src/gateway/condition.ts";
import { keyOf, type ObjectIndex } from "#src/gateway/object-index.ts";
import { resolveZoneBackend } from "#src/gateway/zone-backend.ts";
import type { Backend } from "#src/resource/backend.ts";
import { renderZone, type ZoneBackendRef } from "#src/resource/zone-text.ts";
import { PASSIVE_ONLY, translateBackend } from "./backend.ts";

/** Entries and verdicts of Zones; of two for one domain the older is served. */
export function translateZones(objects: ObjectIndex): { entries: Map<string, ZoneConfig>; verdicts: Verdict[] } {
  const entries = new Map<string, ZoneConfig>();
  const holders = new Map<string, string>();
  const verdicts = objects.zones.map((zone): Verdict => {
    const { namespace, name, generation } = zone.metadata;
    const { origin, text, backends } = renderZone(zone);
    const holder = holders.get(origin);
    const refusals: Refusal[] = [];
    const unresolved: Refusal[] = [];
    const targets = backends.map((ref) => {
      const target = resolveZoneBackend(objects, namespace, ref);
      if (!("reason" in target)) return translateZoneBackend(ref, target);
      unresolved.push(target);
      return translateZoneBackend(ref, undefined);
    });
    if (holder === undefined) {
      holders.set(origin, keyOf(zone.metadata));
      entries.set(`zone/${keyOf(zone.metadata)}`, { kind: "zone", origin, text, backends: targets });
    } else refusals.push({ reason: "Conflicted", message: `Zone ${holder} is for ${origin} already` });
    const conditions = [condition("Accepted", refusals), condition("ResolvedRefs", unresolved)];
    return { kind: "Zone", namespace, name, generation, conditions };
  });
  return { entries, verdicts };
}

/** Without a Backend the name stays, and has no addresses. */
function translateZoneBackend({ line, name, ttl }: ZoneBackendRef, backend: Backend | undefined): ZoneBackendConfig {
  const place = { line, name, ttl };
  if (backend === undefined) return { ...place, id: "", endpoints: [], health: PASSIVE_ONLY };
  const { id, endpoints, health } = translateBackend({ kind: "Backend", backend, port: 0 });
  return { ...place, id, endpoints: endpoints.filter(({ weight }) => weight > 0), health };
}
