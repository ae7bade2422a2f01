import type { ZoneBackendConfig, ZoneConfig } from "#src/config/model.ts";
import { type Condition, condition, type Refusal, type Verdict } from "#src/gateway/condition.ts";
import { keyOf, type ObjectIndex } from "#src/gateway/object-index.ts";
import { resolveZoneBackend } from "#src/gateway/zone-backend.ts";
import type { Backend } from "#src/resource/backend.ts";
import { renderZone, type ZoneBackendRef, type ZoneText } from "#src/resource/zone-text.ts";
import type { Zone } from "#src/resource/zone.ts";
import { PASSIVE_ONLY, translateBackend } from "./backend.ts";
import { deriveRecords, groupClaims, type OwnNames } from "./derived-records.ts";
import type { NameClaim } from "./name-claim.ts";

export interface ZoneSources {
  readonly claims: readonly NameClaim[];
  /** See ownNamesOf. */
  readonly ownNames: (zone: Zone, text: ZoneText) => OwnNames | undefined;
}

interface TranslatedZones {
  readonly entries: Map<string, ZoneConfig>;
  readonly verdicts: readonly Verdict[];
}

/** Entries and verdicts of Zones; of two for one domain the older is served. */
export function translateZones(objects: ObjectIndex, sources: ZoneSources): TranslatedZones {
  const rendered = objects.zones.map((zone) => ({ zone, text: renderZone(zone) }));
  const claims = groupClaims(sources.claims, new Set(rendered.map(({ text }) => text.origin)));
  const entries = new Map<string, ZoneConfig>();
  const holders = new Map<string, string>();
  const verdicts = rendered.map(({ zone, text }): Verdict => {
    const { namespace, name, generation } = zone.metadata;
    const { origin } = text;
    const holder = holders.get(origin);
    const unresolved: Refusal[] = [];
    const backends = text.backends.map((ref) => translateZoneBackend(objects, namespace, ref, unresolved));
    const resolved = condition("ResolvedRefs", unresolved);
    const about = { kind: "Zone", namespace, name, generation } as const;
    if (holder !== undefined) {
      const refusal = { reason: "Conflicted", message: `Zone ${holder} is for ${origin} already` };
      return { ...about, conditions: [condition("Accepted", [refusal]), resolved] };
    }
    holders.set(origin, keyOf(zone.metadata));
    const derived = derive(objects, sources, zone, text, claims.get(origin) ?? []);
    const whole = `${text.text.replace(/\n?$/, "\n")}${derived.lines.map((line) => `${line}\n`).join("")}`;
    const served = derived.lines.length === 0 ? text.text : whole;
    entries.set(`zone/${keyOf(zone.metadata)}`, { kind: "zone", origin, text: served, backends });
    return { ...about, conditions: [condition("Accepted", []), resolved, ...derived.conditions] };
  });
  return { entries, verdicts };
}

const MAX_NAMED = 20;

/** Lines of records that objects ask for; names that are asked for in vain make the zone Degraded. */
function derive(
  objects: ObjectIndex,
  { ownNames }: ZoneSources,
  zone: Zone,
  text: ZoneText,
  claims: readonly NameClaim[],
): { readonly lines: readonly string[]; readonly conditions: readonly Condition[] } {
  const own = zone.spec.derive && ownNames(zone, text);
  if (zone.spec.derive === undefined || own === undefined) return { lines: [], conditions: [] };
  const { lines, refused } = deriveRecords(objects, zone.spec.derive, text.origin, own, claims);
  if (refused.length === 0) {
    return { lines, conditions: [{ type: "Degraded", status: "False", reason: "AsExpected", message: "" }] };
  }
  const named = refused.slice(0, MAX_NAMED).map(({ message }) => message);
  if (refused.length > MAX_NAMED) named.push(`and ${refused.length - MAX_NAMED} more`);
  return { lines, conditions: [{ type: "Degraded", status: "True", reason: "Conflicted", message: named.join("; ") }] };
}

/** Without a Backend the name stays, and has no addresses. */
function translateZoneBackend(
  objects: ObjectIndex,
  namespace: string,
  ref: ZoneBackendRef,
  unresolved: Refusal[],
): ZoneBackendConfig {
  const { line, name, ttl } = ref;
  const target: Backend | Refusal = resolveZoneBackend(objects, namespace, ref);
  if ("reason" in target) {
    unresolved.push(target);
    return { line, name, ttl, id: "", endpoints: [], health: PASSIVE_ONLY };
  }
  const { id, endpoints, health } = translateBackend({ kind: "Backend", backend: target, port: 0 });
  return { line, name, ttl, id, endpoints: endpoints.filter(({ weight }) => weight > 0), health };
}
