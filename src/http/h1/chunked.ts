/** The chunked transfer coding (RFC 9112 section 7.1): a decoder fed with ranges, and the framing bytes of an encoder. */
import { CR, FIELD_VALUE, HEX, LF, SEMICOLON } from "./character.ts";

/** More digits would pass a double's exact integers. */
const MAX_SIZE_DIGITS = 12;
/** Bytes of one chunk's extensions, which nobody uses but attackers. */
const MAX_EXTENSION = 256;
/** Bytes of all extensions of a body, so that tiny chunks with long extensions cannot cost without end. */
const MAX_EXTENSIONS = 16 * 1024;

export type ChunkStep =
  /** Bytes [dataStart, dataEnd) are body. */
  | "data"
  /** Everything given was taken; more is needed. */
  | "more"
  /** The last chunk's line is behind `at`: a trailer section follows, which is the caller's to parse. */
  | "trailers"
  /** Malformed: the connection cannot be used further. */
  | "bad";

type State = "size" | "extension" | "sizeLf" | "data" | "dataCr" | "dataLf" | "trailers" | "bad";

export class ChunkedDecoder {
  /** Where the next step begins, after a step. */
  at = 0;
  dataStart = 0;
  dataEnd = 0;
  #state: State = "size";
  #size = 0;
  #digits = 0;
  #extension = 0;
  #extensions = 0;

  reset(): void {
    this.#state = "size";
    this.#size = this.#digits = this.#extension = this.#extensions = 0;
  }

  /** Goes on at `start`, up to the next piece of body or the end of the input. */
  step(bytes: Uint8Array, start: number, end: number): ChunkStep {
    let p = start;
    while (p < end) {
      if (this.#state === "data") return this.#takeData(p, end);
      if (this.#state === "trailers" || this.#state === "bad") break;
      this.#state = this.#next(bytes[p]!);
      p++;
    }
    this.at = p;
    return this.#state === "trailers" || this.#state === "bad" ? this.#state : "more";
  }

  #takeData(start: number, end: number): ChunkStep {
    const length = Math.min(this.#size, end - start);
    this.dataStart = start;
    this.dataEnd = this.at = start + length;
    this.#size -= length;
    if (this.#size === 0) this.#state = "dataCr";
    return "data";
  }

  /** The state after one byte of framing. */
  #next(code: number): State {
    switch (this.#state) {
      case "size":
        return this.#nextInSize(code);
      case "extension":
        if (code === CR) return "sizeLf";
        this.#extension++;
        this.#extensions++;
        return FIELD_VALUE[code] === 1 && this.#extension <= MAX_EXTENSION && this.#extensions <= MAX_EXTENSIONS
          ? "extension"
          : "bad";
      case "sizeLf":
        if (code !== LF) return "bad";
        return this.#size === 0 ? "trailers" : "data";
      case "dataCr":
        return code === CR ? "dataLf" : "bad";
      case "dataLf":
        this.#digits = this.#extension = 0;
        return code === LF ? "size" : "bad";
      case "data":
      case "trailers":
      case "bad":
        break;
    }
    return this.#state;
  }

  #nextInSize(code: number): State {
    if (HEX[code] === 1) {
      this.#size = this.#size * 16 + (code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57);
      this.#digits++;
      return this.#digits > MAX_SIZE_DIGITS ? "bad" : "size";
    }
    if (this.#digits === 0) return "bad";
    if (code === CR) return "sizeLf";
    return code === SEMICOLON ? "extension" : "bad";
  }
}

/** Most bytes that `writeChunkSize` needs. */
export const CHUNK_SIZE_BYTES = 10;

const HEX_DIGITS = new TextEncoder().encode("0123456789abcdef");

/** Writes a chunk's size (1 to 2^32 - 1) and CRLF at `at`. Index behind them. */
export function writeChunkSize(out: Uint8Array, at: number, size: number): number {
  let shift = 28;
  while (shift > 0 && size >>> shift === 0) shift -= 4;
  let p = at;
  for (; shift >= 0; shift -= 4) out[p++] = HEX_DIGITS[(size >>> shift) & 15]!;
  out[p++] = CR;
  out[p++] = LF;
  return p;
}
