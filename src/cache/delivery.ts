/** Answers from what is stored: a small object as one prepared response, a chain piece by piece as the client takes it. */
import type { AbortReason, Exchange, PreparedResponse, ResponseSource } from "#src/http/exchange.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import { METHOD } from "#src/http/method.ts";
import type { Segment } from "#src/memory/segment.ts";
import type { Held } from "#src/reactor/stream.ts";
import { CHAIN_HEADER_BYTES, CHAIN_PART_BYTES, type StoredObject } from "./store/object.ts";
import type { Pins } from "./store/pins.ts";
import { VIA, readHead } from "./store/stored-head.ts";

/** A body up to this is copied by HTTP/1.1 into its out buffer; a longer one, and any over HTTP/2's windows, may leave in parts. */
const COPIED = 16 * 1024;

export class Delivery {
  readonly #segment: Segment;
  readonly #pins: Pins;
  readonly #edits = new FieldEdits();
  readonly #prepared: PreparedResponse;

  constructor(segment: Segment, pins: Pins) {
    this.#segment = segment;
    this.#pins = pins;
    this.#prepared = {
      status: 0,
      slab: segment.slabs[0]!,
      h1Start: 0,
      h1End: 0,
      h2Start: 0,
      h2End: 0,
      bodyStart: 0,
      bodyEnd: 0,
      age: -1,
      held: undefined,
    };
  }

  /** The stored response. Between the reader's `enter` and `leave`. */
  deliver(exchange: Exchange, object: StoredObject, age: number): void {
    const hasBody = exchange.request.method !== METHOD.HEAD && object.bodyLength > 0;
    if (hasBody && object.chain !== 0) {
      this.#deliverChain(exchange, object, age);
      return;
    }
    const prepared = this.#prepared;
    const mayLeaveInParts = hasBody && (object.bodyLength > COPIED || exchange.version === 20);
    prepared.status = object.status;
    prepared.slab = this.#segment.slabOf(object.unit);
    prepared.h1Start = object.keyEnd;
    prepared.h1End = prepared.h2Start = object.h1End;
    prepared.h2End = object.h2End;
    prepared.bodyStart = object.h2NotModifiedEnd;
    prepared.bodyEnd = hasBody ? prepared.bodyStart + object.bodyLength : prepared.bodyStart;
    prepared.age = age;
    prepared.held = mayLeaveInParts ? this.#pins.hold(object.unit) : undefined;
    exchange.respondPrepared(prepared);
  }

  /** The 304 that stands for the stored response. */
  deliverNotModified(exchange: Exchange, object: StoredObject, age: number): void {
    const prepared = this.#prepared;
    prepared.status = 304;
    prepared.slab = this.#segment.slabOf(object.unit);
    prepared.h1Start = object.h2End;
    prepared.h1End = prepared.h2Start = object.h1NotModifiedEnd;
    prepared.h2End = object.h2NotModifiedEnd;
    prepared.bodyStart = prepared.bodyEnd = prepared.h2End;
    prepared.age = age;
    prepared.held = undefined;
    exchange.respondPrepared(prepared);
  }

  #deliverChain(exchange: Exchange, object: StoredObject, age: number): void {
    const { bytes } = this.#segment.slabOf(object.unit);
    const head = readHead(bytes, object.keyEnd, object.h1End, object.status);
    const edits = this.#edits;
    edits.clear();
    edits.set("age", String(age));
    edits.add(...VIA);
    edits.add("cache-status", "fairway; hit");
    const held = this.#pins.hold(object.chain);
    const pieces = new ChainPieces(this.#segment, object.chain, object.bodyLength, held);
    exchange.source = pieces;
    exchange.respond(head, edits);
    pieces.send(exchange);
  }
}

/** A chain on its way to one client. Each piece holds it too, so that the pin outlives what is queued. */
class ChainPieces implements ResponseSource, Held {
  readonly #segment: Segment;
  readonly #held: Held | undefined;
  #unit: number;
  #left: number;
  #holders = 1;
  #over = false;

  constructor(segment: Segment, chain: number, length: number, held: Held | undefined) {
    this.#segment = segment;
    this.#unit = chain;
    this.#left = length;
    this.#held = held;
  }

  /** Writes until the client is full. Without a pin nothing may be left for later: all is written, and copied where it waits. */
  send(exchange: Exchange): void {
    while (!this.#over && this.#left > 0) {
      const slab = this.#segment.slabOf(this.#unit);
      const start = this.#segment.byteOf(this.#unit) + CHAIN_HEADER_BYTES;
      const length = Math.min(this.#left, CHAIN_PART_BYTES);
      this.#unit = this.#segment.wordsOf(this.#unit)[this.#segment.wordOf(this.#unit)]!;
      this.#left -= length;
      if (this.#held === undefined) exchange.write(slab, start, start + length);
      else {
        this.#holders++;
        if (!exchange.write(slab, start, start + length, this)) break;
      }
    }
    if (this.#over || this.#left > 0) return;
    this.#finish();
    exchange.end();
  }

  onDrain(exchange: Exchange): void {
    this.send(exchange);
  }

  onAbort(_exchange: Exchange, _reason: AbortReason): void {
    this.#finish();
  }

  release(): void {
    if (--this.#holders === 0) this.#held?.release();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.release();
  }
}
