/**
 * A decoded field section on its way to a Message: octets in an arena, checks that RFC 9113 sections 8.2 and 8.3 demand
 * of every field, and the pseudo-header fields. One object serves all connections of a process; `request-head.ts` draws
 * the conclusions when the section is complete.
 */
import { BODY, MAX_FIELDS, Message } from "../message.ts";
import { FIELD } from "../field.ts";
import { equalsIgnoreCase, FIELD_VALUE } from "../h1/character.ts";
import { METHODS } from "../method.ts";
import { ENTRY_OVERHEAD } from "./hpack/dynamic-table.ts";
import { NAME } from "./hpack/name-code.ts";
import { STATIC_BYTES } from "./hpack/static-table.ts";

/** Why a request is malformed (RFC 9113 section 8.1.1): a stream error, and the label under which it is counted. */
export type MalformedReason =
  | "fieldName"
  | "fieldValue"
  | "connectionField"
  | "pseudoField"
  | "pseudoFieldMissing"
  | "method"
  | "path"
  | "scheme"
  | "authority"
  | "contentLength"
  | "trailers";

/** Room for the largest entry of a dynamic table, whose name may be repeated in front of any literal. */
const TABLE_ROOM = 4096;
/** What extended-connect.ts adds to a request: two fields, and the octets of their names and of a key. */
const UPGRADE_FIELDS = 2;
const UPGRADE_ROOM = 64;

const METHOD_TEXTS: readonly Uint8Array[] = METHODS.map((name) => new TextEncoder().encode(name));
const TRAILERS = new TextEncoder().encode("trailers");
const CONTINUE = new TextEncoder().encode("100-continue");

/** What a section is read as. "response" serves for heads that were rendered beforehand. */
export type SectionKind = "request" | "response" | "trailers";

export class FieldSection {
  readonly message = new Message(MAX_FIELDS + UPGRADE_FIELDS);
  /** Static table first, so that its entries are ranges like any other; they never change. */
  readonly arena: Uint8Array;
  /** End of the octets in use. */
  end = STATIC_BYTES.length;
  malformed: MalformedReason | undefined = undefined;
  /** More octets or more fields than allowed; the rest has been read over. */
  tooLarge = false;
  /** Bit -code of each pseudo-header field seen. */
  pseudo = 0;
  schemeStart = 0;
  schemeEnd = 0;
  protocolStart = 0;
  protocolEnd = 0;
  hostStart = 0;
  hostEnd = -1;
  cookies = 0;
  /** A WebSocket's extended CONNECT, which is to be shown as an upgrade; found out by request-head.ts. */
  webSocket = false;

  #kind: SectionKind = "request";
  #regular = false;
  #listSize = 0;
  readonly #maxListSize: number;
  readonly #maxFields: number;

  /**
   * `maxListSize`: octets of all names and values and 32 a field (SETTINGS_MAX_HEADER_LIST_SIZE); `maxFields`: how many;
   * `maxBlock`: octets of a block as sent.
   */
  constructor(maxListSize: number, maxFields: number, maxBlock: number) {
    this.#maxListSize = maxListSize;
    this.#maxFields = maxFields;
    // The list twice (cookies are joined behind it), then one field that is still to be refused, expanded by Huffman.
    this.arena = new Uint8Array(STATIC_BYTES.length + 2 * maxListSize + 2 * maxBlock + TABLE_ROOM + UPGRADE_ROOM);
    this.arena.set(STATIC_BYTES);
  }

  begin(kind: SectionKind): void {
    this.message.reset(this.arena);
    this.message.version = 20;
    this.end = STATIC_BYTES.length;
    this.malformed = undefined;
    this.tooLarge = false;
    this.pseudo = 0;
    this.hostStart = 0;
    this.hostEnd = -1;
    this.cookies = 0;
    this.webSocket = false;
    this.#kind = kind;
    this.#regular = false;
    this.#listSize = 0;
  }

