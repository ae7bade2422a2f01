/** From a response to the bytes that follow its question. */
import { FLAG, HEADER_BYTES, readUint16 } from "#src/dns/wire/header.ts";
import { MessageWriter, type Section } from "#src/dns/wire/message-writer.ts";
import { nameKey } from "#src/dns/wire/name.ts";
import { CLASS } from "#src/dns/wire/type.ts";
import { givenRecords } from "#src/dns/zone/given-records.ts";
import type { IsHealthy, Rrset } from "#src/dns/zone/zone.ts";
import type { Response } from "./response.ts";

/** A message has 65535 bytes; header, the longest question and OPT leave this much. */
const MAX_MESSAGE = 65_535 - 255 - 11;
/** The length of an answer that fits no message: it is always sent as TC. */
const NEVER_FITS = 0x20000;

/** How an answer's pointers follow the name that is asked. */
export type Shape =
  /** For one name: nothing moves. */
  | "exact"
  /** For names below a wildcard's parent: all move but those to the name asked. */
  | "wildcard"
  /** For names at or below the one it was written for: all move. */
  | "ancestor";

/** What is written: the response to a question for `name`. */
export interface AnswerSource {
  readonly response: Response;
  readonly name: Uint8Array;
  readonly shape: Shape;
  /** What `Query.zone` is set to. */
  readonly zone: number;
}

/** Words as ANSWER has them. */
export interface WrittenAnswer {
  /** Valid until the next answer is written. */
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly requiredLength: number;
  readonly flags: number;
  readonly answerCount: number;
  readonly authorityCount: number;
  readonly additionalCount: number;
  readonly requiredAdditionalCount: number;
  readonly nameLength: number;
  readonly shifts: readonly number[];
  readonly zone: number;
}

export class AnswerWriter {
  readonly #writer = new MessageWriter();
  readonly #scratch = new Uint8Array(65_535);

  /** Writes the answer as it follows a question for the source's name, without the records that health takes out. */
  write({ response, name, shape, zone }: AnswerSource, isHealthy: IsHealthy): WrittenAnswer {
    const writer = this.#writer;
    const asked = shape === "wildcard" ? standIn(name, response) : name;
    writer.begin(this.#scratch, 0, MAX_MESSAGE, 0, 0);
    writer.question(asked, 0, 0);
    const from = writer.length;
    const write = (section: Section, rrset: Rrset): boolean => {
      const owner = rrset.name === name ? asked : rrset.name;
      return givenRecords(rrset, isHealthy).every((rdata) =>
        writer.record(section, owner, rrset.type, CLASS.IN, rrset.ttl, rdata),
      );
    };
    const fits =
      response.answer.every((rrset) => write("answer", rrset)) &&
      response.authority.every((rrset) => write("authority", rrset)) &&
      response.glue.every((rrset) => write("additional", rrset));
    const required = writer.length - from;
    const requiredCount = readUint16(this.#scratch, 10);
    const complete = response.additional.every((rrset) => write("additional", rrset));
    const length = complete ? writer.length - from : required;
    return {
      bytes: this.#scratch.subarray(from, from + length),
      length: fits ? length : NEVER_FITS,
      requiredLength: fits ? required : NEVER_FITS,
      flags: (response.authoritative ? FLAG.AA : 0) | response.rcode,
      answerCount: readUint16(this.#scratch, 6),
      authorityCount: readUint16(this.#scratch, 8),
      additionalCount: complete ? readUint16(this.#scratch, 10) : requiredCount,
      requiredAdditionalCount: requiredCount,
      nameLength: name.length,
      shifts: this.#shifts(shape, from),
      zone,
    };
  }

  /** The written answer's pointers that move. */
  #shifts(shape: Shape, from: number): number[] {
    if (shape === "exact") return [];
    const isOwner = (at: number): boolean => (readUint16(this.#scratch, at) & 0x3fff) === HEADER_BYTES;
    return this.#writer.pointers.filter((at) => shape === "ancestor" || !isOwner(at)).map((at) => at - from);
  }
}

/**
 * A name of the wildcard's length that stands for the one asked: no rdata may be compressed to it, because the name asked
 * will be another one.
 */
function standIn(wildcard: Uint8Array, response: Response): Uint8Array {
  const name = wildcard.slice();
  const rrsets = [...response.answer, ...response.authority, ...response.glue, ...response.additional];
  const texts = rrsets.flatMap((rrset) => [rrset.name, ...rrset.rdatas].map(nameKey));
  for (name[1] = 0; texts.some((text) => text.includes(nameKey(name))); name[1]++);
  return name;
}
