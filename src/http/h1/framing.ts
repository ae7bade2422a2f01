/**
 * What the fields say about body and connection (RFC 9112 sections 6.3 and 9.3). Wherever two readers could differ about
 * where a message ends, it is refused: that difference is what request smuggling is made of (RFC 9112 section 11.2).
 */
import { FIELD } from "../field.ts";
import { BODY, type Message } from "../message.ts";
import { METHOD } from "../method.ts";
import { COMMA, HT, SP, equalsIgnoreCase } from "./character.ts";
import { REASON } from "./head-reason.ts";

const encoder = new TextEncoder();
const CHUNKED = encoder.encode("chunked");
const CLOSE = encoder.encode("close");
const KEEP_ALIVE = encoder.encode("keep-alive");
const UPGRADE = encoder.encode("upgrade");

/** What `Connection` fields may say about their message. */
const OPTION = { close: 1, keepAlive: 2, upgrade: 4 } as const;

/** More digits than this pass a double's exact integers. */
const MAX_LENGTH_DIGITS = 15;

interface Lengths {
  length: number;
  coding: number;
  connection: number;
}

/** Finds Content-Length, Transfer-Encoding (field indexes, -1 for none) and the Connection options. 0, or -REASON. */
function findFraming(message: Message, found: Lengths): number {
  found.length = found.coding = -1;
  found.connection = 0;
  for (let i = 0; i < message.fieldCount; i++) {
    const id = message.ids[i]!;
    if (id === FIELD["content-length"]) {
      if (found.length >= 0) return -REASON.manyContentLengths;
      found.length = i;
    } else if (id === FIELD["transfer-encoding"]) {
      if (found.coding >= 0) return -REASON.badTransferCoding;
      found.coding = i;
    } else if (id === FIELD.connection) {
      found.connection |= connectionOptions(message, i);
    }
  }
  return 0;
}

const found: Lengths = { length: -1, coding: -1, connection: 0 };

/** Decides the request's body, keep-alive and upgrade. 0, or -REASON. */
export function frameRequest(message: Message): number {
  const fault = findFraming(message, found) || takeLengths(message, found);
  if (fault !== 0) return fault;
  if (found.coding < 0 && found.length < 0) message.body = BODY.none;
  const hasBody = message.body === BODY.chunked || message.contentLength > 0;
  // Content means nothing in these two, so that one reader would take it for the next request (RFC 9110 sections 9.3.6, 9.3.8).
  if (hasBody && (message.method === METHOD.CONNECT || message.method === METHOD.TRACE)) return -REASON.unexpectedBody;
  takeConnection(message, found.connection);
  return 0;
}

/** Decides the response's body and keep-alive; `requestMethod` is METHOD's number of the request it answers. 0, or -REASON. */
export function frameResponse(message: Message, requestMethod: number): number {
  const fault = findFraming(message, found) || takeLengths(message, found);
  if (fault !== 0) return fault;
  takeConnection(message, found.connection);
  const { status } = message;
  if (status === 101) message.upgrade = true;
  const hasNoBody =
    requestMethod === METHOD.HEAD ||
    status < 200 ||
    status === 204 ||
    status === 304 ||
    (requestMethod === METHOD.CONNECT && status < 300);
  if (hasNoBody) {
    message.body = BODY.none;
  } else if (found.coding < 0 && found.length < 0) {
    message.body = BODY.untilClose;
    message.keepAlive = false;
  }
  return 0;
}

function takeLengths(message: Message, at: Lengths): number {
  if (at.coding >= 0) {
    if (message.version < 11) return -REASON.codingInHttp10;
    if (at.length >= 0) return -REASON.codingAndLength;
    message.body = BODY.chunked;
    return codingFault(message, at.coding);
  }
  if (at.length < 0) return 0;
  const length = decimal(message, at.length);
  if (length < 0) return -REASON.badContentLength;
  message.body = BODY.length;
  message.contentLength = length;
  return 0;
}

/** Only `chunked` alone is understood. Other codings under it are "not implemented"; anything else has no certain end. */
function codingFault(message: Message, index: number): number {
  const { bytes } = message;
  const start = message.ranges[index * 4 + 2]!;
  const end = message.ranges[index * 4 + 3]!;
  if (equalsIgnoreCase(bytes, start, end, CHUNKED)) return 0;
  let comma = end - 1;
  while (comma >= start && bytes[comma] !== COMMA) comma--;
  let last = comma + 1;
  while (last < end && (bytes[last] === SP || bytes[last] === HT)) last++;
  const isChunkedLast = comma > start && equalsIgnoreCase(bytes, last, end, CHUNKED);
  return isChunkedLast && !equalsIgnoreCase(bytes, start, comma, CHUNKED)
    ? -REASON.unsupportedTransferCoding
    : -REASON.badTransferCoding;
}

/** 1*DIGIT (RFC 9110 section 8.6): no sign, no list, no white space. -1 when it is anything else. */
function decimal(message: Message, index: number): number {
  const start = message.ranges[index * 4 + 2]!;
  const end = message.ranges[index * 4 + 3]!;
  if (end === start || end - start > MAX_LENGTH_DIGITS) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = message.bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function connectionOptions(message: Message, index: number): number {
  const { bytes } = message;
  const end = message.ranges[index * 4 + 3]!;
  let options = 0;
  let at = message.ranges[index * 4 + 2]!;
  while (at < end) {
    let tokenEnd = at;
    while (tokenEnd < end && bytes[tokenEnd] !== COMMA) tokenEnd++;
    let last = tokenEnd;
    while (last > at && (bytes[last - 1] === SP || bytes[last - 1] === HT)) last--;
    if (equalsIgnoreCase(bytes, at, last, CLOSE)) options |= OPTION.close;
    else if (equalsIgnoreCase(bytes, at, last, KEEP_ALIVE)) options |= OPTION.keepAlive;
    else if (equalsIgnoreCase(bytes, at, last, UPGRADE)) options |= OPTION.upgrade;
    at = tokenEnd + 1;
    while (at < end && (bytes[at] === SP || bytes[at] === HT)) at++;
  }
  return options;
}

function takeConnection(message: Message, options: number): void {
  message.keepAlive = (options & OPTION.close) === 0 && (message.version > 10 || (options & OPTION.keepAlive) !== 0);
  message.upgrade = (options & OPTION.upgrade) !== 0 && message.version === 11 && message.find(FIELD.upgrade) >= 0;
}
