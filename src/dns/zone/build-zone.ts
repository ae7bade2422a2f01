/** Records to a zone, or all that is wrong with them (RFC 1034, RFC 1035 section 5.2, RFC 2181, RFC 4592). */
import { isAtOrBelow, isSameName, isWildcardName, labelStarts, nameKey } from "#src/dns/wire/name.ts";
import { formatName } from "#src/dns/wire/name-text.ts";
import { soaSerial } from "#src/dns/wire/rdata/soa.ts";
import { TYPE, typeName } from "#src/dns/wire/type.ts";
import { parseMasterFile, type ZoneFault, type ZoneRecord } from "./master-file.ts";
import type { Rrset, Zone, ZoneNode } from "./zone.ts";

/** Types that may stand beside a CNAME (RFC 4035 section 2.5). */
const BESIDE_CNAME: ReadonlySet<number> = new Set([TYPE.RRSIG, TYPE.NSEC]);

/** A name whose A and AAAA records stand beside the zone's text. Without any it still exists. */
export interface AddressSet {
  /** Line that faults are told of. */
  readonly line: number;
  readonly name: Uint8Array;
  /** Seconds. */
  readonly ttl: number;
  readonly addresses: readonly {
    readonly type: number;
    readonly rdata: Uint8Array;
    /** Rrset.targets of this record. */
    readonly targets: readonly number[];
  }[];
}

/** A zone's text to the zone, or every fault of it. */
export function parseZone(
  text: string,
  origin: Uint8Array,
  addressSets: readonly AddressSet[] = [],
): Zone | readonly ZoneFault[] {
  const file = parseMasterFile(text, origin);
  const built = buildZone(file.records, origin, addressSets);
  if ("faults" in built) return [...file.faults, ...built.faults].toSorted((a, b) => a.line - b.line);
  return file.faults.length > 0 ? file.faults : built.zone;
}

const ALWAYS_GIVEN: readonly number[] = [];

interface Draft {
  readonly name: Uint8Array;
  readonly records: ZoneRecord[];
  /** It has addresses by an AddressSet, though maybe none now. */
  addressed: boolean;
}

function buildZone(
  records: readonly ZoneRecord[],
  origin: Uint8Array,
  addressSets: readonly AddressSet[],
): { readonly zone: Zone } | { readonly faults: readonly ZoneFault[] } {
  const faults: ZoneFault[] = [];
  const drafts = new Map<string, Draft>();
  for (const record of records) {
    const reason = refuse(record, origin);
    if (reason !== undefined) faults.push({ line: record.line, reason });
    else draft(drafts, record.name, origin).records.push(record);
  }
  for (const set of addressSets) addAddresses(drafts, set, origin, faults);
  draft(drafts, origin, origin);
  const nodes = new Map<string, ZoneNode>();
  // Children first, so that a node finds its wildcard child built.
  const ordered = [...drafts].map(([key, value]) => ({ key, value, depth: labelStarts(value.name).length }));
  for (const { key, value } of ordered.toSorted((a, b) => b.depth - a.depth)) {
    nodes.set(key, node(value, origin, drafts, nodes, faults));
  }
  const apex = nodes.get(nameKey(origin))!;
  const soa = apex.rrsets.get(TYPE.SOA);
  if (soa === undefined) faults.push({ line: 0, reason: `Cannot serve ${formatName(origin)}: it has no SOA` });
  if (!apex.rrsets.has(TYPE.NS))
    faults.push({ line: 0, reason: `Cannot serve ${formatName(origin)}: its apex has no NS` });
  for (const each of nodes.values()) checkServers(each, nodes, drafts, faults);
  if (soa === undefined || faults.length > 0) return { faults };
  return { zone: { origin, serial: soaSerial(soa.rdatas[0]!), soa, apex, nodes } };
}

function addAddresses(
  drafts: Map<string, Draft>,
  { line, name, ttl, addresses }: AddressSet,
  origin: Uint8Array,
  faults: ZoneFault[],
): void {
  if (!isAtOrBelow(name, origin)) {
    faults.push({ line, reason: `Cannot hold ${formatName(name)}: it lies outside of ${formatName(origin)}` });
    return;
  }
  const holder = draft(drafts, name, origin);
  holder.addressed = true;
  for (const address of addresses) holder.records.push({ line, name, ttl, ...address });
}

function refuse(record: ZoneRecord, origin: Uint8Array): string | undefined {
  const reason = refusal(record, origin);
  return reason && `Cannot hold ${formatName(record.name)} ${typeName(record.type)}: ${reason}`;
}

function refusal({ name, type }: ZoneRecord, origin: Uint8Array): string | undefined {
  if (!isAtOrBelow(name, origin)) return `it lies outside of ${formatName(origin)}`;
  const atApex = isSameName(name, origin);
  if (type === TYPE.SOA && !atApex) return "SOA belongs to the apex";
  if (type === TYPE.CNAME && atApex) return "the apex has SOA and NS, so it cannot be an alias";
  if (type === TYPE.DNAME) return "DNAME is not served";
  if (type === TYPE.NS && isWildcardName(name)) return "a wildcard cannot be delegated (RFC 4592 section 4.2)";
  return undefined;
}

