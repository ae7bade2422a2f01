/**
 * A whole message as values, for the resolver and for clients: names and rdata are copied out uncompressed, so that
 * nothing refers to the packet. Authoritative answers never take this path (query.ts).
 */
import { HEADER_BYTES, readUint16, readUint32 } from "./header.ts";
import { MAX_NAME_BYTES, readName, skipName } from "./name.ts";
import { decodeRdata } from "./rdata/codecs.ts";
import { TYPE } from "./type.ts";

export interface Question {
  /** Wire bytes in the case of the message. */
  readonly name: Uint8Array;
  readonly type: number;
  readonly class: number;
}

export interface ResourceRecord extends Question {
  /** Seconds. A value with the top bit set is read as zero (RFC 2181 section 8). */
  readonly ttl: number;
  /** Names in it are uncompressed. */
  readonly rdata: Uint8Array;
}

export interface Edns {
  readonly version: number;
  readonly udpSize: number;
  readonly dnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface Message {
  readonly id: number;
  /** The header's second 16 bits: see FLAG. */
  readonly flags: number;
  readonly opcode: number;
  /** With the upper eight bits of EDNS. */
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  /** Without the OPT record. */
  readonly additional: readonly ResourceRecord[];
  readonly edns: Edns | undefined;
}

export type MessageFault =
  | "shortHeader"
  | "badName"
  | "shortQuestion"
  | "badRecord"
  | "badRdata"
  | "badEdns"
  | "tooManyRecords";

/** A stranger's compressed records unfold to far more memory than they came in. */
const MAX_RECORDS = 2048;
const MAX_QUESTIONS = 8;

/** Reads the message in [start, end). Bytes behind the last record are ignored, as resolvers do (TSIG is not read here). */
export function decodeMessage(bytes: Uint8Array, start: number, end: number): Message | MessageFault {
  if (end - start < HEADER_BYTES) return "shortHeader";
  const packet = bytes.subarray(0, end);
  const questionCount = readUint16(packet, start + 4);
  const counts = [readUint16(packet, start + 6), readUint16(packet, start + 8), readUint16(packet, start + 10)];
  if (questionCount > MAX_QUESTIONS || counts[0]! + counts[1]! + counts[2]! > MAX_RECORDS) return "tooManyRecords";
  const cursor = { at: start + HEADER_BYTES };
  const questions: Question[] = [];
  for (let left = questionCount; left > 0; left--) {
    const question = decodeQuestion(packet, start, cursor);
    if (typeof question === "string") return question;
    questions.push(question);
  }
  const sections: ResourceRecord[][] = [];
  for (const count of counts) {
    const section = decodeSection(packet, start, cursor, count);
    if (typeof section === "string") return section;
    sections.push(section);
  }
  const [answer, authority, additional] = sections as [ResourceRecord[], ResourceRecord[], ResourceRecord[]];
  const opts = additional.filter((record) => record.type === TYPE.OPT);
  const edns = opts[0] === undefined ? undefined : decodeEdns(opts[0]);
  if (opts.length > 1 || edns === "badEdns") return "badEdns";
  const flags = readUint16(packet, start + 2);
  return {
    id: readUint16(packet, start),
    flags,
    opcode: (flags >>> 11) & 0xf,
    rcode: (flags & 0xf) | (edns === undefined ? 0 : edns.extendedRcode << 4),
    questions,
    answer,
    authority,
    additional: additional.filter((record) => record.type !== TYPE.OPT),
    edns,
  };
}

interface Cursor {
  at: number;
}

const nameBuffer = (): Uint8Array => new Uint8Array(MAX_NAME_BYTES);

function decodeName(packet: Uint8Array, start: number, cursor: Cursor): Uint8Array | undefined {
  const buffer = nameBuffer();
  const next = skipName(packet, cursor.at, packet.length);
  const length = next < 0 ? -1 : readName(packet, start, packet.length, cursor.at, buffer, 0);
  if (length < 0) return undefined;
  cursor.at = next;
  return buffer.slice(0, length);
}

function decodeQuestion(packet: Uint8Array, start: number, cursor: Cursor): Question | MessageFault {
  const name = decodeName(packet, start, cursor);
  if (name === undefined) return "badName";
  if (cursor.at + 4 > packet.length) return "shortQuestion";
  const question = { name, type: readUint16(packet, cursor.at), class: readUint16(packet, cursor.at + 2) };
  cursor.at += 4;
  return question;
}

function decodeSection(
  packet: Uint8Array,
  start: number,
  cursor: Cursor,
  count: number,
): ResourceRecord[] | MessageFault {
  const records: ResourceRecord[] = [];
  for (let left = count; left > 0; left--) {
    const name = decodeName(packet, start, cursor);
    if (name === undefined) return "badName";
    const at = cursor.at;
    if (at + 10 > packet.length) return "badRecord";
    const type = readUint16(packet, at);
    const end = at + 10 + readUint16(packet, at + 8);
    if (end > packet.length) return "badRecord";
    const rdata = decodeRdata(type, packet, start, at + 10, end);
    if (rdata === undefined) return "badRdata";
    const ttl = readUint32(packet, at + 4);
    // OPT keeps its flags where other records have a TTL.
    records.push({
      name,
      type,
      class: readUint16(packet, at + 2),
      ttl: ttl > 0x7fffffff && type !== TYPE.OPT ? 0 : ttl,
      rdata,
    });
    cursor.at = end;
  }
  return records;
}

function decodeEdns(opt: ResourceRecord): (Edns & { readonly extendedRcode: number }) | "badEdns" {
  const options: EdnsOption[] = [];
  for (let at = 0; at < opt.rdata.length;) {
    if (at + 4 > opt.rdata.length) return "badEdns";
    const end = at + 4 + readUint16(opt.rdata, at + 2);
    if (end > opt.rdata.length) return "badEdns";
    options.push({ code: readUint16(opt.rdata, at), data: opt.rdata.slice(at + 4, end) });
    at = end;
  }
  return {
    version: (opt.ttl >>> 16) & 0xff,
    udpSize: Math.max(opt.class, 512),
    dnssecOk: (opt.ttl & 0x8000) !== 0,
    options,
    extendedRcode: opt.ttl >>> 24,
  };
}