  /** Whether a field of so many octets may still come; else the section has become too large. */
  fits(octets: number): boolean {
    if (this.#listSize + octets + ENTRY_OVERHEAD > this.#maxListSize) this.tooLarge = true;
    return !this.tooLarge;
  }

  /** Copies octets behind those in use; returns the end. The caller has asked `fits`, or they are one table entry. */
  append(octets: Uint8Array): number {
    let at = this.end;
    for (let i = 0; i < octets.length; i++) this.arena[at++] = octets[i]!;
    this.end = at;
    return at;
  }

  /** A field whose octets lie in the arena. */
  add(code: number, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    if (!this.fits(nameEnd - nameStart + valueEnd - valueStart)) {
      this.end = Math.min(this.end, nameStart < STATIC_BYTES.length ? valueStart : nameStart);
      return;
    }
    this.#listSize += nameEnd - nameStart + valueEnd - valueStart + ENTRY_OVERHEAD;
    if (this.malformed !== undefined) return;
    if (!isFieldValue(this.arena, valueStart, valueEnd)) this.malformed = "fieldValue";
    else if (code < 0) this.malformed = this.#addPseudo(code, valueStart, valueEnd);
    else {
      this.#regular = true;
      this.malformed = this.#addRegular(code, nameStart, nameEnd, valueStart, valueEnd);
    }
  }

  #addRegular(
    code: number,
    nameStart: number,
    nameEnd: number,
    start: number,
    end: number,
  ): MalformedReason | undefined {
    const message = this.message;
    switch (code) {
      case FIELD.connection:
      case FIELD["keep-alive"]:
      case FIELD["proxy-connection"]:
      case FIELD["transfer-encoding"]:
      case FIELD.upgrade:
        return "connectionField";
      case FIELD.te:
        if (!equalsIgnoreCase(this.arena, start, end, TRAILERS)) return "connectionField";
        break;
      case FIELD.host:
        // Kept as the authority only; two that differ would let one hop route by another name than the next.
        if (this.#kind === "trailers") return "trailers";
        if (this.hostEnd >= 0 && !isSameRange(this.arena, this.hostStart, this.hostEnd, start, end)) return "authority";
        this.hostStart = start;
        this.hostEnd = end;
        return undefined;
      case FIELD["content-length"]:
        if (this.#kind === "trailers") return "trailers";
        if (!this.#contentLength(start, end)) return "contentLength";
        break;
      case FIELD.expect:
        message.expectContinue = equalsIgnoreCase(this.arena, start, end, CONTINUE);
        break;
      case FIELD.cookie:
        this.cookies++;
        break;
      case FIELD["sec-websocket-key"]:
        // Not used with :protocol (RFC 8441 section 5): the key for the backend is ours.
        if ((this.pseudo & (1 << -NAME.protocol)) !== 0) return undefined;
        break;
    }
    if (message.fieldCount === this.#maxFields || !message.addField(code, nameStart, nameEnd, start, end))
      this.tooLarge = true;
    return undefined;
  }

  /** RFC 9110 section 8.6: digits only, and only once. */
  #contentLength(start: number, end: number): boolean {
    if (this.message.body === BODY.length || start === end || end - start > 15) return false;
    let length = 0;
    for (let i = start; i < end; i++) {
      const digit = this.arena[i]! - 0x30;
      if (digit < 0 || digit > 9) return false;
      length = length * 10 + digit;
    }
    this.message.body = BODY.length;
    this.message.contentLength = length;
    return true;
  }

  /** RFC 9113 section 8.3: each once, all before the regular fields, none in trailers. */
  #addPseudo(code: number, start: number, end: number): MalformedReason | undefined {
    if (code === NAME.invalid) return "fieldName";
    if (code === NAME.unknownPseudo || this.#regular || this.#kind === "trailers") return "pseudoField";
    if ((code === NAME.status) !== (this.#kind === "response")) return "pseudoField";
    const bit = 1 << -code;
    if ((this.pseudo & bit) !== 0) return "pseudoField";
    this.pseudo |= bit;
    const message = this.message;
    if (code === NAME.method) {
      message.method = methodNumber(this.arena, start, end);
      message.methodStart = start;
      message.methodEnd = end;
    } else if (code === NAME.path) {
      message.targetStart = start;
      message.targetEnd = end;
    } else if (code === NAME.authority) {
      message.authorityStart = start;
      message.authorityEnd = end;
    } else if (code === NAME.scheme) {
      // http or https, which differ in length alone; anything else is seen in request-head.ts.
      message.secure = end - start === 5;
      this.schemeStart = start;
      this.schemeEnd = end;
    } else if (code === NAME.protocol) {
      this.protocolStart = start;
      this.protocolEnd = end;
    } else if (code === NAME.status) {
      for (let i = start; i < end; i++) message.status = message.status * 10 + this.arena[i]! - 0x30;
    }
    return undefined;
  }
}

/** No controls, no white space at either end (RFC 9113 section 8.2.1). */
function isFieldValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  if (isBlank(bytes[start]!) || isBlank(bytes[end - 1]!)) return false;
  for (let i = start; i < end; i++) if (FIELD_VALUE[bytes[i]!] === 0) return false;
  return true;
}

const isBlank = (octet: number): boolean => octet === 0x20 || octet === 0x09;

export function isSameRange(
  bytes: Uint8Array,
  start: number,
  end: number,
  otherStart: number,
  otherEnd: number,
): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  for (let i = start, j = otherStart; i < end; i++, j++) if (bytes[i] !== bytes[j]) return false;
  return true;
}

/** Index in METHODS; methods are case-sensitive (RFC 9110 section 9.1). */
function methodNumber(bytes: Uint8Array, start: number, end: number): number {
  for (let method = 1; method < METHOD_TEXTS.length; method++) {
    const text = METHOD_TEXTS[method]!;
    if (text.length !== end - start) continue;
    let i = 0;
    while (i < text.length && text[i] === bytes[start + i]) i++;
    if (i === text.length) return method;
  }
  return 0;
}
