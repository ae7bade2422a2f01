/**
 * The master file format (RFC 1035 section 5, $TTL of RFC 2308 section 4, BIND's units of time). Reads all of a text and
 * returns every record and every fault with its line.
 */
import { isMetaType, CLASS, parseClass, parseType } from "#src/dns/wire/type.ts";
import { parseSeconds } from "#src/dns/wire/rdata/field.ts";
import { OctetWriter } from "#src/dns/wire/octet-writer.ts";
import { MAX_RDATA_BYTES, parseRdata } from "#src/dns/wire/rdata/codecs.ts";
import { Tokens } from "#src/dns/wire/rdata/tokens.ts";
import { parseName } from "#src/dns/wire/name-text.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { soaMinimum } from "#src/dns/wire/rdata/soa.ts";
import { readEntries, type MasterFileEntry } from "./master-file-entry.ts";

export interface ZoneRecord {
  /** First line of the record, from 1. */
  readonly line: number;
  readonly name: Uint8Array;
  readonly type: number;
  /** Seconds, up to 2^31 - 1 (RFC 2181 section 8). */
  readonly ttl: number;
  readonly rdata: Uint8Array;
  /** Rrset.targets of this record. */
  readonly targets?: readonly number[];
}

export interface ZoneFault {
  /** From 1; 0 when it is about the zone as a whole. */
  readonly line: number;
  readonly reason: string;
}

export interface MasterFile {
  readonly records: readonly ZoneRecord[];
  readonly faults: readonly ZoneFault[];
}

const MAX_TTL = 0x7fffffff;
/** After so many faults nobody reads on. */
const MAX_FAULTS = 100;

/** What holds from one entry to the next. */
interface State {
  origin: Uint8Array;
  owner: Uint8Array | undefined;
  /** $TTL, or else the last explicit TTL (RFC 1035 section 5.1), or else the SOA's minimum, as BIND does. */
  defaultTtl: number | undefined;
  lastTtl: number | undefined;
  /** Where rdata is made before it is copied. */
  readonly rdata: OctetWriter;
}

/** Reads `text` with `origin` as the first origin. */
export function parseMasterFile(text: string, origin: Uint8Array): MasterFile {
  const records: ZoneRecord[] = [];
  const faults: ZoneFault[] = [];
  const state: State = {
    origin,
    owner: undefined,
    defaultTtl: undefined,
    lastTtl: undefined,
    rdata: new OctetWriter(MAX_RDATA_BYTES),
  };
  for (const entry of readEntries(text)) {
    const result = entry.fault !== undefined ? entry.fault : readEntry(entry, state);
    if (typeof result === "string") faults.push({ line: entry.line, reason: result });
    else if (result !== undefined) records.push(result);
    if (faults.length >= MAX_FAULTS) {
      faults.push({ line: entry.line, reason: `Cannot read on: ${MAX_FAULTS} faults` });
      break;
    }
  }
  return { records, faults };
}

function readEntry(entry: MasterFileEntry, state: State): ZoneRecord | string | undefined {
  const first = entry.tokens[0]!;
  if (!entry.indented && !first.quoted && first.text.startsWith("$")) return readDirective(entry, state);
  let at = 0;
  if (!entry.indented) {
    const owner = parseName(first.text, state.origin);
    // A broken owner must not lend its records to the owner before it.
    state.owner = typeof owner === "string" ? undefined : owner;
    if (typeof owner === "string") return `Cannot read the owner ${first.text}: ${owner}`;
    at = 1;
  }
  if (state.owner === undefined) return "Cannot read the record: no owner stands before it";
  return readRecord(entry, at, state.owner, state);
}

/** TTL and class in either order or absent, type, rdata. */
function readRecord(entry: MasterFileEntry, from: number, name: Uint8Array, state: State): ZoneRecord | string {
  let at = from;
  let ttl: number | undefined;
  let recordClass: number | undefined;
  for (; at < entry.tokens.length; at++) {
    const text = entry.tokens[at]!.text;
    const seconds = ttl === undefined && /^\d/.test(text) ? parseSeconds(text, MAX_TTL) : undefined;
    const value = recordClass === undefined && seconds === undefined ? parseClass(text) : undefined;
    // ANY and NONE are names of types and of updates, never a record's class.
    if (seconds !== undefined) ttl = seconds;
    else if (value !== undefined && value < CLASS.NONE) recordClass = value;
    else break;
  }
  const word = entry.tokens[at]?.text;
  if (word === undefined) return "Cannot read the record: its type is missing";
  const type = parseType(word);
  if (type === undefined) return `Cannot read the record: ${word} is neither a TTL, a class nor a type`;
  if (isMetaType(type)) return `Cannot hold ${word}: it is a type of questions`;
  if (recordClass !== undefined && recordClass !== CLASS.IN) return "Cannot hold the record: only class IN is served";
  const rdata = parseRdata(type, new Tokens(entry.tokens, at + 1), state.origin, state.rdata);
  if (!(rdata instanceof Uint8Array)) return `Cannot read ${word.toUpperCase()}: ${rdata.fault}`;
  if (ttl !== undefined) state.lastTtl = ttl;
  const known = ttl ?? state.defaultTtl ?? state.lastTtl ?? (type === TYPE.SOA ? soaMinimum(rdata) : undefined);
  if (known === undefined) return "Cannot read the record: it has no TTL and no $TTL stands before it";
  if (known > MAX_TTL) return `Cannot hold the record: its TTL is above ${MAX_TTL}`;
  state.lastTtl ??= known;
  return { line: entry.line, name, type, ttl: known, rdata };
}

function readDirective(entry: MasterFileEntry, state: State): string | undefined {
  const [directive, argument, extra] = entry.tokens.map((token) => token.text);
  const word = directive!.toUpperCase();
  if (word === "$INCLUDE") return "Cannot follow $INCLUDE: a zone is one text here";
  if (word !== "$ORIGIN" && word !== "$TTL") return `Cannot follow ${directive}: only $ORIGIN and $TTL are known`;
  if (argument === undefined || extra !== undefined) return `Cannot follow ${word}: it takes one value`;
  if (word === "$TTL") {
    const ttl = parseSeconds(argument, MAX_TTL);
    if (ttl === undefined) return `Cannot follow $TTL: ${argument} is not a number of seconds up to ${MAX_TTL}`;
    state.defaultTtl = ttl;
    return undefined;
  }
  const origin = parseName(argument, state.origin);
  if (typeof origin === "string") return `Cannot follow $ORIGIN: ${argument} is not a name (${origin})`;
  state.origin = origin;
  return undefined;
}
