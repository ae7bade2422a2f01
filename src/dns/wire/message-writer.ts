/**
 * Writes one message at a time into somebody's bytes, with names compressed (RFC 1035 section 4.1.4). A record that does
 * not fit leaves no trace, so that the caller can set TC or leave an optional record out.
 */
import { HEADER_BYTES, writeUint16 } from "./header.ts";
import { equalNames, HASH_SEED, lowerByte } from "./name.ts";
import { visitRdata } from "./rdata/codecs.ts";
import { TYPE } from "./type.ts";
import type { EdnsOption } from "./message.ts";

export type Section = "answer" | "authority" | "additional";

/** Offset of each section's count in the header. */
const COUNT_AT: Readonly<Record<Section, number>> = { answer: 6, authority: 8, additional: 10 };

/** A pointer has 14 bits (RFC 1035 section 4.1.4); the last 255 are left, so that prebuilt answers can be shifted. */
const MAX_POINTER = 0x3f00;
/** Names that may be pointed at; later ones are written in full. */
const MAX_TARGETS = 512;

/** What an OPT record says besides its options. */
export interface EdnsHead {
  readonly udpSize: number;
  /** The whole response code: its upper eight bits travel in OPT. */
  readonly rcode: number;
  readonly dnssecOk: boolean;
  readonly version?: number;
}

export class MessageWriter {
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #limit = 0;
  #at = 0;
  #full = false;
  /** Offsets from the message's start, and hashes, of the names written so far. */
  readonly #targets = new Uint16Array(MAX_TARGETS);
  readonly #hashes = new Int32Array(MAX_TARGETS);
  #targetCount = 0;
  readonly #pointers: number[] = [];

