/** From which servers a resolution may start or go on: a zone, its name servers, and the addresses known for them. */
import { TYPE } from "#src/dns/wire/type.ts";
import { isAtOrBelow, parentOf, ROOT } from "./name-key.ts";
import { CREDIBILITY } from "./rrset-cache.ts";
import type { RrSetCache } from "./rrset-cache.ts";
import { targetOf } from "./classify.ts";

/** `192.0.2.1@53` or `2001:db8::1@53`: what is asked, and the key of the infrastructure cache. */
export type ServerAddress = string;

export interface Delegation {
  /** Name key of the zone's apex. */
  readonly zone: string;
  /** Name keys of the servers; empty for fixed addresses. */
  readonly servers: readonly string[];
  /** Fixed addresses of root hints and stub zones. */
  readonly addresses: readonly ServerAddress[];
}

export interface StubZone {
  readonly zone: string;
  readonly addresses: readonly ServerAddress[];
}

const DNS_PORT = 53;

/**
 * The deepest zone known to hold `name`: a delegation learnt before, a stub zone, or the root hints. DS records live on
 * the parent's side of a cut (RFC 4035 section 3.1.4.1).
 */
export function deepestDelegation(
  cache: RrSetCache,
  stubs: readonly StubZone[],
  hints: readonly ServerAddress[],
  name: string,
  type: number,
  now: number,
): Delegation {
  for (let zone = type === TYPE.DS ? parentOf(name) : name; ; zone = parentOf(zone)) {
    const stub = stubs.find((each) => each.zone === zone);
    if (stub !== undefined) return { zone, servers: [], addresses: stub.addresses };
    if (zone === ROOT) return { zone: ROOT, servers: [], addresses: hints };
    const ns = cache.get(zone, TYPE.NS, now, CREDIBILITY.referral);
    if (ns !== undefined) return { zone, servers: ns.rdata.map(targetOf), addresses: [] };
  }
}

/** Addresses known now for the delegation's servers. */
export function knownAddresses(cache: RrSetCache, delegation: Delegation, now: number): ServerAddress[] {
  const found = [...delegation.addresses];
  for (const server of delegation.servers) {
    for (const type of [TYPE.A, TYPE.AAAA]) {
      const set = cache.get(server, type, now, CREDIBILITY.glue);
      for (const rdata of set?.rdata ?? []) {
        const address = toServerAddress(rdata);
        if (address !== undefined) found.push(address);
      }
    }
  }
  return found;
}

/** Servers whose addresses would have to be looked up. One inside its own zone without glue can never be reached. */
export function unknownServers(cache: RrSetCache, delegation: Delegation, now: number): string[] {
  return delegation.servers.filter(
    (server) =>
      !isAtOrBelow(server, delegation.zone) &&
      cache.get(server, TYPE.A, now, CREDIBILITY.glue) === undefined &&
      cache.get(server, TYPE.AAAA, now, CREDIBILITY.glue) === undefined,
  );
}

function toServerAddress(rdata: Uint8Array): ServerAddress | undefined {
  if (rdata.length === 4) return `${rdata.join(".")}@${DNS_PORT}`;
  if (rdata.length !== 16) return undefined;
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((rdata[i]! << 8) | rdata[i + 1]!).toString(16));
  return `${groups.join(":")}@${DNS_PORT}`;
}
