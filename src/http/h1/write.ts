/**
 * Renders heads (RFC 9112 sections 3 to 6) from a Message and its edits. What belongs to the incoming connection is left
 * out, framing is written anew from the message's body, so that nothing of one side's framing reaches the other.
 * Writers return the index behind what they wrote, or -1 when it does not fit.
 */
import { FIELD } from "../field.ts";
import type { FieldEdits } from "../field-edits.ts";
import { BODY, HOP_BY_HOP, type BodyKind, type Message } from "../message.ts";
import { statusText } from "../status-text.ts";
import { COLON, COMMA, CR, HT, LF, SEMICOLON, SP } from "./character.ts";

const encoder = new TextEncoder();

const REQUEST_VERSION = encoder.encode(" HTTP/1.1\r\n");
const HOST = encoder.encode("host: ");
const CONTENT_LENGTH = encoder.encode("content-length: ");
const CHUNKED = encoder.encode("transfer-encoding: chunked\r\n");
const CONNECTION_CLOSE = encoder.encode("connection: close\r\n");
const CONNECTION_KEEP_ALIVE = encoder.encode("connection: keep-alive\r\n");
const CONNECTION_UPGRADE = encoder.encode("connection: upgrade\r\nupgrade: ");
const COOKIE = encoder.encode("cookie: ");
const DATE = encoder.encode("date: ");
const LAST_CHUNK = encoder.encode("0\r\n");

/** Fields that are never copied: of one connection, or written anew here. Content-Length belongs to both. */
const NOT_COPIED = new Uint8Array(256);
for (const id of HOP_BY_HOP) NOT_COPIED[id] = 1;
NOT_COPIED[FIELD["content-length"]] = 1;
NOT_COPIED[FIELD.host] = 1;

/** Fields meant for all recipients, which no Connection option may take away (RFC 9110 section 7.6.1). */
const END_TO_END = new Uint8Array(256);
for (const name of [
  "authorization",
  "cache-control",
  "content-encoding",
  "content-type",
  "cookie",
  "set-cookie",
] as const) {
  END_TO_END[FIELD[name]] = 1;
}

/** A trailer may not change framing, routing or what was already decided (RFC 9110 section 6.5.1). */
const NOT_TRAILER = new Uint8Array(NOT_COPIED);
for (const name of [
  "authorization",
  "cache-control",
  "content-encoding",
  "content-range",
  "content-type",
  "cookie",
  "set-cookie",
] as const) {
  NOT_TRAILER[FIELD[name]] = 1;
}

/** `HTTP/1.1 200 OK\r\n` by status. */
const STATUS_LINES = Array.from({ length: 600 }, (_, status) =>
  encoder.encode(`HTTP/1.1 ${status} ${statusText(status)}\r\n`),
);

/** How a head says that the connection goes on or ends. "implied" writes nothing: HTTP/1.1 keeps alive by default. */
export type ConnectionOption = "implied" | "keepAlive" | "close" | "upgrade";

/**
 * A request for an upstream: origin form, Host first. `connection` "upgrade" passes the message's own Upgrade field on.
 * The message's framing counts: BODY.length or BODY.chunked.
 */
export function writeRequestHead(
  out: Uint8Array,
  at: number,
  message: Message,
  edits: FieldEdits | undefined,
  connection: ConnectionOption,
): number {
  const target = edits?.target;
  const authority = edits?.authority;
  let p = putRange(out, at, message.bytes, message.methodStart, message.methodEnd);
  p = putByte(out, p, SP);
  p =
    target === undefined
      ? putRange(out, p, message.bytes, message.targetStart, message.targetEnd)
      : putBytes(out, p, target);
  p = putBytes(out, p, REQUEST_VERSION);
  p = putBytes(out, p, HOST);
  p =
    authority === undefined
      ? putRange(out, p, message.bytes, message.authorityStart, message.authorityEnd)
      : putBytes(out, p, authority);
  p = putLineEnd(out, p);
  p = putFields(out, p, message, edits, false);
  p = putFraming(out, p, message.body, message.body === BODY.length ? message.contentLength : -1);
  p = putConnection(out, p, message, connection);
  return putLineEnd(out, p);
}

/**
 * A response for a client. `body` is the framing on the wire, which may differ from the message's own; `date` is added
 * when the message has none.
 */
export function writeResponseHead(
  out: Uint8Array,
  at: number,
  message: Message,
  edits: FieldEdits | undefined,
  framing: ResponseFraming,
): number {
  const status = edits !== undefined && edits.status !== 0 ? edits.status : message.status;
  let p = putBytes(out, at, STATUS_LINES[status]!);
  p = putFields(out, p, message, edits, true);
  if (message.find(FIELD.date) < 0) p = putDate(out, p, framing.date);
  p = putFraming(out, p, framing.body, framing.length);
  p = putConnection(out, p, message, framing.connection);
  return putLineEnd(out, p);
}

