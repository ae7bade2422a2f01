/**
 * Reading a query: a ladder of checks from cheap to dear, each leaving with its own reason (RFC 1035 section 4, RFC 6891,
 * RFC 8945, RFC 9619). One Query is reused for every packet, so that nothing is allocated; it is a set of ranges over
 * the input and dies with it.
 */
import { FLAG, HEADER_BYTES, readUint16 } from "./header.ts";
import { HASH_SEED, MAX_LABEL_BYTES, MAX_NAME_BYTES, skipName } from "./name.ts";
import { OPCODE, RCODE } from "./rcode.ts";
import { CLASS, TYPE } from "./type.ts";

/** Never answered at all: an answer would be sent to a server, or to nobody. */
export type DropReason = "shortHeader" | "isResponse";

/** Answered with an error: see ERROR_RCODE. */
export type ErrorReason =
  | "unknownOpcode"
  | "questionCount"
  | "badName"
  | "compressedName"
  | "shortQuestion"
  | "unexpectedRecords"
  | "tooManyRecords"
  | "badRecord"
  | "badEdns"
  | "duplicateEdns"
  | "badEdnsVersion"
  | "badTsig"
  | "trailingBytes";

export const ERROR_RCODE: Readonly<Record<ErrorReason, number>> = {
  unknownOpcode: RCODE.NOTIMP,
  questionCount: RCODE.FORMERR,
  badName: RCODE.FORMERR,
  compressedName: RCODE.FORMERR,
  shortQuestion: RCODE.FORMERR,
  unexpectedRecords: RCODE.FORMERR,
  tooManyRecords: RCODE.FORMERR,
  badRecord: RCODE.FORMERR,
  badEdns: RCODE.FORMERR,
  duplicateEdns: RCODE.FORMERR,
  badEdnsVersion: RCODE.BADVERS,
  badTsig: RCODE.FORMERR,
  trailingBytes: RCODE.FORMERR,
};

/** EDNS options that are looked at (IANA). */
const EDNS_OPTION = { NSID: 3, CLIENT_SUBNET: 8, COOKIE: 10, TCP_KEEPALIVE: 11, PADDING: 12, EDE: 15 } as const;

/** More records behind the question than any client sends. */
const MAX_ADDITIONAL_RECORDS = 16;
/** Type, class, TTL and length after a record's owner. */
const RECORD_FIXED_BYTES = 10;

/** What a client asked. Offsets are into `bytes`, valid until the packet's slot is used again. */
export class Query {
  /** First value of the hash: a table filled from strangers' names gives a secret one to all its processes. */
  readonly seed: number;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  id = 0;
  /** The second 16 bits of the header. */
  flags = 0;
  opcode = 0;
  /** The name's wire bytes are [nameStart, nameEnd), uncompressed, in the client's case. */
  nameStart = 0;
  nameEnd = 0;
  /** `hashName` of the name. */
  hash = 0;
  /** Labels without the root's, and the offset of each from nameStart. */
  labels = 0;
  readonly labelOffsets: Uint8Array = new Uint8Array(128);
  type = 0;
  class = 0;
  /** Where the question ends: [start + 12, questionEnd) is what an answer repeats; 0 until it has been read. */
  questionEnd = 0;
  hasEdns = false;
  ednsVersion = 0;
  /** The client's largest UDP payload in bytes: 512 without EDNS, never less (RFC 6891 section 6.2.3). */
  udpSize = 512;
  dnssecOk = false;
  /** EDNS options, [optionsStart, optionsEnd). */
  optionsStart = 0;
  optionsEnd = 0;
  /** The cookie option's data; length 0 without one (RFC 7873). */
  cookieStart = 0;
  cookieLength = 0;
  /** Client subnet option's data; length 0 without one (RFC 7871). */
  subnetStart = 0;
  subnetLength = 0;
  asksNsid = false;
  /** The client pads, so answers over TLS are padded too (RFC 7830 section 4). */
  padding = false;
  asksKeepalive = false;
  /** Set by who answers, for the counters: the number of the zone that the answer is from; -1: of none. */
  zone = -1;
  /** A TSIG record ends the message; its owner name begins at tsigStart (RFC 8945). */
  hasTsig = false;
  tsigStart = 0;

  constructor(seed: number = HASH_SEED) {
    this.seed = seed;
  }
}

/** Fills `query` from the packet in [start, end). Until the reason's rung, everything in `query` is as the client sent it. */
export function parseQuery(
  bytes: Uint8Array,
  start: number,
  end: number,
  query: Query,
): "ok" | DropReason | ErrorReason {
  if (end - start < HEADER_BYTES) return "shortHeader";
  const flags = readUint16(bytes, start + 2);
  // Answering answers lets two servers talk to each other for ever (RFC 1035 section 7.3).
  if ((flags & FLAG.QR) !== 0) return "isResponse";
  query.bytes = bytes;
  query.start = start;
  query.end = end;
  query.id = readUint16(bytes, start);
  query.flags = flags;
  query.opcode = (flags >>> 11) & 0xf;
  query.questionEnd = 0;
  query.hasEdns = false;
  query.udpSize = 512;
  query.dnssecOk = false;
  query.hasTsig = false;
  query.cookieLength = 0;
  query.zone = -1;
  if (query.opcode !== OPCODE.QUERY) return "unknownOpcode";
  if (readUint16(bytes, start + 4) !== 1) return "questionCount";
  const at = parseQuestion(bytes, start + HEADER_BYTES, end, query);
  if (typeof at === "string") return at;
  // Ten bytes that are zero in nearly every query: answer and authority are empty.
  if (bytes[start + 6] !== 0 || bytes[start + 7] !== 0 || bytes[start + 8] !== 0 || bytes[start + 9] !== 0) {
    return parseUnusual(bytes, at, end, query);
  }
  return parseAdditional(bytes, at, end, readUint16(bytes, start + 10), query);
}

