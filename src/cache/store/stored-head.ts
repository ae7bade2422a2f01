/**
 * The two rendered forms of a stored head: HTTP/1.1 field lines and an HPACK block (RFC 7541) of literals without indexing,
 * so that a hit copies bytes and writes no field. Rendered once when a response is stored; the HTTP/1.1 form is read back
 * where a head must change on its way out or be renewed by a 304. Left out: fields of one connection, Age and Date,
 * which each delivery writes anew, and Content-Length, which is that of the stored body.
 */
import { FIELD, FIELD_NAMES, fieldNumber } from "#src/http/field.ts";
import { BODY, HOP_BY_HOP, Message } from "#src/http/message.ts";
import { statusText } from "#src/http/status-text.ts";

/** Name in lower case and value, both latin-1. */
type Field = readonly [name: string, value: string];

/** Says on every response from an origin that it came through here, as the relay does. */
export const VIA = ["via", "1.1 fairway"] as const;
/** What a hit is told beside the stored fields (RFC 9110 section 7.6.3, RFC 9211): the end of every rendered head. */
const OWN_FIELDS: readonly Field[] = [VIA, ["cache-status", "fairway; hit"]];
const OWN_LINES = linesFrom(OWN_FIELDS);
const COLON = 58;
const CR = 13;

const NOT_STORED = new Uint8Array(FIELD_NAMES.length);
for (const id of [...HOP_BY_HOP, FIELD.age, FIELD.date, FIELD["content-length"], FIELD["set-cookie"]])
  NOT_STORED[id] = 1;

/** What a 304 does not repeat: metadata of content that it does not carry (RFC 9110 section 15.4.5). */
export const NOT_IN_304: readonly number[] = [
  FIELD["accept-ranges"],
  FIELD["content-disposition"],
  FIELD["content-encoding"],
  FIELD["content-language"],
  FIELD["content-range"],
  FIELD["content-type"],
];

/** Index in HPACK's static table (RFC 7541 appendix A) of names that responses often have. */
const STATIC_NAMES: ReadonlyMap<string, number> = new Map([
  ["accept-ranges", 18],
  ["access-control-allow-origin", 20],
  ["cache-control", 24],
  ["content-disposition", 25],
  ["content-encoding", 26],
  ["content-language", 27],
  ["content-length", 28],
  ["content-location", 29],
  ["content-type", 31],
  ["etag", 34],
  ["expires", 36],
  ["last-modified", 44],
  ["link", 45],
  ["location", 46],
  ["server", 54],
  ["strict-transport-security", 56],
  ["vary", 59],
  ["via", 60],
]);
const STATIC_STATUS: ReadonlyMap<number, number> = new Map([
  [200, 0x88],
  [204, 0x89],
  [206, 0x8a],
  [304, 0x8b],
  [400, 0x8c],
  [404, 0x8d],
  [500, 0x8e],
]);
const STATUS_NAME = 8;

export interface HeadForms {
  readonly h1: Uint8Array;
  readonly h2: Uint8Array;
  readonly h1NotModified: Uint8Array;
  readonly h2NotModified: Uint8Array;
  /** Where the entity tag lies in `h1`; both 0 for none. */
  readonly etagStart: number;
  readonly etagEnd: number;
}

/** Renders a head for storage. `bodyLength` is that of the stored body. */
export function renderHead(head: Message, bodyLength: number): HeadForms {
  const fields = keptFields(head);
  const announcesLength = head.status !== 204;
  const whole: Field[] = announcesLength ? [...fields, ["content-length", String(bodyLength)]] : fields;
  const hasTag = head.hasField(FIELD.etag);
  const bare = fields.filter(([name]) => {
    const id = fieldNumber(name);
    return !NOT_IN_304.includes(id) && !(hasTag && id === FIELD["last-modified"]);
  });
  const h1 = renderH1(head.status, whole);
  const tag = h1.indexOf("\r\netag: ");
  const etagStart = tag < 0 ? 0 : tag + "\r\netag: ".length;
  return {
    h1,
    h2: renderH2(head.status, whole),
    h1NotModified: renderH1(304, bare),
    h2NotModified: renderH2(304, bare),
    etagStart,
    etagEnd: tag < 0 ? 0 : h1.indexOf("\r\n", etagStart),
  };
}

