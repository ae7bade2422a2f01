/** Records of a zone that follow from objects of a cluster (Zone.spec.derive). The zone's own records win. */
import { isIPv6 } from "node:net";
import type { Refusal } from "#src/gateway/condition.ts";
import { compareText, type ObjectIndex } from "#src/gateway/object-index.ts";
import { matchesSelector } from "#src/gateway/label-selector.ts";
import { formatName, parseName } from "#src/dns/wire/name-text.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { parseMasterFile } from "#src/dns/zone/master-file.ts";
import { resourceName } from "#src/resource/resource.ts";
import type { ZoneText } from "#src/resource/zone-text.ts";
import type { Zone } from "#src/resource/zone.ts";
import { isHostname, type NameClaim } from "./name-claim.ts";

/** Names that a zone has records for by itself, absolute, in lower case and with their final dot. */
export interface OwnNames {
  readonly names: ReadonlySet<string>;
  /** Names that are delegated: what lies below is another zone's. */
  readonly cuts: ReadonlySet<string>;
}

export interface DerivedRecords {
  /** Lines of a master file, in order of names. */
  readonly lines: readonly string[];
  /** Names that an object asks for in vain. */
  readonly refused: readonly Refusal[];
}

/** Undefined when the zone's own text cannot be read. */
export function ownNamesOf({ origin, text, backends }: ZoneText): OwnNames | undefined {
  const apex = parseName(origin);
  if (typeof apex === "string") return undefined;
  const { records, faults } = parseMasterFile(text, apex);
  const more = backends.map(({ name }) => parseName(name, apex));
  if (faults.length > 0) return undefined;
  // A zone's own name always has records (SOA, NS): there the addresses count alone.
  const isOwn = ({ name, type }: (typeof records)[number]): boolean =>
    shown(name) !== origin || type === TYPE.A || type === TYPE.AAAA;
  const names = new Set(records.filter(isOwn).map(({ name }) => shown(name)));
  for (const name of more) if (typeof name !== "string") names.add(shown(name));
  const servers = records.filter(({ type }) => type === TYPE.NS);
  // A server's name must not become an alias (RFC 2181 section 10.3).
  for (const { rdata } of servers) names.add(shown(rdata));
  const cuts = servers.map(({ name }) => shown(name)).filter((name) => name !== origin);
  return { names, cuts: new Set(cuts) };
}

function shown(name: Uint8Array): string {
  return formatName(name).toLowerCase();
}

/** Claims by the zone that they fall into, the nearest: `origins` are the zones that are served. */
export function groupClaims(claims: readonly NameClaim[], origins: ReadonlySet<string>): Map<string, NameClaim[]> {
  const groups = new Map<string, NameClaim[]>();
  for (const claim of claims) {
    const origin = suffixesOf(`${claim.name}.`).find((suffix) => origins.has(suffix));
    if (origin === undefined) continue;
    const group = groups.get(origin);
    if (group === undefined) groups.set(origin, [claim]);
    else group.push(claim);
  }
  return groups;
}

/** `claims` are those that fall into the zone, the oldest first: it has the name. */
export function deriveRecords(
  objects: ObjectIndex,
  derive: NonNullable<Zone["spec"]["derive"]>,
  origin: string,
  own: OwnNames,
  claims: readonly NameClaim[],
): DerivedRecords {
  const holders = new Map<string, NameClaim>();
  const refused: Refusal[] = [];
  const refuse = ({ name, ...object }: NameClaim, why: string): void =>
    void refused.push({ reason: "Conflicted", message: `${name} of ${resourceName(object)}: ${why}` });
  const allowed = new Map<string, boolean>();
  for (const claim of claims) {
    const { namespace } = claim.metadata;
    const isAllowed =
      allowed.get(namespace) ?? matchesSelector(derive.namespaces, objects.namespaceLabels(namespace)) === true;
    allowed.set(namespace, isAllowed);
    const name = `${claim.name}.`;
    if (!isAllowed || own.names.has(name) || suffixesOf(name).some((suffix) => own.cuts.has(suffix))) continue;
    const holder = holders.get(name);
    if (!isHostname(claim.name)) refuse(claim, "it is not a host name");
    else if (name === origin && isAlias(claim)) refuse(claim, "a zone's own name cannot be an alias");
    else if (holder === undefined) holders.set(name, claim);
    else if (!includesAll(holder, claim)) refuse(claim, `${resourceName(holder)} has it`);
  }
  const lines = [...holders]
    .toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([name, claim]) => linesOf(name, claim, derive.ttl));
  return { lines, refused };
}

/** Whether its addresses are host names alone. */
function isAlias({ addresses }: NameClaim): boolean {
  return addresses.every(({ type }) => type === "Hostname");
}

function includesAll(holder: NameClaim, { addresses }: NameClaim): boolean {
  return addresses.every(({ value }) => holder.addresses.some((each) => each.value === value));
}

function linesOf(name: string, claim: NameClaim, ttl: number): string[] {
  if (isAlias(claim)) return [`${name} ${ttl} IN CNAME ${claim.addresses[0]!.value.replace(/\.?$/, ".")}`];
  return claim.addresses
    .filter(({ type }) => type === "IPAddress")
    .map(({ value }) => `${name} ${ttl} IN ${isIPv6(value) ? "AAAA" : "A"} ${value}`)
    .toSorted();
}

/** `a.b.`, `b.`, `.` */
function suffixesOf(name: string): string[] {
  const labels = name.split(".");
  return [...labels.slice(0, -1).map((_label, index) => labels.slice(index).join(".")), "."];
}
