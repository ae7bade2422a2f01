/** A zone as the configuration carries it: a master file, and names whose addresses are those of a backend's endpoints. */
import { parseName } from "#src/dns/wire/name-text.ts";
import { parseIpv4 } from "#src/dns/wire/rdata/a.ts";
import { parseIpv6 } from "#src/dns/wire/rdata/aaaa.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { type AddressSet, parseZone } from "./build-zone.ts";
import type { ZoneFault } from "./master-file.ts";
import type { Zone } from "./zone.ts";

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

interface NamedBackend {
  /** Line of the text that its faults are told of. */
  readonly line: number;
  /** Owner, without a final dot below the origin. */
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
  readonly endpoints: readonly Endpoint[];
}

/** The zone, or every fault of it. `targetOf` numbers what judges an endpoint; below 0: nobody does. */
export function readZone<Backend extends NamedBackend>(
  { text, backends }: { readonly text: string; readonly backends: readonly Backend[] },
  origin: Uint8Array,
  targetOf: (backend: Backend, endpoint: Backend["endpoints"][number]) => number,
): Zone | readonly ZoneFault[] {
  const sets: AddressSet[] = [];
  const faults: ZoneFault[] = [];
  for (const backend of backends) {
    const set = toAddressSet(backend, origin, (endpoint) => targetOf(backend, endpoint));
    if ("reason" in set) faults.push(set);
    else sets.push(set);
  }
  const zone = parseZone(text, origin, sets);
  if (faults.length === 0) return zone;
  return "apex" in zone ? faults : [...zone, ...faults].toSorted((a, b) => a.line - b.line);
}

function toAddressSet(
  { line, name, ttl, endpoints }: NamedBackend,
  origin: Uint8Array,
  targetOf: (endpoint: Endpoint) => number,
): AddressSet | ZoneFault {
  const owner = parseName(name, origin);
  if (typeof owner === "string") return { line, reason: `Cannot read the owner ${name}: ${owner}` };
  const addresses: AddressSet["addresses"][number][] = [];
  for (const endpoint of endpoints) {
    const { address } = endpoint;
    const type = address.includes(":") ? TYPE.AAAA : TYPE.A;
    const rdata = type === TYPE.A ? parseIpv4(address) : parseIpv6(address);
    if (rdata === undefined) return { line, reason: `Cannot hold ${name}: ${address} is not an address` };
    const target = targetOf(endpoint);
    addresses.push({ type, rdata, targets: target < 0 ? [] : [target] });
  }
  return { line, name: owner, ttl, addresses };
}