/** A stored HTTP/1.1 form as a head again, over a copy of its bytes, without the lines that each hit is told. */
export function readHead(bytes: Uint8Array, start: number, end: number, status: number): Message {
  const copy = bytes.slice(start, end - OWN_LINES.length);
  const lines = linesOf(copy);
  const head = new Message(lines.length + 1);
  head.reset(copy);
  head.status = status;
  for (const { at, colon, stop } of lines) {
    const name = Buffer.from(copy.subarray(at, colon)).toString("latin1");
    if (name === "content-length") {
      head.contentLength = Number(Buffer.from(copy.subarray(colon + 2, stop)).toString("latin1"));
      head.body = BODY.length;
    } else head.addField(fieldNumber(name), at, colon, colon + 2, stop);
  }
  return head;
}

/**
 * The stored head as a 304 renews it (RFC 9111 section 3.2): each field of the 304 replaces those of its name, but what
 * tells about the stored content's coding and length stays. Undefined when it would have too many fields.
 */
export function renewHead(stored: Message, renewal: Message): Message {
  const fresh = allFields(renewal).filter(([name]) => !STAYS.has(fieldNumber(name)));
  const names = new Set(fresh.map(([name]) => name));
  const fields = [...allFields(stored).filter(([name]) => !names.has(name)), ...fresh];
  const head = new Message(fields.length);
  const bytes = Buffer.from(fields.map(([name, value]) => name + value).join(""), "latin1");
  head.reset(bytes);
  head.status = stored.status;
  head.body = stored.body;
  head.contentLength = stored.contentLength;
  let at = 0;
  for (const [name, value] of fields) {
    const valueStart = at + name.length;
    head.addField(fieldNumber(name), at, valueStart, valueStart, valueStart + value.length);
    at = valueStart + value.length;
  }
  return head;
}

const STAYS: ReadonlySet<number> = new Set([
  ...HOP_BY_HOP,
  FIELD["content-encoding"],
  FIELD["content-length"],
  FIELD["content-range"],
  FIELD["content-type"],
  FIELD["set-cookie"],
]);

function linesFrom(fields: readonly Field[]): string {
  return fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
}

function allFields(head: Message): Field[] {
  return Array.from({ length: head.fieldCount }, (_, i) => [head.name(i).toLowerCase(), head.value(i)]);
}

function keptFields(head: Message): Field[] {
  const nominated = new Set<string>();
  for (let i = head.find(FIELD.connection); i >= 0; i = head.find(FIELD.connection, i + 1))
    for (const name of head.value(i).split(",")) nominated.add(name.trim().toLowerCase());
  return allFields(head).filter(([name]) => NOT_STORED[fieldNumber(name)] === 0 && !nominated.has(name));
}

function renderH1(status: number, fields: readonly Field[]): Buffer {
  return Buffer.from(`HTTP/1.1 ${status} ${statusText(status)}\r\n${linesFrom(fields)}${OWN_LINES}`, "latin1");
}

function renderH2(status: number, fields: readonly Field[]): Buffer {
  const parts: Buffer[] = [];
  const indexed = STATIC_STATUS.get(status);
  if (indexed !== undefined) parts.push(Buffer.from([indexed]));
  else parts.push(Buffer.from([STATUS_NAME]), hpackString(String(status)));
  for (const [name, value] of [...fields, ...OWN_FIELDS]) {
    const index = STATIC_NAMES.get(name);
    // Literal without indexing (RFC 7541 section 6.2.2): the name's index in four bits, more in one byte behind them.
    if (index === undefined) parts.push(Buffer.from([0]), hpackString(name));
    else parts.push(Buffer.from(index < 15 ? [index] : [15, index - 15]));
    parts.push(hpackString(value));
  }
  return Buffer.concat(parts);
}

/** RFC 7541 section 5.2, not Huffman-coded: read by clients once, written for nobody again. */
function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const prefix: number[] = [];
  if (bytes.length < 127) prefix.push(bytes.length);
  else {
    prefix.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>= 7) prefix.push((rest & 127) | 128);
    prefix.push(rest);
  }
  return Buffer.concat([Buffer.from(prefix), bytes]);
}

/** Field lines behind the status line. */
function linesOf(bytes: Uint8Array): { at: number; colon: number; stop: number }[] {
  const lines: { at: number; colon: number; stop: number }[] = [];
  for (let at = bytes.indexOf(CR) + 2; at < bytes.length;) {
    const colon = bytes.indexOf(COLON, at);
    const stop = bytes.indexOf(CR, colon);
    lines.push({ at, colon, stop });
    at = stop + 2;
  }
  return lines;
}
