/**
 * What an authoritative server says to one question, as values: answer, authority and additional, each its own step (RFC
 * 1034 section 4.3.2). It is run when zones are compiled, never per packet; answer-writer.ts makes bytes of it.
 */
import { equalNames, nameKey } from "#src/dns/wire/name.ts";
import { RCODE } from "#src/dns/wire/rcode.ts";
import { soaMinimum } from "#src/dns/wire/rdata/soa.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { lookup, selectZone, type Lookup, type Rrset, type Zone } from "#src/dns/zone/zone.ts";

export interface Response {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly answer: readonly Rrset[];
  readonly authority: readonly Rrset[];
  /** Addresses without which the referral leads nowhere: all of them, or TC (RFC 9471 section 2). */
  readonly glue: readonly Rrset[];
  /** Left out when there is no room. */
  readonly additional: readonly Rrset[];
}

export type Zones = ReadonlyMap<string, Zone>;

/** A chain of aliases within our zones is followed this far. */
const MAX_ALIASES = 8;

/** The type that nothing has: its answer is the one for every type that a name lacks. */
export const NO_TYPE = 0;

/** Answers a question whose name lies in `zone`. An rrset found by a wildcard is given the name that was asked. */
export function respond(zones: Zones, zone: Zone, name: Uint8Array, type: number): Response {
  const answer: Rrset[] = [];
  let current: { zone: Zone; name: Uint8Array } = { zone, name };
  for (let aliases = 0; ; aliases++) {
    const found = lookup(current.zone, current.name, type);
    if (found.kind !== "alias") return finish(zones, current.zone, found, answer, current.name);
    const alias = { ...found.rrset, name: current.name };
    const target = alias.rdatas[0]!;
    answer.push(alias);
    const next = selectZone(zones, target, type);
    // The rest of the chain is another server's, or turns in a circle: the client goes on from here.
    if (
      next === undefined ||
      aliases === MAX_ALIASES ||
      answer.some((each) => nameKey(each.name) === nameKey(target))
    ) {
      return { rcode: RCODE.NOERROR, authoritative: true, answer, authority: [], glue: [], additional: [] };
    }
    current = { zone: next, name: target };
  }
}

/** The end of the chain; `name` is the one that was looked up last. */
function finish(
  zones: Zones,
  zone: Zone,
  found: Exclude<Lookup, { kind: "alias" }>,
  answer: Rrset[],
  name: Uint8Array,
): Response {
  const here = positive(answer);
  switch (found.kind) {
    case "exact":
    case "wildcard":
      answer.push({ ...found.rrset, name });
      return { ...here, additional: additional(zones, found.rrset) };
    case "noData":
      return { ...here, authority: [negativeSoa(zone)] };
    case "nxDomain":
      // A zone of ours begins there though its parent does not delegate it: it must not be said to be absent.
      if (zones.has(nameKey(name))) return { ...here, authority: [negativeSoa(zone)] };
      // Behind an alias too: the code is that of the chain's end (RFC 6604 section 2.1).
      return { ...here, rcode: RCODE.NXDOMAIN, authority: [negativeSoa(zone)] };
    case "referral":
      break;
  }
  return {
    ...here,
    // AA speaks of the first owner in the answer (RFC 1035 section 4.1.1): ours when there is an alias.
    authoritative: answer.length > 0,
    authority: [found.rrset],
    ...referralAddresses(zone, found.rrset),
  };
}

const positive = (answer: Rrset[]): Response => ({
  rcode: RCODE.NOERROR,
  authoritative: true,
  answer,
  authority: [],
  glue: [],
  additional: [],
});

/** A name of the zone that has nothing of the type asked. */
export const respondNoData = (zone: Zone): Response => ({ ...positive([]), authority: [negativeSoa(zone)] });

/** The SOA of a negative answer has the time for which absence is kept as its TTL (RFC 2308 section 3). */
function negativeSoa(zone: Zone): Rrset {
  return { ...zone.soa, ttl: Math.min(zone.soa.ttl, soaMinimum(zone.soa.rdatas[0]!)) };
}

/** Where the target's name begins in the rdata of types that lead to another host (RFC 1035 section 3.3, RFC 2782). */
const TARGET_AT: ReadonlyMap<number, number> = new Map([
  [TYPE.NS, 0],
  [TYPE.MX, 2],
  [TYPE.SRV, 6],
]);

/** Addresses of the hosts that an answer names, as far as they are ours. */
function additional(zones: Zones, rrset: Rrset): Rrset[] {
  const skip = TARGET_AT.get(rrset.type);
  if (skip === undefined) return [];
  return distinctTargets(rrset, skip).flatMap((target) => {
    const zone = selectZone(zones, target, TYPE.A);
    return zone === undefined ? [] : authoritativeAddresses(zone, target);
  });
}

function authoritativeAddresses(zone: Zone, target: Uint8Array): Rrset[] {
  return [TYPE.A, TYPE.AAAA].flatMap((type) => {
    const found = lookup(zone, target, type);
    if (found.kind === "referral") return glueAddresses(zone, target).filter((rrset) => rrset.type === type);
    return found.kind === "exact" || found.kind === "wildcard" ? [{ ...found.rrset, name: target }] : [];
  });
}

/** Glue for servers below the cut is required; addresses of the others in the zone are a courtesy. */
function referralAddresses(zone: Zone, servers: Rrset): Pick<Response, "glue" | "additional"> {
  const cut = servers.name;
  const glue: Rrset[] = [];
  const courtesy: Rrset[] = [];
  for (const target of distinctTargets(servers, 0)) {
    const at = target.length - cut.length;
    const isBelow = at >= 0 && equalNames(target, at, cut, 0, cut.length);
    (isBelow ? glue : courtesy).push(...glueAddresses(zone, target));
  }
  return { glue, additional: courtesy };
}

function glueAddresses(zone: Zone, target: Uint8Array): Rrset[] {
  const node = zone.nodes.get(nameKey(target));
  return [TYPE.A, TYPE.AAAA].flatMap((type) => node?.rrsets.get(type) ?? []);
}

function distinctTargets(rrset: Rrset, skip: number): Uint8Array[] {
  if (rrset.rdatas.length === 1) return [rrset.rdatas[0]!.subarray(skip)];
  return [...new Map(rrset.rdatas.map((rdata) => [nameKey(rdata.subarray(skip)), rdata.subarray(skip)])).values()];
}