/** The draft of `name`, made with all names between it and the origin. */
function draft(drafts: Map<string, Draft>, name: Uint8Array, origin: Uint8Array): Draft {
  const key = nameKey(name);
  const known = drafts.get(key);
  if (known !== undefined) return known;
  const made: Draft = { name, records: [], addressed: false };
  drafts.set(key, made);
  if (name.length > origin.length) draft(drafts, name.subarray(name[0]! + 1), origin);
  return made;
}

/** Builds a node whose children are built already. */
function node(
  value: Draft,
  origin: Uint8Array,
  drafts: ReadonlyMap<string, Draft>,
  nodes: ReadonlyMap<string, ZoneNode>,
  faults: ZoneFault[],
): ZoneNode {
  const rrsets = new Map<number, Rrset>();
  for (const record of value.records) addToRrset(rrsets, record, faults);
  const line = value.records.find((record) => record.type === TYPE.CNAME)?.line;
  const others = [...rrsets.keys()].filter((type) => type !== TYPE.CNAME && !BESIDE_CNAME.has(type));
  if (line !== undefined && others.length > 0) {
    faults.push({
      line,
      reason: `Cannot hold ${formatName(value.name)} CNAME: ${others.map(typeName).join(", ")} stands beside it`,
    });
  }
  const isApex = value.name.length === origin.length;
  return {
    name: value.name,
    rrsets,
    occluded: !isApex && isBelowCut(value.name, origin, drafts),
    isCut: !isApex && rrsets.has(TYPE.NS),
    wildcard: nodes.get(`\u0001*${nameKey(value.name)}`),
  };
}

function addToRrset(rrsets: Map<number, Rrset>, record: ZoneRecord, faults: ZoneFault[]): void {
  const known = rrsets.get(record.type);
  const { name, type, ttl, rdata, targets = ALWAYS_GIVEN } = record;
  if (known === undefined) {
    rrsets.set(type, { name, type, ttl, rdatas: [rdata], ...(targets.length > 0 && { targets: [targets] }) });
    return;
  }
  if (type === TYPE.SOA || type === TYPE.CNAME) {
    faults.push({ line: record.line, reason: `Cannot hold a second ${typeName(type)} of ${formatName(name)}` });
    return;
  }
  // The same record twice is one record (RFC 2181 section 5); differing TTLs become the least one (section 5.2).
  const index = known.rdatas.findIndex((other) => Buffer.compare(other, rdata) === 0);
  rrsets.set(type, {
    ...known,
    ttl: Math.min(known.ttl, ttl),
    rdatas: index < 0 ? [...known.rdatas, rdata] : known.rdatas,
    ...((known.targets !== undefined || targets.length > 0) && { targets: joinTargets(known, index, targets) }),
  });
}

/** Targets of an rrset after one more record, which is that at `index`, or another when -1. */
function joinTargets(
  { rdatas, targets = rdatas.map(() => ALWAYS_GIVEN) }: Rrset,
  index: number,
  own: readonly number[],
): readonly (readonly number[])[] {
  const known = targets[index];
  if (known === undefined) return [...targets, own];
  // One address of two endpoints is up when either is, and always when one of them is not judged.
  return targets.with(index, known.length === 0 || own.length === 0 ? ALWAYS_GIVEN : [...new Set([...known, ...own])]);
}

function isBelowCut(name: Uint8Array, origin: Uint8Array, drafts: ReadonlyMap<string, Draft>): boolean {
  for (let at = name[0]! + 1; name.length - at > origin.length; at += name[at]! + 1) {
    const parent = drafts.get(nameKey(name.subarray(at)));
    if (parent?.records.some((record) => record.type === TYPE.NS)) return true;
  }
  return false;
}

/** Name servers must not be aliases (RFC 2181 section 10.3), and a server below the name it serves needs its address here. */
function checkServers(
  value: ZoneNode,
  nodes: ReadonlyMap<string, ZoneNode>,
  drafts: ReadonlyMap<string, Draft>,
  faults: ZoneFault[],
): void {
  if (value.occluded) return;
  for (const server of value.rrsets.get(TYPE.NS)?.rdatas ?? []) {
    const found = nodes.get(nameKey(server));
    const line = drafts.get(nameKey(value.name))!.records.find((record) => record.type === TYPE.NS)!.line;
    const text = `${formatName(value.name)} NS ${formatName(server)}`;
    if (found?.rrsets.has(TYPE.CNAME)) {
      faults.push({ line, reason: `Cannot hold ${text}: the server is an alias (RFC 2181 section 10.3)` });
    } else if (
      isAtOrBelow(server, value.name) &&
      !hasAddress(found) &&
      !drafts.get(nameKey(server))?.addressed &&
      !isDelegatedElsewhere(server, value.name, nodes)
    ) {
      faults.push({ line, reason: `Cannot hold ${text}: the server has no address in the zone` });
    }
  }
}

const hasAddress = (found: ZoneNode | undefined): boolean =>
  found !== undefined && (found.rrsets.has(TYPE.A) || found.rrsets.has(TYPE.AAAA));

/** The server lies below another cut or under a wildcard, so its address is not this node's to hold. */
function isDelegatedElsewhere(target: Uint8Array, cut: Uint8Array, nodes: ReadonlyMap<string, ZoneNode>): boolean {
  for (let at = 0; target.length - at > cut.length; at += target[at]! + 1) {
    const above = nodes.get(nameKey(target.subarray(at)));
    if (above?.isCut || nodes.get(nameKey(target.subarray(at + target[at]! + 1)))?.wildcard !== undefined) return true;
  }
  return false;
}
