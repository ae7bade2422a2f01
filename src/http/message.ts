/**
 * A request or a response head as ranges over an arena: for HTTP/1.1 the receive buffer, for HTTP/2 the decoded header
 * block. Parsers of every version fill it, writers of every version render it, and nobody between them knows the version.
 * One object is filled again and again; `copyOf` keeps a head beyond the call that got it.
 */
import { FIELD } from "./field.ts";

/** How the body is delimited (RFC 9112 section 6). */
export const BODY = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const;
export type BodyKind = (typeof BODY)[keyof typeof BODY];

/** More fields than this in one head are refused (431), whatever the configured limit. */
export const MAX_FIELDS = 256;

const NOTHING = new Uint8Array(0);

export class Message {
  /** What all ranges below point into. Valid only while the call that delivered the message lasts, unless copied. */
  bytes: Uint8Array = NOTHING;
  /** 10, 11 or 20. */
  version = 11;

  // --- request ---
  /** Index in METHODS. */
  method = 0;
  methodStart = 0;
  methodEnd = 0;
  /** True when the request came for https, by TLS or by its :scheme. */
  secure = false;
  /** Host field or :authority, with its port, without userinfo. Empty when absent. */
  authorityStart = 0;
  authorityEnd = 0;
  /** End of the host part of the authority: authorityEnd, or where the colon of the port stands. */
  hostEnd = 0;
  /** Path and query in origin form, or `*` (asterisk form), or empty for CONNECT. */
  targetStart = 0;
  targetEnd = 0;
  /** End of the path: targetEnd, or where the question mark stands. */
  pathEnd = 0;

  // --- response ---
  status = 0;

  // --- fields ---
  fieldCount = 0;
  /** Four numbers a field: name start, name end, value start, value end. Values are without surrounding white space. */
  readonly ranges: Int32Array;
  /** Number of each field's name (field.ts), 0 when unknown. */
  readonly ids: Uint8Array;

  // --- framing and connection, already decided by the parser ---
  body: BodyKind = BODY.none;
  /**
   * Bytes, when body is BODY.length; else -1. A response without a body (to HEAD, 304) keeps the length that its
   * Content-Length field tells.
   */
  contentLength = -1;
  /** Whether this side allows another message on the connection (RFC 9112 section 9.3). Always true for HTTP/2. */
  keepAlive = true;
  /** Expect: 100-continue (RFC 9110 section 10.1.1). */
  expectContinue = false;
  /** Connection: upgrade with an Upgrade field, or an extended CONNECT. */
  upgrade = false;

  constructor(maxFields = MAX_FIELDS) {
    this.ranges = new Int32Array(maxFields * 4);
    this.ids = new Uint8Array(maxFields);
  }

  /** A copy over bytes of its own, for a head that outlives its buffer. Bytes [start, end) must cover every range. */
  static copyOf(other: Message, start: number, end: number): Message {
    const copy = new Message(other.fieldCount);
    copy.copyFrom(other, start, end);
    return copy;
  }

  /** Index of the first field with this number at or after `from`, or -1. */
  find(id: number, from = 0): number {
    for (let i = from; i < this.fieldCount; i++) if (this.ids[i] === id) return i;
    return -1;
  }

  /** Index of the first field with this lower-case name that has no number of its own, or -1. */
  findName(name: Uint8Array, from = 0): number {
    for (let i = from; i < this.fieldCount; i++) {
      if (this.ids[i] === 0 && this.isNamed(i, name)) return i;
    }
    return -1;
  }

  /** Whether a field's name is this lower-case one. */
  isNamed(index: number, name: Uint8Array): boolean {
    const start = this.ranges[index * 4]!;
    if (this.ranges[index * 4 + 1]! - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) {
      const c = this.bytes[start + i]!;
      if ((c >= 65 && c <= 90 ? c | 32 : c) !== name[i]) return false;
    }
    return true;
  }

  /** Latin-1 text of a field's value: for rare paths and logs. */
  value(index: number): string {
    return this.text(this.ranges[index * 4 + 2]!, this.ranges[index * 4 + 3]!);
  }

  /** Latin-1 text of a field's name as received. */
  name(index: number): string {
    return this.text(this.ranges[index * 4]!, this.ranges[index * 4 + 1]!);
  }

  /** Latin-1 text of a range: for rare paths and logs. */
  text(start: number, end: number): string {
    if (end <= start) return "";
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, end - start).toString("latin1");
  }

  get host(): string {
    return this.text(this.authorityStart, this.hostEnd).toLowerCase();
  }

  get path(): string {
    return this.text(this.targetStart, this.pathEnd);
  }

  get target(): string {
    return this.text(this.targetStart, this.targetEnd);
  }

  get methodText(): string {
    return this.text(this.methodStart, this.methodEnd);
  }

  hasField(id: number): boolean {
    return this.find(id) >= 0;
  }

  /** Adds a field whose bytes already lie in the arena. False when there is no room: the caller refuses the message. */
  addField(id: number, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    const i = this.fieldCount;
    if (i === this.ids.length) return false;
    const at = i * 4;
    this.ids[i] = id;
    this.ranges[at] = nameStart;
    this.ranges[at + 1] = nameEnd;
    this.ranges[at + 2] = valueStart;
    this.ranges[at + 3] = valueEnd;
    this.fieldCount = i + 1;
    return true;
  }

  /** Back to an empty head over another arena. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.version = 11;
    this.method = 0;
    this.methodStart = this.methodEnd = 0;
    this.secure = false;
    this.authorityStart = this.authorityEnd = this.hostEnd = 0;
    this.targetStart = this.targetEnd = this.pathEnd = 0;
    this.status = 0;
    this.fieldCount = 0;
    this.body = BODY.none;
    this.contentLength = -1;
    this.keepAlive = true;
    this.expectContinue = false;
    this.upgrade = false;
  }

  /**
   * Becomes a copy of `other` over bytes of its own: its arena's bytes [start, end) are copied, which must cover
   * every range. For heads that outlive their buffer.
   */
  copyFrom(other: Message, start: number, end: number): void {
    this.#copyRanges(other, start);
    this.bytes = other.bytes.slice(start, end);
  }

  #copyRanges(other: Message, start: number): void {
    this.version = other.version;
    this.method = other.method;
    this.methodStart = other.methodStart - start;
    this.methodEnd = other.methodEnd - start;
    this.secure = other.secure;
    this.authorityStart = other.authorityStart - start;
    this.authorityEnd = other.authorityEnd - start;
    this.hostEnd = other.hostEnd - start;
    this.targetStart = other.targetStart - start;
    this.targetEnd = other.targetEnd - start;
    this.pathEnd = other.pathEnd - start;
    this.status = other.status;
    this.fieldCount = other.fieldCount;
    for (let i = 0; i < other.fieldCount * 4; i++) this.ranges[i] = other.ranges[i]! - start;
    this.ids.set(other.ids.subarray(0, other.fieldCount));
    this.body = other.body;
    this.contentLength = other.contentLength;
    this.keepAlive = other.keepAlive;
    this.expectContinue = other.expectContinue;
    this.upgrade = other.upgrade;
  }
}

/** Fields that belong to one connection and are never forwarded (RFC 9110 section 7.6.1). */
export const HOP_BY_HOP: readonly number[] = [
  FIELD.connection,
  FIELD["keep-alive"],
  FIELD["proxy-connection"],
  FIELD.te,
  FIELD.trailer,
  FIELD["transfer-encoding"],
  FIELD.upgrade,
  FIELD["http2-settings"],
];
