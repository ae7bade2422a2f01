/** Resource record types and classes (IANA DNS parameters), as numbers on the wire and as text. */

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
  URI: 256,
  CAA: 257,
} as const;

export const CLASS = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(TYPE).map(([name, type]) => [type, name]));
const TYPES: ReadonlyMap<string, number> = new Map(Object.entries(TYPE));
const CLASS_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(CLASS).map(([name, value]) => [value, name]));
const CLASSES: ReadonlyMap<string, number> = new Map(Object.entries(CLASS));

/** `MX`, or `TYPE65280` for a type without a name (RFC 3597 section 5). */
export const typeName = (type: number): string => TYPE_NAMES.get(type) ?? `TYPE${type}`;

/** `IN`, or `CLASS7` (RFC 3597 section 5). */
export const className = (value: number): string => CLASS_NAMES.get(value) ?? `CLASS${value}`;

/** The number of a type's name in any case, `TYPE123` included; undefined when it is no type. */
export const parseType = (text: string): number | undefined => parseCode(text.toUpperCase(), TYPES, "TYPE");

/** The number of a class's name in any case, `CLASS123` included; undefined when it is no class. */
export const parseClass = (text: string): number | undefined => parseCode(text.toUpperCase(), CLASSES, "CLASS");

function parseCode(text: string, names: ReadonlyMap<string, number>, prefix: string): number | undefined {
  const known = names.get(text);
  if (known !== undefined || !text.startsWith(prefix)) return known;
  const digits = text.slice(prefix.length);
  if (!/^\d{1,5}$/.test(digits)) return undefined;
  const value = Number(digits);
  return value <= 0xffff ? value : undefined;
}

/** Question-only types (RFC 6895 section 3.1) and OPT, none of which may lie in a zone or a cache. */
export const isMetaType = (type: number): boolean => type === TYPE.OPT || (type >= 128 && type <= 255) || type === 0;
