/** From a server's packet to what the state machine reads: is it the answer to this question, and which record sets has it? */
import { FLAG } from "#src/dns/wire/header.ts";
import { decodeMessage, type Message, type MessageFault, type ResourceRecord } from "#src/dns/wire/message.ts";
import { nameKey } from "#src/dns/wire/name.ts";
import { OPCODE } from "#src/dns/wire/rcode.ts";
import { CLASS, isMetaType } from "#src/dns/wire/type.ts";
import type { Response } from "./classify.ts";
import type { RrSet } from "./rrset.ts";

/** Longer than a day nothing is kept, whatever a zone says. */
const MAX_TTL_SECONDS = 86_400;

/** Why a packet is not the response that is waited for; the wait goes on, as it may be forged. */
export type ResponseFault = MessageFault | "notResponse" | "wrongId" | "wrongQuestion";

export interface AskedQuestion {
  readonly id: number;
  /** Wire bytes in the letter case that was sent: it must come back so (draft-vixie-dnsext-dns0x20). */
  readonly name: Uint8Array;
  readonly type: number;
}

export function decodeResponse(
  bytes: Uint8Array,
  start: number,
  end: number,
  asked: AskedQuestion,
): Response | ResponseFault {
  const message = decodeMessage(bytes, start, end);
  if (typeof message === "string") return message;
  if ((message.flags & FLAG.QR) === 0 || message.opcode !== OPCODE.QUERY) return "notResponse";
  if (message.id !== asked.id) return "wrongId";
  if (!repeats(message, asked)) return "wrongQuestion";
  return {
    rcode: message.rcode,
    authoritative: (message.flags & FLAG.AA) !== 0,
    truncated: (message.flags & FLAG.TC) !== 0,
    answer: toSets(message.answer),
    authority: toSets(message.authority),
    additional: toSets(message.additional),
  };
}

/** An error may come without the question (RFC 1035 section 4.1.1 leaves it open for FORMERR); an answer never. */
function repeats(message: Message, asked: AskedQuestion): boolean {
  const question = message.questions[0];
  if (question === undefined) return message.rcode !== 0 && message.answer.length === 0;
  return (
    message.questions.length === 1 &&
    question.type === asked.type &&
    question.class === CLASS.IN &&
    Buffer.compare(question.name, asked.name) === 0
  );
}

function toSets(records: readonly ResourceRecord[]): RrSet[] {
  const sets = new Map<string, { owner: string; type: number; ttl: number; rdata: Uint8Array[] }>();
  for (const record of records) {
    if (record.class !== CLASS.IN || isMetaType(record.type)) continue;
    const owner = nameKey(record.name);
    const key = `${record.type} ${owner}`;
    const ttl = Math.min(record.ttl, MAX_TTL_SECONDS);
    const set = sets.get(key);
    if (set === undefined) sets.set(key, { owner, type: record.type, ttl, rdata: [record.rdata] });
    else if (!set.rdata.some((rdata) => Buffer.compare(rdata, record.rdata) === 0)) {
      set.rdata.push(record.rdata);
      set.ttl = Math.min(set.ttl, ttl);
    }
  }
  return [...sets.values()];
}