  /** Begins a message at `start` of `bytes` that may grow to `maxBytes`: its header has these values and no records. */
  begin(bytes: Uint8Array, start: number, maxBytes: number, id: number, flags: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#limit = Math.min(start + maxBytes, bytes.length);
    this.#targetCount = 0;
    this.#pointers.length = 0;
    this.#full = this.#limit - start < HEADER_BYTES;
    this.#at = start + HEADER_BYTES;
    if (this.#full) return;
    bytes.fill(0, start, this.#at);
    writeUint16(bytes, start, id);
    writeUint16(bytes, start + 2, flags);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** Where the compression pointers are, from the message's start, ascending. */
  get pointers(): readonly number[] {
    return this.#pointers;
  }

  setFlags(flags: number): void {
    writeUint16(this.#bytes, this.#start + 2, flags);
  }

  question(name: Uint8Array, type: number, questionClass: number): boolean {
    const mark = this.#at;
    this.#name(name, 0, name.length);
    this.#uint16(type);
    this.#uint16(questionClass);
    return this.#finish(mark, this.#targetCount, 4);
  }

  /** Adds one record; `rdata` is uncompressed. False: it did not fit and is not there. */
  record(
    section: Section,
    name: Uint8Array,
    type: number,
    questionClass: number,
    ttl: number,
    rdata: Uint8Array,
  ): boolean {
    const mark = this.#at;
    const targets = this.#targetCount;
    this.#name(name, 0, name.length);
    this.#uint16(type);
    this.#uint16(questionClass);
    this.#uint16(ttl >>> 16);
    this.#uint16(ttl & 0xffff);
    const lengthAt = this.#at;
    this.#uint16(0);
    visitRdata(type, rdata, (start, end, compressible) => {
      if (compressible) this.#name(rdata, start, end);
      else this.#copy(rdata, start, end);
    });
    if (!this.#full) writeUint16(this.#bytes, lengthAt, this.#at - lengthAt - 2);
    return this.#finish(mark, targets, COUNT_AT[section]);
  }

  /** Adds the OPT record (RFC 6891 section 6.1.2). */
  edns(head: EdnsHead, options: readonly EdnsOption[] = []): boolean {
    const mark = this.#at;
    this.#uint8(0);
    this.#uint16(TYPE.OPT);
    this.#uint16(head.udpSize);
    this.#uint8(head.rcode >>> 4);
    this.#uint8(head.version ?? 0);
    this.#uint16(head.dnssecOk ? 0x8000 : 0);
    this.#uint16(options.reduce((sum, option) => sum + 4 + option.data.length, 0));
    for (const option of options) {
      this.#uint16(option.code);
      this.#uint16(option.data.length);
      this.#copy(option.data, 0, option.data.length);
    }
    return this.#finish(mark, this.#targetCount, COUNT_AT.additional);
  }

  /** Counts what was written since `mark`, or takes it back when it did not fit. */
  #finish(mark: number, targets: number, countAt: number): boolean {
    if (this.#full) {
      this.#at = mark;
      this.#targetCount = targets;
      while (this.#pointers.length > 0 && this.#pointers.at(-1)! >= mark - this.#start) this.#pointers.pop();
      this.#full = this.#limit - this.#start < HEADER_BYTES;
      return false;
    }
    const at = this.#start + countAt;
    writeUint16(this.#bytes, at, ((this.#bytes[at]! << 8) | this.#bytes[at + 1]!) + 1);
    return true;
  }

  /** Writes the name in [from, end) of `bytes`: labels up to the longest suffix that was written before, then a pointer. */
  #name(bytes: Uint8Array, from: number, end: number): void {
    let at = from;
    while (bytes[at]! !== 0) {
      const hash = hashOf(bytes, at, end);
      const target = this.#find(bytes, at, end, hash);
      if (target >= 0) {
        this.#pointers.push(this.#at - this.#start);
        this.#uint16(0xc000 | target);
        return;
      }
      const offset = this.#at - this.#start;
      if (offset <= MAX_POINTER && this.#targetCount < MAX_TARGETS && !this.#full) {
        this.#targets[this.#targetCount] = offset;
        this.#hashes[this.#targetCount] = hash;
        this.#targetCount++;
      }
      const next = at + bytes[at]! + 1;
      this.#copy(bytes, at, next);
      at = next;
    }
    this.#uint8(0);
  }

  /** Offset of a name equal to [at, end) of `bytes`, or -1. */
  #find(bytes: Uint8Array, at: number, end: number, hash: number): number {
    for (let index = 0; index < this.#targetCount; index++) {
      if (this.#hashes[index] === hash && this.#equals(this.#targets[index]!, bytes, at, end))
        return this.#targets[index]!;
    }
    return -1;
  }

  /** Whether the possibly compressed name at `offset`, written by this writer, is the one in [at, end). */
  #equals(offset: number, bytes: Uint8Array, at: number, end: number): boolean {
    let left = this.#start + offset;
    let right = at;
    while (right < end) {
      const length = this.#bytes[left]!;
      if (length >= 0xc0) {
        left = this.#start + (((length & 0x3f) << 8) | this.#bytes[left + 1]!);
        continue;
      }
      if (length !== bytes[right]! || !equalNames(this.#bytes, left, bytes, right, length + 1)) return false;
      if (length === 0) return true;
      left += length + 1;
      right += length + 1;
    }
    return false;
  }

  #copy(bytes: Uint8Array, from: number, end: number): void {
    if (this.#full || this.#at + end - from > this.#limit) {
      this.#full = true;
      return;
    }
    for (let at = from; at < end; at++) this.#bytes[this.#at++] = bytes[at]!;
  }

  #uint8(value: number): void {
    if (this.#full || this.#at + 1 > this.#limit) this.#full = true;
    else this.#bytes[this.#at++] = value;
  }

  #uint16(value: number): void {
    if (this.#full || this.#at + 2 > this.#limit) {
      this.#full = true;
      return;
    }
    writeUint16(this.#bytes, this.#at, value);
    this.#at += 2;
  }
}

/** Hash of a name in any case; pointers never enter it because the names come uncompressed. */
function hashOf(bytes: Uint8Array, from: number, end: number): number {
  let hash = HASH_SEED;
  for (let at = from; at < end; at++) hash = Math.imul(hash ^ lowerByte(bytes[at]!), 0x01000193);
  return hash | 0;
}
