/** What all HTTP/2 connections of a process share besides the engine's services: scratch memory, and the head of answers made here. */
import type { EngineServices } from "../engine/services.ts";
import type { PreparedResponse } from "../exchange.ts";
import { FIELD } from "../field.ts";
import { BODY, Message } from "../message.ts";
import { FieldSection } from "./field-section.ts";
import { STATIC_INDEX_OF_FIELD, STATIC_RANGES } from "./hpack/static-table.ts";
import { HpackDecoder } from "./hpack/decoder.ts";

/** Where the static table, and so every section's arena, spells `age`. */
const AGE_START = STATIC_RANGES[STATIC_INDEX_OF_FIELD[FIELD.age]! * 3]!;
const AGE_END = AGE_START + "age".length;
const NAME_END = "content-type".length;
const TEXT_HEAD = new TextEncoder().encode("content-typetext/plain; charset=utf-8");

/** No stored head is larger, in octets. */
const PREPARED_BYTES = 64 * 1024;

export class H2Shared {
  readonly services: EngineServices;
  /** Octets of one header block as sent. Huffman and tables make it smaller than the list, never much larger. */
  readonly maxBlock: number;
  /** The request or trailers being read; valid until the next header block. */
  readonly section: FieldSection;
  readonly #textHead = new Message(1);
  readonly #preparedDecoder = new HpackDecoder();
  readonly #preparedSection: FieldSection;

  constructor(services: EngineServices) {
    const { headBytes, fields } = services.limits;
    this.services = services;
    this.maxBlock = headBytes + 1024;
    this.section = new FieldSection(headBytes, fields, this.maxBlock);
    this.#preparedSection = new FieldSection(PREPARED_BYTES, 256, PREPARED_BYTES);
  }

  /** The head of a plain text answer of `length` octets; filled anew by each call. */
  textHead(status: number, length: number): Message {
    const head = this.#textHead;
    head.reset(TEXT_HEAD);
    head.status = status;
    head.body = BODY.length;
    head.contentLength = length;
    head.addField(FIELD["content-type"], 0, NAME_END, NAME_END, TEXT_HEAD.length);
    return head;
  }

  /** An empty interim head. */
  interimHead(): Message {
    this.#textHead.reset(TEXT_HEAD);
    return this.#textHead;
  }

  /** A prepared head as a Message again, for stages that want to see or change it; undefined when it is not well-formed. */
  preparedHead(prepared: PreparedResponse): Message | undefined {
    const section = this.#preparedSection;
    section.begin("response");
    const fault = this.#preparedDecoder.decode(prepared.slab.bytes, prepared.h2Start, prepared.h2End, section);
    if (fault !== undefined || section.malformed !== undefined || section.tooLarge) return undefined;
    const head = section.message;
    if (prepared.bodyEnd > prepared.bodyStart) {
      head.body = BODY.length;
      head.contentLength = prepared.bodyEnd - prepared.bodyStart;
    }
    if (prepared.age >= 0) {
      const start = section.end;
      const end = section.append(new TextEncoder().encode(String(prepared.age)));
      head.addField(FIELD.age, AGE_START, AGE_END, start, end);
    }
    return head;
  }
}
