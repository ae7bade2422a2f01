import type { ZoneConfig } from "#src/config/model.ts";
import { condition, type Refusal, type Verdict } from "#src/gateway/condition.ts";
import { keyOf, type ObjectIndex } from "#src/gateway/object-index.ts";
import { renderZone } from "#src/resource/zone-text.ts";

/** Entries and verdicts of Zones; of two for one domain the older is served. */
export function translateZones(objects: ObjectIndex): { entries: Map<string, ZoneConfig>; verdicts: Verdict[] } {
  const entries = new Map<string, ZoneConfig>();
  const holders = new Map<string, string>();
  const verdicts = objects.zones.map((zone): Verdict => {
    const { namespace, name, generation } = zone.metadata;
    const { origin, text } = renderZone(zone);
    const holder = holders.get(origin);
    const refusals: Refusal[] = [];
    if (holder === undefined) {
      holders.set(origin, keyOf(zone.metadata));
      entries.set(`zone/${keyOf(zone.metadata)}`, { kind: "zone", origin, text });
    } else refusals.push({ reason: "Conflicted", message: `Zone ${holder} is for ${origin} already` });
    return { kind: "Zone", namespace, name, generation, conditions: [condition("Accepted", refusals)] };
  });
  return { entries, verdicts };
}
