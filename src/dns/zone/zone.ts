/**
 * A zone as an immutable value, and the lookup of RFC 1034 section 4.3.2 with the wildcards of RFC 4592. Every name on the
 * way to a record has a node, so an empty non-terminal is a node without rrsets.
 */
import { nameKey } from "#src/dns/wire/name.ts";
import { TYPE } from "#src/dns/wire/type.ts";

export interface Rrset {
  readonly name: Uint8Array;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly rdatas: readonly Uint8Array[];
  /**
   * Of each rdata the health targets that vouch for it, by number: while none of them is up the record is not given. One
   * without targets always is. Absent when no record has any.
   */
  readonly targets?: readonly (readonly number[])[];
}

/** Whether a health target is up. */
export type IsHealthy = (target: number) => boolean;

export interface ZoneNode {
  readonly name: Uint8Array;
  readonly rrsets: ReadonlyMap<number, Rrset>;
  /** Below a zone cut, or at a name below one: present only as glue. */
  readonly occluded: boolean;
  /** NS records that are not the apex's: the zone ends here. */
  readonly isCut: boolean;
  /** The child named `*`. */
  readonly wildcard: ZoneNode | undefined;
}

export interface Zone {
  readonly origin: Uint8Array;
  readonly serial: number;
  readonly soa: Rrset;
  readonly apex: ZoneNode;
  /** By nameKey. */
  readonly nodes: ReadonlyMap<string, ZoneNode>;
}

export type Lookup =
  | { readonly kind: "exact"; readonly node: ZoneNode; readonly rrset: Rrset }
  | { readonly kind: "wildcard"; readonly node: ZoneNode; readonly rrset: Rrset }
  /** A CNAME stands where another type was asked for; `synthesized` from a wildcard. */
  | { readonly kind: "alias"; readonly node: ZoneNode; readonly rrset: Rrset; readonly synthesized: boolean }
  | { readonly kind: "noData"; readonly node: ZoneNode; readonly synthesized: boolean }
  /** `encloser`: the closest name that exists. */
  | { readonly kind: "nxDomain"; readonly encloser: ZoneNode }
  /** `rrset`: the NS records of the cut. */
  | { readonly kind: "referral"; readonly node: ZoneNode; readonly rrset: Rrset };

/** Looks up a name that is the zone's origin or below it. */
export function lookup(zone: Zone, name: Uint8Array, type: number): Lookup {
  let encloser = zone.apex;
  // Down from the apex, one label at a time: the first cut on the way decides.
  for (const start of startsBelow(zone.origin, name)) {
    const node = zone.nodes.get(nameKey(name.subarray(start)));
    if (node === undefined) return lookupWildcard(encloser, type);
    // DS belongs to the parent's side of the cut (RFC 4035 section 3.1.4.1).
    if (node.isCut && !(start === 0 && type === TYPE.DS)) {
      return { kind: "referral", node, rrset: node.rrsets.get(TYPE.NS)! };
    }
    encloser = node;
  }
  const rrset = encloser.rrsets.get(type);
  if (rrset !== undefined) return { kind: "exact", node: encloser, rrset };
  const alias = encloser.rrsets.get(TYPE.CNAME);
  if (alias !== undefined) return { kind: "alias", node: encloser, rrset: alias, synthesized: false };
  return { kind: "noData", node: encloser, synthesized: false };
}

/** The name does not exist: its closest encloser's wildcard answers for it (RFC 4592 section 3.3). */
function lookupWildcard(encloser: ZoneNode, type: number): Lookup {
  const node = encloser.wildcard;
  if (node === undefined) return { kind: "nxDomain", encloser };
  const rrset = node.rrsets.get(type);
  if (rrset !== undefined) return { kind: "wildcard", node, rrset };
  const alias = node.rrsets.get(TYPE.CNAME);
  if (alias !== undefined) return { kind: "alias", node, rrset: alias, synthesized: true };
  return { kind: "noData", node, synthesized: true };
}

/** Offsets in `name` of its ancestors below `origin`, the shortest first, itself last. */
function startsBelow(origin: Uint8Array, name: Uint8Array): number[] {
  const starts: number[] = [];
  for (let at = 0; name.length - at > origin.length; at += name[at]! + 1) starts.push(at);
  return starts.toReversed();
}

/** The zone of the longest origin that `name` is at or below; at an origin of its own, for DS, the parent's. */
export function selectZone(zones: ReadonlyMap<string, Zone>, name: Uint8Array, type: number): Zone | undefined {
  for (let at = type === TYPE.DS && name[0] !== 0 ? name[0]! + 1 : 0; ; at += name[at]! + 1) {
    const zone = zones.get(nameKey(name.subarray(at)));
    if (zone !== undefined) return zone;
    if (name[at] === 0) break;
  }
  // Nobody above: the question for DS is the zone's own after all.
  return zones.get(nameKey(name));
}