/** How a response is framed on this connection. One object may be used again and again. */
export interface ResponseFraming {
  body: BodyKind;
  /** Content-Length, -1 for none; also where no body follows (HEAD, 304). */
  length: number;
  connection: ConnectionOption;
  /** IMF-fixdate. */
  date: Uint8Array;
}

/** An interim response (RFC 9110 section 15.2): fields only, no Date, no framing. */
export function writeInterimHead(out: Uint8Array, at: number, status: number, message: Message | undefined): number {
  const p = putBytes(out, at, STATUS_LINES[status]!);
  return putLineEnd(out, message === undefined ? p : putFields(out, p, message, undefined, true));
}

/** The end of a prepared head: Age, Date, Connection, empty line. `age` -1 for none. */
export function writePreparedEnd(
  out: Uint8Array,
  at: number,
  age: number,
  date: Uint8Array,
  connection: ConnectionOption,
): number {
  let p = at;
  if (age >= 0) {
    p = putBytes(out, p, AGE);
    p = putDecimal(out, p, age);
    p = putLineEnd(out, p);
  }
  p = putDate(out, p, date);
  if (connection === "close") p = putBytes(out, p, CONNECTION_CLOSE);
  else if (connection === "keepAlive") p = putBytes(out, p, CONNECTION_KEEP_ALIVE);
  return putLineEnd(out, p);
}

const AGE = encoder.encode("age: ");

/** The last chunk, trailer fields if any, and the end of a chunked body. */
export function writeLastChunk(out: Uint8Array, at: number, trailers: Message | undefined): number {
  let p = putBytes(out, at, LAST_CHUNK);
  if (trailers !== undefined) {
    for (let i = 0; i < trailers.fieldCount; i++) {
      if (NOT_TRAILER[trailers.ids[i]!] === 0) p = putField(out, p, trailers, i);
    }
  }
  return putLineEnd(out, p);
}

/** The message's fields but those of one connection, then the added ones. */
function putFields(
  out: Uint8Array,
  at: number,
  message: Message,
  edits: FieldEdits | undefined,
  isResponse: boolean,
): number {
  const nominates = namesFields(message);
  let p = at;
  for (let i = 0; i < message.fieldCount; i++) {
    const id = message.ids[i]!;
    if (NOT_COPIED[id] === 1) continue;
    if (id === FIELD.expect && !isResponse) continue;
    if (edits !== undefined && isRemoved(message, i, id, edits)) continue;
    if (nominates && END_TO_END[id] === 0 && isNominated(message, i)) continue;
    if (id === FIELD.cookie) p = putCookies(out, p, message, i);
    else p = putField(out, p, message, i);
  }
  if (edits === undefined) return p;
  for (const { name, value } of edits.added) p = putLine(out, p, name, 0, name.length, value, 0, value.length);
  return p;
}

function putFraming(out: Uint8Array, at: number, body: BodyKind, length: number): number {
  if (body === BODY.chunked) return putBytes(out, at, CHUNKED);
  if (length < 0) return at;
  return putLineEnd(out, putDecimal(out, putBytes(out, at, CONTENT_LENGTH), length));
}

function putConnection(out: Uint8Array, at: number, message: Message, connection: ConnectionOption): number {
  if (connection === "implied") return at;
  if (connection === "close") return putBytes(out, at, CONNECTION_CLOSE);
  if (connection === "keepAlive") return putBytes(out, at, CONNECTION_KEEP_ALIVE);
  const index = message.find(FIELD.upgrade);
  if (index < 0) return at;
  const p = putBytes(out, at, CONNECTION_UPGRADE);
  const { ranges } = message;
  return putLineEnd(out, putRange(out, p, message.bytes, ranges[index * 4 + 2]!, ranges[index * 4 + 3]!));
}

/** Whether a Connection field names more than close, keep-alive and upgrade could: then each field must be compared. */
function namesFields(message: Message): boolean {
  for (let i = message.find(FIELD.connection); i >= 0; i = message.find(FIELD.connection, i + 1)) {
    const length = message.ranges[i * 4 + 3]! - message.ranges[i * 4 + 2]!;
    const first = message.bytes[message.ranges[i * 4 + 2]!]! | 0x20;
    const isPlain =
      (length === 5 && first === 0x63) || (length === 10 && first === 0x6b) || (length === 7 && first === 0x75);
    if (!isPlain) return true;
  }
  return false;
}

