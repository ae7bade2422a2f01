/**
 * What a server's response says about a question, given the zone it was asked for: pure. Records outside that zone's
 * bailiwick are never looked at, which is what keeps a server from speaking for names that are not its own.
 */
import { nameKey } from "#src/dns/wire/name.ts";
import { RCODE } from "#src/dns/wire/rcode.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { isAtOrBelow, labelCount } from "./name-key.ts";
import type { RrSet } from "./rrset.ts";

/** A decoded response: sections as record sets, owners as name keys. */
export interface Response {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly answer: readonly RrSet[];
  readonly authority: readonly RrSet[];
  readonly additional: readonly RrSet[];
}

export interface Referral {
  readonly kind: "referral";
  readonly ns: RrSet;
  readonly glue: readonly RrSet[];
}

export type Classification =
  /** `chain` are the CNAMEs that led to `set`. */
  | { readonly kind: "answer"; readonly chain: readonly RrSet[]; readonly set: RrSet }
  /** The chain leaves what this server may say: go on at `target`. */
  | { readonly kind: "alias"; readonly chain: readonly RrSet[]; readonly target: string }
  | {
      readonly kind: "nodata" | "nxdomain";
      readonly chain: readonly RrSet[];
      /** Name at the chain's end: what does not exist. */
      readonly name: string;
      readonly soa: RrSet | undefined;
    }
  | Referral
  /** Ask this server again, another way. */
  | { readonly kind: "truncated" | "withoutEdns" }
  /** This server is of no use for this zone: ask another. */
  | { readonly kind: "useless"; readonly reason: string };

const MAX_CHAIN = 11;

/** Name key of a CNAME's or NS's target: the rdata is the uncompressed name. */
export const targetOf = (rdata: Uint8Array): string => nameKey(rdata);

export function classify(response: Response, zone: string, name: string, type: number, edns: boolean): Classification {
  if (response.truncated) return { kind: "truncated" };
  if (edns && (response.rcode === RCODE.FORMERR || response.rcode === RCODE.NOTIMP)) return { kind: "withoutEdns" };
  if (response.rcode !== RCODE.NOERROR && response.rcode !== RCODE.NXDOMAIN) {
    return { kind: "useless", reason: `rcode ${response.rcode}` };
  }
  const chain: RrSet[] = [];
  let at = name;
  for (;;) {
    const set = find(response.answer, at, type, zone);
    if (set !== undefined) return { kind: "answer", chain, set };
    const alias = type === TYPE.CNAME ? undefined : find(response.answer, at, TYPE.CNAME, zone);
    if (alias === undefined) break;
    if (chain.length === MAX_CHAIN || chain.includes(alias)) return { kind: "useless", reason: "CNAME loop" };
    chain.push(alias);
    at = targetOf(alias.rdata[0]!);
  }
  const soa = response.authority.find(
    (set) => set.type === TYPE.SOA && isAtOrBelow(set.owner, zone) && isAtOrBelow(at, set.owner),
  );
  if (response.rcode === RCODE.NXDOMAIN && isAtOrBelow(at, zone)) return { kind: "nxdomain", chain, name: at, soa };
  if (chain.length > 0) {
    return soa !== undefined ? { kind: "nodata", chain, name: at, soa } : { kind: "alias", chain, target: at };
  }
  if (soa !== undefined) return { kind: "nodata", chain, name: at, soa };
  return referralOf(response, zone, name) ?? emptyAnswer(response, name);
}

/** RFC 2308 section 2.2 type 3: NODATA without an SOA is believed of the zone's own servers, and not kept. */
function emptyAnswer(response: Response, name: string): Classification {
  if (response.authoritative) return { kind: "nodata", chain: [], name, soa: undefined };
  return { kind: "useless", reason: "lame" };
}

/** A delegation strictly below the zone that was asked, on the way to the name; an upward one is a lame server's. */
function referralOf(response: Response, zone: string, name: string): Referral | undefined {
  const ns = response.authority.find(
    (set) =>
      set.type === TYPE.NS &&
      isAtOrBelow(name, set.owner) &&
      isAtOrBelow(set.owner, zone) &&
      labelCount(set.owner) > labelCount(zone),
  );
  if (ns === undefined) return undefined;
  const names = new Set(ns.rdata.map(targetOf));
  const glue = response.additional.filter(
    (set) => (set.type === TYPE.A || set.type === TYPE.AAAA) && names.has(set.owner) && isAtOrBelow(set.owner, zone),
  );
  return { kind: "referral", ns, glue };
}

function find(sets: readonly RrSet[], owner: string, type: number, zone: string): RrSet | undefined {
  if (!isAtOrBelow(owner, zone)) return undefined;
  return sets.find((set) => set.owner === owner && (set.type === type || type === TYPE.ANY));
}
