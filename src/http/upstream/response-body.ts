/** Takes a response's body out of a connection's bytes (RFC 9112 section 6): one object a connection, used again and again. */
import { ChunkedDecoder } from "../h1/chunked.ts";
import { parseFields, type HeadLimits } from "../h1/parse.ts";
import { BODY, type BodyKind, Message } from "../message.ts";

export type BodyStep =
  /** Bytes [dataStart, dataEnd) are body. */
  | "data"
  | "more"
  /** The last chunk and its trailers are read; `trailers` stay valid until the next response begins. */
  | "end"
  | "bad";

export class ResponseBody {
  at = 0;
  dataStart = 0;
  dataEnd = 0;
  kind: BodyKind = BODY.none;
  trailers: Message | undefined = undefined;
  readonly #limits: HeadLimits;
  #decoder: ChunkedDecoder | undefined = undefined;
  #trailerFields: Message | undefined = undefined;
  #left = 0;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** For the response whose head this is. */
  begin(head: Message): void {
    this.kind = head.body;
    this.#left = head.body === BODY.length ? head.contentLength : 0;
    this.trailers = undefined;
    if (head.body === BODY.chunked) (this.#decoder ??= new ChunkedDecoder()).reset();
  }

  /** Nothing more follows the head, or the piece that was just taken. */
  get isComplete(): boolean {
    return this.#left === 0 && (this.kind === BODY.length || this.kind === BODY.none);
  }

  /** Whether the next `length` bytes are known to hold all that is left. */
  isWithin(length: number): boolean {
    return this.kind === BODY.length && this.#left <= length;
  }

  step(bytes: Uint8Array, start: number, end: number): BodyStep {
    switch (this.kind) {
      case BODY.length:
        return this.#takeLength(start, end);
      case BODY.chunked:
        return this.#takeChunks(bytes, start, end);
      case BODY.untilClose:
        return this.#take(start, end);
      case BODY.none:
        break;
    }
    this.at = start;
    return "more";
  }

  #takeLength(start: number, end: number): BodyStep {
    const step = this.#take(start, Math.min(end, start + this.#left));
    this.#left -= this.at - start;
    return step;
  }

  #take(start: number, end: number): BodyStep {
    this.dataStart = start;
    this.dataEnd = this.at = end;
    return end > start ? "data" : "more";
  }

  #takeChunks(bytes: Uint8Array, start: number, end: number): BodyStep {
    const decoder = this.#decoder!;
    const step = decoder.step(bytes, start, end);
    this.at = decoder.at;
    if (step === "trailers") return this.#takeTrailers(bytes, decoder.at, end);
    this.dataStart = decoder.dataStart;
    this.dataEnd = decoder.dataEnd;
    return step;
  }

  /** Nothing is consumed until the whole section is there; it is no longer than a head may be. */
  #takeTrailers(bytes: Uint8Array, start: number, end: number): BodyStep {
    const fields = (this.#trailerFields ??= new Message(this.#limits.fields));
    const after = parseFields(bytes, start, end, fields, this.#limits);
    if (after <= 0) return after === 0 ? "more" : "bad";
    this.at = after;
    this.trailers = fields.fieldCount > 0 ? fields : undefined;
    return "end";
  }
}