/** Whether a Connection option is the field's name (RFC 9110 section 7.6.1). */
function isNominated(message: Message, index: number): boolean {
  const { bytes, ranges } = message;
  const nameStart = ranges[index * 4]!;
  const nameEnd = ranges[index * 4 + 1]!;
  for (let i = message.find(FIELD.connection); i >= 0; i = message.find(FIELD.connection, i + 1)) {
    const end = ranges[i * 4 + 3]!;
    let at = ranges[i * 4 + 2]!;
    while (at < end) {
      let tokenEnd = at;
      while (tokenEnd < end && bytes[tokenEnd] !== COMMA) tokenEnd++;
      let last = tokenEnd;
      while (last > at && (bytes[last - 1] === SP || bytes[last - 1] === HT)) last--;
      if (isSameName(bytes, at, last, nameStart, nameEnd)) return true;
      at = tokenEnd + 1;
      while (at < end && (bytes[at] === SP || bytes[at] === HT)) at++;
    }
  }
  return false;
}

function isSameName(bytes: Uint8Array, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  for (let i = 0; start + i < end; i++) if (lower(bytes[start + i]!) !== lower(bytes[otherStart + i]!)) return false;
  return true;
}

function lower(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
}

function isRemoved(message: Message, index: number, id: number, edits: FieldEdits): boolean {
  if (id > 0) return edits.removedIds[id] === 1;
  for (const name of edits.removedNames) if (message.isNamed(index, name)) return true;
  return false;
}

/** HTTP/2 may split a Cookie field; here it is one again (RFC 9113 section 8.2.3). */
function putCookies(out: Uint8Array, at: number, message: Message, index: number): number {
  if (message.find(FIELD.cookie) < index) return at;
  const { bytes, ranges } = message;
  let p = putBytes(out, at, COOKIE);
  for (let i = index; i >= 0; i = message.find(FIELD.cookie, i + 1)) {
    if (i !== index) p = putByte(out, putByte(out, p, SEMICOLON), SP);
    p = putRange(out, p, bytes, ranges[i * 4 + 2]!, ranges[i * 4 + 3]!);
  }
  return putLineEnd(out, p);
}

function putField(out: Uint8Array, at: number, message: Message, index: number): number {
  const { bytes, ranges } = message;
  const i = index * 4;
  return putLine(out, at, bytes, ranges[i]!, ranges[i + 1]!, bytes, ranges[i + 2]!, ranges[i + 3]!);
}

/** A field line: name, colon, space, value, CRLF, with one check of the room. */
function putLine(
  out: Uint8Array,
  at: number,
  name: Uint8Array,
  nameStart: number,
  nameEnd: number,
  value: Uint8Array,
  valueStart: number,
  valueEnd: number,
): number {
  if (at < 0 || at + nameEnd - nameStart + valueEnd - valueStart + 4 > out.length) return -1;
  let p = copyRange(out, at, name, nameStart, nameEnd);
  out[p] = COLON;
  out[p + 1] = SP;
  p = copyRange(out, p + 2, value, valueStart, valueEnd);
  out[p] = CR;
  out[p + 1] = LF;
  return p + 2;
}

function putDate(out: Uint8Array, at: number, date: Uint8Array): number {
  return putLineEnd(out, putBytes(out, putBytes(out, at, DATE), date));
}

function putLineEnd(out: Uint8Array, at: number): number {
  if (at < 0 || at + 2 > out.length) return -1;
  out[at] = CR;
  out[at + 1] = LF;
  return at + 2;
}

function putByte(out: Uint8Array, at: number, code: number): number {
  if (at < 0 || at >= out.length) return -1;
  out[at] = code;
  return at + 1;
}

function putBytes(out: Uint8Array, at: number, bytes: Uint8Array): number {
  return putRange(out, at, bytes, 0, bytes.length);
}

function putRange(out: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  if (at < 0 || at + end - start > out.length) return -1;
  return copyRange(out, at, bytes, start, end);
}

/** Where there is room. Names and values are short: a loop is faster than making a view for `set`. */
function copyRange(out: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > 48) {
    out.set(bytes.subarray(start, end), at);
    return at + length;
  }
  for (let i = 0; i < length; i++) out[at + i] = bytes[start + i]!;
  return at + length;
}

const MAX_DIGITS = 16;

function putDecimal(out: Uint8Array, at: number, value: number): number {
  if (at < 0 || at + MAX_DIGITS > out.length) return -1;
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    out[i] = 0x30 + (rest - next * 10);
    rest = next;
  }
  return at + digits;
}
