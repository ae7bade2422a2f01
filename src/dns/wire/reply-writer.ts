/** The parts that every reply has in common: header, the question as it was sent, OPT; and replies that are only that. */
import { FLAG, HEADER_BYTES, writeUint16 } from "./header.ts";
import type { Query } from "./query.ts";
import { TYPE } from "./type.ts";

/** The payload that passes every path without fragments (DNS Flag Day 2020); said in OPT and held for UDP. */
export const EDNS_UDP_SIZE = 1232;
export const OPT_BYTES = 11;

/** Bytes that a reply to this query may have when the transport can carry `max`. */
export function replyLimit(query: Query, isDatagram: boolean, max: number): number {
  return isDatagram && query.udpSize < max ? query.udpSize : max;
}

/**
 * Writes header and question at `start`; the counts behind QDCOUNT are zero. `flags` are the reply's own (AA, TC, RA);
 * opcode, RD and CD are the query's (RFC 1035 section 4.1.1, RFC 4035 section 3.1.6). Returns where the records go.
 */
export function writeReplyHead(query: Query, flags: number, rcode: number, bytes: Uint8Array, start: number): number {
  const source = query.bytes;
  writeUint16(bytes, start, query.id);
  writeUint16(bytes, start + 2, FLAG.QR | (query.flags & (0x7800 | FLAG.RD | FLAG.CD)) | flags | (rcode & 0xf));
  bytes[start + 4] = 0;
  bytes[start + 5] = query.questionEnd === 0 ? 0 : 1;
  for (let at = 6; at < HEADER_BYTES; at++) bytes[start + at] = 0;
  let at = start + HEADER_BYTES;
  for (let from = query.start + HEADER_BYTES; from < query.questionEnd; from++) bytes[at++] = source[from]!;
  return at;
}

/** Writes an OPT record without options at `at`. Returns where it ends. */
export function writeOpt(bytes: Uint8Array, at: number, rcode: number, dnssecOk: boolean): number {
  bytes[at] = 0;
  writeUint16(bytes, at + 1, TYPE.OPT);
  writeUint16(bytes, at + 3, EDNS_UDP_SIZE);
  bytes[at + 5] = rcode >>> 4;
  bytes[at + 6] = 0;
  // DO is copied (RFC 3225 section 3); the other flags are zero.
  bytes[at + 7] = dnssecOk ? 0x80 : 0;
  bytes[at + 8] = 0;
  bytes[at + 9] = 0;
  bytes[at + 10] = 0;
  return at + OPT_BYTES;
}

/** A reply without records but OPT: an error, or an empty answer with `flags`. Returns its length; at most 282 bytes. */
export function writeEmptyReply(query: Query, flags: number, rcode: number, bytes: Uint8Array, start: number): number {
  let at = writeReplyHead(query, flags, rcode, bytes, start);
  if (query.hasEdns) {
    at = writeOpt(bytes, at, rcode, query.dnssecOk);
    bytes[start + 11] = 1;
  }
  return at - start;
}
