/** Takes a message's body out of the connection's bytes, by length or by chunks, within a limit. */
import { BODY, Message } from "../message.ts";
import { ChunkedDecoder } from "./chunked.ts";
import { parseFields, type HeadLimits } from "./parse.ts";

export type BodyStep =
  /** Bytes [dataStart, dataEnd) are body. */
  | "data"
  | "more"
  /** The body is complete; `trailers` are valid until the next event. */
  | "end"
  | "bad"
  | "tooLarge";

export class RequestBody {
  at = 0;
  dataStart = 0;
  dataEnd = 0;
  /** Bytes of body taken so far. */
  received = 0;
  trailers: Message | undefined = undefined;
  readonly #limits: HeadLimits;
  readonly #decoder: ChunkedDecoder | undefined;
  /** Bytes that may still come: what Content-Length told, or what the limit leaves. */
  #left: number;

  /** `maxBytes` bounds a chunked body; 0 for no limit. A length was checked before. */
  constructor(message: Message, maxBytes: number, limits: HeadLimits) {
    this.#limits = limits;
    this.#decoder = message.body === BODY.chunked ? new ChunkedDecoder() : undefined;
    this.#left = message.body === BODY.chunked ? maxBytes || Infinity : message.contentLength;
  }

  /** Bytes still to come at most, Infinity when nobody knows. */
  get remaining(): number {
    return this.#decoder === undefined ? this.#left : Infinity;
  }

  step(bytes: Uint8Array, start: number, end: number): BodyStep {
    return this.#decoder === undefined
      ? this.#takeLength(start, end)
      : this.#takeChunks(this.#decoder, bytes, start, end);
  }

  #takeLength(start: number, end: number): BodyStep {
    this.at = start;
    if (this.#left === 0) return "end";
    if (start === end) return "more";
    const length = Math.min(this.#left, end - start);
    this.dataStart = start;
    this.dataEnd = this.at = start + length;
    this.#left -= length;
    this.received += length;
    return "data";
  }

  #takeChunks(decoder: ChunkedDecoder, bytes: Uint8Array, start: number, end: number): BodyStep {
    const step = decoder.step(bytes, start, end);
    this.at = decoder.at;
    if (step === "trailers") return this.#takeTrailers(bytes, decoder.at, end);
    if (step !== "data") return step;
    this.dataStart = decoder.dataStart;
    this.dataEnd = decoder.dataEnd;
    this.received += this.dataEnd - this.dataStart;
    this.#left -= this.dataEnd - this.dataStart;
    return this.#left < 0 ? "tooLarge" : "data";
  }

  /** Nothing is consumed until the whole section is there; it is no longer than a head may be. */
  #takeTrailers(bytes: Uint8Array, start: number, end: number): BodyStep {
    const trailers = this.trailers ?? new Message(this.#limits.fields);
    const after = parseFields(bytes, start, end, trailers, this.#limits);
    if (after <= 0) return after === 0 ? "more" : "bad";
    this.at = after;
    this.trailers = trailers.fieldCount > 0 ? trailers : undefined;
    return "end";
  }
}
