/** What all HTTP/1.1 connections of a process share besides the engine's services: scratch objects of one call. */
import type { EngineServices } from "../engine/services.ts";
import type { PreparedResponse } from "../exchange.ts";
import { FIELD } from "../field.ts";
import { BODY, MAX_FIELDS, Message } from "../message.ts";
import { METHOD } from "../method.ts";
import type { H1Exchange } from "./exchange.ts";
import { parseResponse, type HeadLimits } from "./parse.ts";
import type { ResponseFraming } from "./write.ts";

const SPARE_EXCHANGES = 1024;
const encoder = new TextEncoder();
const NAME_END = "content-type".length;
const TEXT_HEAD = encoder.encode("content-typetext/plain; charset=utf-8");
const AGE = encoder.encode("age");

/** Prepared heads are ours: as large as a slab lets them be. */
const PREPARED_LIMITS: HeadLimits = { headBytes: 1024 * 1024, fields: MAX_FIELDS };

export class H1Shared {
  readonly services: EngineServices;
  /** The request being read. An exchange that is answered later keeps it and puts another one here. */
  request = new Message();
  readonly framing: ResponseFraming;
  /** Ended exchanges that nobody holds, to be used again. */
  readonly #spare: H1Exchange[] = [];
  readonly #textHead = new Message(1);
  readonly #preparedHead = new Message(MAX_FIELDS);

  constructor(services: EngineServices) {
    this.services = services;
    this.framing = { body: BODY.none, length: -1, connection: "implied", date: services.date.bytes };
  }

  /** An exchange to use again, if there is one. */
  take(): H1Exchange | undefined {
    return this.#spare.pop();
  }

  giveBack(exchange: H1Exchange): void {
    if (this.#spare.length < SPARE_EXCHANGES) this.#spare.push(exchange);
  }

  /** The head of a plain text answer of `length` bytes; filled anew by each call. */
  textHead(status: number, length: number): Message {
    const head = this.#textHead;
    head.reset(TEXT_HEAD);
    head.status = status;
    head.body = BODY.length;
    head.contentLength = length;
    head.addField(FIELD["content-type"], 0, NAME_END, NAME_END, TEXT_HEAD.length);
    return head;
  }

  /** A prepared head as a Message again, for stages that want to see or change it; undefined when it is not well-formed. */
  preparedHead(prepared: PreparedResponse): Message | undefined {
    const age = prepared.age < 0 ? "" : String(prepared.age);
    const length = prepared.h1End - prepared.h1Start;
    const bytes = new Uint8Array(length + 2 + AGE.length + age.length);
    bytes.set(prepared.slab.bytes.subarray(prepared.h1Start, prepared.h1End));
    bytes.set([0x0d, 0x0a], length);
    const head = this.#preparedHead;
    // As an answer to GET, so that the head's own Content-Length is taken.
    if (parseResponse(bytes, 0, length + 2, head, METHOD.GET, PREPARED_LIMITS) <= 0) return undefined;
    if (age !== "") {
      const at = length + 2;
      bytes.set(AGE, at);
      encoder.encodeInto(age, bytes.subarray(at + AGE.length));
      head.addField(FIELD.age, at, at + AGE.length, at + AGE.length, bytes.length);
    }
    return head;
  }
}
