/**
 * Splits a connection's input into frames, checks what RFC 9113 sections 4 and 6 demand of each by itself, joins header
 * blocks, and tells the connection what was said. A returned code other than noError ends the connection.
 */
import type { Slab } from "#src/reactor/slab.ts";
import type { H2Connection } from "./connection.ts";
import {
  ERROR,
  type ErrorCode,
  FLAG,
  FRAME,
  FRAME_HEADER,
  MAX_FRAME_SIZE,
  MAX_WINDOW,
  PREFACE,
  readUint32,
  SETTING,
} from "./frame.ts";

const PRIORITY_LENGTH = 5;
/** Enough for any header list that is allowed, few enough that a flood of empty ones ends (CVE-2024-27316 and its kin). */
const MAX_CONTINUATIONS = 16;

export class FrameReader {
  readonly #connection: H2Connection;
  readonly #maxBlock: number;
  #prefaceSeen = false;
  #settingsSeen = false;
  /** Stream whose header block is incomplete, 0 when none. */
  #blockId = 0;
  #blockEndsStream = false;
  #blockFrames = 0;
  #block = new Uint8Array(0);
  #blockLength = 0;

  /** `maxBlock`: octets of one header block as sent. */
  constructor(connection: H2Connection, maxBlock: number) {
    this.#connection = connection;
    this.#maxBlock = maxBlock;
  }

  /** Whether the client owes the rest of its preface or of a header block. */
  get owesHead(): boolean {
    return !this.#settingsSeen || this.#blockId !== 0;
  }

  /** Reads whole frames from octets [start, end); returns the position after them. */
  read(slab: Slab, start: number, end: number): number {
    const bytes = slab.bytes;
    let at = start;
    if (!this.#prefaceSeen) {
      const length = Math.min(PREFACE.length, end - start);
      for (let i = 0; i < length; i++) if (bytes[start + i] !== PREFACE[i]) return this.#fail(ERROR.protocolError, end);
      if (length < PREFACE.length) return start;
      this.#prefaceSeen = true;
      at += PREFACE.length;
    }
    while (end - at >= FRAME_HEADER && this.#connection.isReading) {
      const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      if (length > MAX_FRAME_SIZE) return this.#fail(ERROR.frameSizeError, end);
      const payload = at + FRAME_HEADER;
      if (end - payload < length) break;
      const id = readUint32(bytes, at + 5) & MAX_WINDOW;
      const code = this.#frame(bytes[at + 3]!, bytes[at + 4]!, id, slab, payload, payload + length);
      if (code !== ERROR.noError) return this.#fail(code, end);
      at = payload + length;
    }
    return at;
  }

