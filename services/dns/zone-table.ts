/** The zones in use: what the configuration says, or, of a zone that cannot be read, what it said before. */
import type { EndpointConfig, Entry, HealthCheckConfig } from "#src/config/model.ts";
import type { ConfigUpdate, Rejection } from "#src/config/stream/update.ts";
import { parseName } from "#src/dns/wire/name-text.ts";
import { nameKey } from "#src/dns/wire/name.ts";
import { readZone } from "#src/dns/zone/read-zone.ts";
import type { Zone } from "#src/dns/zone/zone.ts";

export class ZoneTable {
  /** By the entry's key. */
  readonly #zones = new Map<string, Zone>();
  readonly #targetOf: (endpoint: EndpointConfig, health: HealthCheckConfig) => number;

  /** `targetOf` numbers the verdict on an endpoint, below 0 when it is not probed. */
  constructor(targetOf: (endpoint: EndpointConfig, health: HealthCheckConfig) => number) {
    this.#targetOf = targetOf;
  }

  /** By the entry's key. */
  get zones(): ReadonlyMap<string, Zone> {
    return this.#zones;
  }

  /** Takes what has changed. Returns what could not be used. */
  apply({ upsert, remove }: Pick<ConfigUpdate, "upsert" | "remove">): Rejection[] {
    for (const key of remove) this.#zones.delete(key);
    const rejected: Rejection[] = [];
    for (const entry of upsert) {
      const reason = this.#take(entry);
      if (reason !== undefined) rejected.push({ key: entry.key, version: entry.version, reason });
    }
    return rejected;
  }

  #take({ key, value }: Entry): string | undefined {
    if (value.kind !== "zone") return undefined;
    const origin = parseName(value.origin);
    if (typeof origin === "string") return `Cannot use the zone's name ${value.origin}: ${origin}`;
    const zone = readZone(value, origin, ({ health }, endpoint) => this.#targetOf(endpoint, health));
    if (!("apex" in zone)) return describe(zone);
    const holder = this.#holderOf(nameKey(origin), key);
    if (holder !== undefined) return `Cannot serve ${value.origin}: ${holder} is that zone already`;
    this.#zones.set(key, zone);
    return undefined;
  }

  /** The other entry that has this origin. */
  #holderOf(origin: string, key: string): string | undefined {
    for (const [other, zone] of this.#zones) if (other !== key && nameKey(zone.origin) === origin) return other;
    return undefined;
  }
}

function describe(faults: readonly { readonly line: number; readonly reason: string }[]): string {
  const [first] = faults;
  if (first === undefined) return "Cannot read the zone";
  const place = first.line === 0 ? "" : `line ${first.line}: `;
  const more = faults.length === 1 ? "" : ` (and ${faults.length - 1} more)`;
  return `Cannot read the zone: ${place}${first.reason}${more}`;
}
