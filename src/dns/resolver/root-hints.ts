/** Where resolution begins: the root servers' addresses, built in or from a file (RFC 8109). */
import { isIP } from "node:net";
import { nameKey, ROOT } from "#src/dns/wire/name.ts";
import { formatRdata } from "#src/dns/wire/rdata/codecs.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { parseMasterFile } from "#src/dns/zone/master-file.ts";
import type { ServerAddress } from "./delegation.ts";

/** IANA's root servers, a to m. */
const ROOT_SERVERS: readonly (readonly [v4: string, v6: string])[] = [
  ["198.41.0.4", "2001:503:ba3e::2:30"],
  ["170.247.170.2", "2801:1b8:10::b"],
  ["192.33.4.12", "2001:500:2::c"],
  ["199.7.91.13", "2001:500:2d::d"],
  ["192.203.230.10", "2001:500:a8::e"],
  ["192.5.5.241", "2001:500:2f::f"],
  ["192.112.36.4", "2001:500:12::d0d"],
  ["198.97.190.53", "2001:500:1::53"],
  ["192.36.148.17", "2001:7fe::53"],
  ["192.58.128.30", "2001:503:c27::2:30"],
  ["193.0.14.129", "2001:7fd::1"],
  ["199.7.83.42", "2001:500:9f::42"],
  ["202.12.27.33", "2001:dc3::35"],
];

const DNS_PORT = 53;

export const BUILT_IN_HINTS: readonly ServerAddress[] = ROOT_SERVERS.flat().map((host) => `${host}@${DNS_PORT}`);

/** The addresses in a master file like IANA's `named.root`; a sentence says what is wrong with it. */
export function readRootHints(text: string): readonly ServerAddress[] | string {
  const { records, faults } = parseMasterFile(text, ROOT);
  if (faults[0] !== undefined) return `line ${faults[0].line}: ${faults[0].reason}`;
  const servers = new Set(
    records.filter(({ name, type }) => type === TYPE.NS && name[0] === 0).map(({ rdata }) => nameKey(rdata)),
  );
  const hosts = records
    .filter(({ name, type }) => (type === TYPE.A || type === TYPE.AAAA) && servers.has(nameKey(name)))
    .map(({ type, rdata }) => formatRdata(type, rdata));
  if (hosts.length === 0 || !hosts.every((host) => isIP(host) !== 0)) return "it has no addresses of root servers";
  return hosts.map((host) => `${host}@${DNS_PORT}`);
}