/** Reads name, type and class. Returns where the question ends. */
function parseQuestion(bytes: Uint8Array, from: number, end: number, query: Query): number | ErrorReason {
  let at = from;
  let labels = 0;
  for (;;) {
    if (at >= end) return "badName";
    const length = bytes[at]!;
    if (length === 0) break;
    if (length >= 0xc0) return "compressedName";
    if (length > MAX_LABEL_BYTES) return "badName";
    query.labelOffsets[labels++] = at - from;
    at += length + 1;
    // One byte is left for the root, which keeps `labels` under 128 too.
    if (at - from >= MAX_NAME_BYTES) return "badName";
  }
  at++;
  if (at + 4 > end) return "shortQuestion";
  query.nameStart = from;
  query.nameEnd = at;
  query.labels = labels;
  let hash = query.seed;
  for (let index = at - 1; index >= from; index--) hash = Math.imul(hash ^ (bytes[index]! | 0x20), 0x01000193);
  query.hash = hash | 0;
  query.type = readUint16(bytes, at);
  query.class = readUint16(bytes, at + 2);
  query.questionEnd = at + 4;
  return at + 4;
}

/** Only an IXFR carries a record before the additional section: the client's SOA (RFC 1995 section 3). */
function parseUnusual(bytes: Uint8Array, from: number, end: number, query: Query): "ok" | ErrorReason {
  const authority = readUint16(bytes, query.start + 8);
  if (readUint16(bytes, query.start + 6) !== 0 || query.type !== TYPE.IXFR || authority !== 1)
    return "unexpectedRecords";
  const owner = skipName(bytes, from, end);
  if (owner < 0 || owner + RECORD_FIXED_BYTES > end) return "badRecord";
  const at = owner + RECORD_FIXED_BYTES + readUint16(bytes, owner + 8);
  if (at > end) return "badRecord";
  return parseAdditional(bytes, at, end, readUint16(bytes, query.start + 10), query);
}

function parseAdditional(
  bytes: Uint8Array,
  from: number,
  end: number,
  count: number,
  query: Query,
): "ok" | ErrorReason {
  if (count > MAX_ADDITIONAL_RECORDS) return "tooManyRecords";
  let at = from;
  for (let left = count; left > 0; left--) {
    const owner = skipName(bytes, at, end);
    if (owner < 0 || owner + RECORD_FIXED_BYTES > end) return "badRecord";
    const next = owner + RECORD_FIXED_BYTES + readUint16(bytes, owner + 8);
    if (next > end) return "badRecord";
    const type = readUint16(bytes, owner);
    if (type === TYPE.OPT) {
      const result = parseEdns(bytes, at, owner, next, query);
      if (result !== "ok") return result;
    } else if (type === TYPE.TSIG) {
      // RFC 8945 section 5.1: the last record, of class ANY.
      if (left !== 1 || readUint16(bytes, owner + 2) !== CLASS.ANY) return "badTsig";
      query.hasTsig = true;
      query.tsigStart = at;
    }
    at = next;
  }
  if (at !== end) return "trailingBytes";
  // Last, so that a broken query is FORMERR before it is BADVERS (RFC 6891 section 6.1.3).
  return query.hasEdns && query.ednsVersion !== 0 ? "badEdnsVersion" : "ok";
}

/** The OPT record: owner at `at`, its type at `owner`, its end at `next` (RFC 6891 section 6.1.2). */
function parseEdns(bytes: Uint8Array, at: number, owner: number, next: number, query: Query): "ok" | ErrorReason {
  if (query.hasEdns) return "duplicateEdns";
  if (bytes[at] !== 0) return "badEdns";
  query.hasEdns = true;
  const size = readUint16(bytes, owner + 2);
  query.udpSize = size < 512 ? 512 : size;
  query.ednsVersion = bytes[owner + 5]!;
  query.dnssecOk = (bytes[owner + 6]! & 0x80) !== 0;
  query.optionsStart = owner + RECORD_FIXED_BYTES;
  query.optionsEnd = next;
  query.subnetLength = 0;
  query.asksNsid = false;
  query.padding = false;
  query.asksKeepalive = false;
  // Another version's options may have another form.
  if (query.ednsVersion !== 0 || query.optionsStart === next) return "ok";
  return parseOptions(bytes, query.optionsStart, next, query);
}

function parseOptions(bytes: Uint8Array, from: number, end: number, query: Query): "ok" | ErrorReason {
  let at = from;
  while (at < end) {
    if (at + 4 > end) return "badEdns";
    const option = readUint16(bytes, at);
    const length = readUint16(bytes, at + 2);
    const data = at + 4;
    if (data + length > end) return "badEdns";
    if (option === EDNS_OPTION.COOKIE) {
      // A client cookie, alone or with a server cookie of 8 to 32 bytes (RFC 7873 section 5.2.2).
      if (length !== 8 && (length < 16 || length > 40)) return "badEdns";
      if (query.cookieLength === 0) {
        query.cookieStart = data;
        query.cookieLength = length;
      }
    } else if (option === EDNS_OPTION.CLIENT_SUBNET) {
      query.subnetStart = data;
      query.subnetLength = length;
    } else if (option === EDNS_OPTION.NSID) query.asksNsid = true;
    else if (option === EDNS_OPTION.PADDING) query.padding = true;
    else if (option === EDNS_OPTION.TCP_KEEPALIVE) query.asksKeepalive = true;
    at = data + length;
  }
  return "ok";
}