  #fail(code: ErrorCode, end: number): number {
    this.#connection.fail(code);
    return end;
  }

  #frame(type: number, flags: number, id: number, slab: Slab, start: number, end: number): ErrorCode {
    const bytes = slab.bytes;
    if (!this.#settingsSeen && (type !== FRAME.settings || (flags & FLAG.ack) !== 0)) return ERROR.protocolError;
    if (this.#blockId !== 0 && (type !== FRAME.continuation || id !== this.#blockId)) return ERROR.protocolError;
    switch (type) {
      case FRAME.data:
        return this.#data(flags, id, slab, start, end);
      case FRAME.headers:
        return this.#headers(flags, id, bytes, start, end);
      case FRAME.priority:
        return this.#priority(id, bytes, start, end);
      case FRAME.rstStream:
        if (id === 0) return ERROR.protocolError;
        return end - start === 4 ? this.#connection.onReset(id) : ERROR.frameSizeError;
      case FRAME.settings:
        return this.#settings(flags, id, bytes, start, end);
      case FRAME.pushPromise:
        return ERROR.protocolError;
      case FRAME.ping:
        if (id !== 0) return ERROR.protocolError;
        return end - start === 8
          ? this.#connection.onPing((flags & FLAG.ack) !== 0, bytes, start)
          : ERROR.frameSizeError;
      case FRAME.goaway:
        if (id !== 0) return ERROR.protocolError;
        return end - start >= 8 ? this.#connection.onGoaway() : ERROR.frameSizeError;
      case FRAME.windowUpdate:
        if (end - start !== 4) return ERROR.frameSizeError;
        return this.#connection.onWindowUpdate(id, readUint32(bytes, start) & MAX_WINDOW);
      case FRAME.continuation:
        return this.#continuation(flags, bytes, start, end);
      default:
        // RFC 9113 section 4.1: types that are not known are ignored.
        return this.#connection.spend();
    }
  }

  #data(flags: number, id: number, slab: Slab, start: number, end: number): ErrorCode {
    if (id === 0) return ERROR.protocolError;
    const counted = end - start;
    if ((flags & FLAG.padded) !== 0) {
      const padding = start < end ? slab.bytes[start]! : 0;
      if (padding >= end - start) return ERROR.protocolError;
      start += 1;
      end -= padding;
    }
    return this.#connection.onDataFrame(id, slab, start, end, counted, (flags & FLAG.endStream) !== 0);
  }

  #headers(flags: number, id: number, bytes: Uint8Array, start: number, end: number): ErrorCode {
    if ((id & 1) === 0) return ERROR.protocolError;
    let padding = 0;
    if ((flags & FLAG.padded) !== 0) {
      if (start === end) return ERROR.frameSizeError;
      padding = bytes[start++]!;
    }
    if ((flags & FLAG.priority) !== 0) {
      if (end - start < PRIORITY_LENGTH) return ERROR.frameSizeError;
      if ((readUint32(bytes, start) & MAX_WINDOW) === id) return ERROR.protocolError;
      start += PRIORITY_LENGTH;
    }
    if (padding > end - start) return ERROR.protocolError;
    end -= padding;
    const endStream = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) return this.#connection.onHeaderBlock(id, bytes, start, end, endStream);
    this.#blockId = id;
    this.#blockEndsStream = endStream;
    this.#blockFrames = 0;
    this.#blockLength = 0;
    return this.#appendBlock(bytes, start, end);
  }

  #continuation(flags: number, bytes: Uint8Array, start: number, end: number): ErrorCode {
    if (this.#blockId === 0) return ERROR.protocolError;
    if (++this.#blockFrames > MAX_CONTINUATIONS) return ERROR.enhanceYourCalm;
    const code = this.#appendBlock(bytes, start, end);
    if (code !== ERROR.noError || (flags & FLAG.endHeaders) === 0) return code;
    const id = this.#blockId;
    const block = this.#block;
    this.#blockId = 0;
    this.#block = new Uint8Array(0);
    return this.#connection.onHeaderBlock(id, block, 0, this.#blockLength, this.#blockEndsStream);
  }

  #appendBlock(bytes: Uint8Array, start: number, end: number): ErrorCode {
    const length = this.#blockLength + end - start;
    if (length > this.#maxBlock) return ERROR.enhanceYourCalm;
    if (length > this.#block.length) {
      const larger = new Uint8Array(Math.min(this.#maxBlock, Math.max(length, 2 * this.#block.length)));
      larger.set(this.#block.subarray(0, this.#blockLength));
      this.#block = larger;
    }
    this.#block.set(bytes.subarray(start, end), this.#blockLength);
    this.#blockLength = length;
    return ERROR.noError;
  }

  /** Deprecated (RFC 9113 section 5.3.2): checked, counted, ignored. */
  #priority(id: number, bytes: Uint8Array, start: number, end: number): ErrorCode {
    if (id === 0) return ERROR.protocolError;
    if (end - start !== PRIORITY_LENGTH) return ERROR.frameSizeError;
    if ((readUint32(bytes, start) & MAX_WINDOW) === id) return ERROR.protocolError;
    return this.#connection.spend();
  }

  /** RFC 9113 section 6.5. */
  #settings(flags: number, id: number, bytes: Uint8Array, start: number, end: number): ErrorCode {
    if (id !== 0) return ERROR.protocolError;
    if ((flags & FLAG.ack) !== 0) return start === end ? ERROR.noError : ERROR.frameSizeError;
    if ((end - start) % 6 !== 0) return ERROR.frameSizeError;
    this.#settingsSeen = true;
    for (let at = start; at < end; at += 6) {
      const code = this.#setting((bytes[at]! << 8) | bytes[at + 1]!, readUint32(bytes, at + 2));
      if (code !== ERROR.noError) return code;
    }
    return this.#connection.onSettingsEnd();
  }

  /** The other settings limit what our encoder and our pushes do, which keep to the smallest anyway. */
  #setting(key: number, value: number): ErrorCode {
    if (key === SETTING.enablePush) return value <= 1 ? ERROR.noError : ERROR.protocolError;
    if (key === SETTING.maxFrameSize)
      return value >= MAX_FRAME_SIZE && value <= 0xff_ffff ? ERROR.noError : ERROR.protocolError;
    if (key === SETTING.initialWindowSize) {
      return value <= MAX_WINDOW ? this.#connection.onInitialWindow(value) : ERROR.flowControlError;
    }
    return ERROR.noError;
  }
}
