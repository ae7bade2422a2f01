/**
 * HTTP/1.1 heads over ranges of an arena (RFC 9112). Strict: what two readers could understand differently is refused.
 * A parser returns the index behind the head (> 0), 0 when more bytes are needed, or a negative number whose word
 * `headReason` gives. It throws on no input and allocates nothing.
 */
import { FIELD } from "../field.ts";
import type { Message } from "../message.ts";
import { METHOD, METHODS } from "../method.ts";
import { takeAuthority } from "./authority.ts";
import { CR, FIELD_VALUE, LF, SP, TOKEN, equalsIgnoreCase } from "./character.ts";
import { parseFieldLines, type HeadLimits } from "./field-lines.ts";
import { frameRequest, frameResponse } from "./framing.ts";
import { REASON } from "./head-reason.ts";
import { takeTarget } from "./request-target.ts";

export type { HeadLimits } from "./field-lines.ts";

const encoder = new TextEncoder();
const METHOD_BYTES = METHODS.map((name) => encoder.encode(name));
const VERSION = encoder.encode("HTTP/");
const CONTINUE = encoder.encode("100-continue");
/** Longest method token; the longest registered one has 16 letters. */
const MAX_METHOD = 32;

/**
 * A request head in bytes [start, end). One empty line in front is skipped (RFC 9112 section 2.2). `message.secure` is left
 * to the caller, who knows the connection.
 */
export function parseRequest(
  bytes: Uint8Array,
  start: number,
  end: number,
  message: Message,
  limits: HeadLimits,
): number {
  message.reset(bytes);
  const most = Math.min(end, start + limits.headBytes);
  const fields = parseRequestLine(bytes, skipEmptyLine(bytes, start, most), most, message);
  if (fields <= 0) return fields === 0 && end > most ? -REASON.targetTooLong : fields;
  const after = parseFieldLines(bytes, fields, most, message, limits);
  if (after <= 0) return after === 0 && end > most ? -REASON.headTooLarge : after;
  const fault = checkHost(message) || frameRequest(message) || checkExpect(message);
  return fault === 0 ? after : fault;
}

/** A response head in bytes [start, end), interim ones too; its framing depends on the method of the request it answers. */
export function parseResponse(
  bytes: Uint8Array,
  start: number,
  end: number,
  message: Message,
  requestMethod: number,
  limits: HeadLimits,
): number {
  message.reset(bytes);
  const most = Math.min(end, start + limits.headBytes);
  const fields = parseStatusLine(bytes, start, most, message);
  if (fields <= 0) return fields === 0 && end > most ? -REASON.headTooLarge : fields;
  const after = parseFieldLines(bytes, fields, most, message, limits);
  if (after <= 0) return after === 0 && end > most ? -REASON.headTooLarge : after;
  const fault = frameResponse(message, requestMethod);
  return fault === 0 ? after : fault;
}

/** A trailer section in bytes [start, end), up to and with its empty line (RFC 9112 section 7.1.2). */
export function parseFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  message: Message,
  limits: HeadLimits,
): number {
  message.reset(bytes);
  const most = Math.min(end, start + limits.headBytes);
  const after = parseFieldLines(bytes, start, most, message, limits);
  return after === 0 && end > most ? -REASON.headTooLarge : after;
}

function skipEmptyLine(bytes: Uint8Array, start: number, end: number): number {
  return start + 1 < end && bytes[start] === CR && bytes[start + 1] === LF ? start + 2 : start;
}

/** Method, target, version and CRLF. Index behind them, 0 or -REASON. */
function parseRequestLine(bytes: Uint8Array, start: number, end: number, message: Message): number {
  let p = start;
  if (p < end && bytes[p] === CR && p + 1 === end) return 0;
  while (p < end && TOKEN[bytes[p]!] === 1) p++;
  if (p - start > MAX_METHOD) return -REASON.badMethod;
  if (p === end) return 0;
  if (bytes[p] !== SP || p === start) return -REASON.badMethod;
  message.methodStart = start;
  message.methodEnd = p;
  message.method = methodOf(bytes, start, p);
  const targetStart = ++p;
  while (p < end && bytes[p]! > SP) p++;
  if (p === end) return 0;
  if (bytes[p] !== SP) return bytes[p] === CR || bytes[p] === LF ? -REASON.badVersion : -REASON.badTarget;
  if (p === targetStart || !takeTarget(bytes, targetStart, p, message)) return -REASON.badTarget;
  const after = parseVersion(bytes, p + 1, end, message);
  if (after <= 0) return after;
  return parseLineEnd(bytes, after, end);
}

/** `HTTP/1.0` or `HTTP/1.1`. Index behind it, 0 or -REASON. */
function parseVersion(bytes: Uint8Array, start: number, end: number, message: Message): number {
  for (let i = 0; i < 5; i++) {
    if (start + i >= end) return 0;
    if (bytes[start + i] !== VERSION[i]) return -REASON.badVersion;
  }
  if (start + 8 > end) return 0;
  const major = bytes[start + 5]! - 0x30;
  const minor = bytes[start + 7]! - 0x30;
  if (major < 0 || major > 9 || bytes[start + 6] !== 0x2e || minor < 0 || minor > 9) return -REASON.badVersion;
  if (major !== 1 || minor > 1) return -REASON.unsupportedVersion;
  message.version = 10 + minor;
  return start + 8;
}

function parseLineEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return 0;
  if (bytes[at] !== CR) return bytes[at] === LF ? -REASON.badLineEnd : -REASON.badVersion;
  if (at + 1 >= end) return 0;
  return bytes[at + 1] === LF ? at + 2 : -REASON.badLineEnd;
}

/** Version, three digits, reason phrase and CRLF; the space before an empty phrase may be missing, as it often is. */
function parseStatusLine(bytes: Uint8Array, start: number, end: number, message: Message): number {
  const after = parseVersion(bytes, start, end, message);
  if (after <= 0) return after;
  if (after + 4 >= end) return 0;
  if (bytes[after] !== SP) return -REASON.badStatusLine;
  let status = 0;
  for (let i = after + 1; i < after + 4; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return -REASON.badStatusLine;
    status = status * 10 + digit;
  }
  if (status < 100 || status > 599) return -REASON.badStatusLine;
  message.status = status;
  let p = after + 4;
  if (bytes[p] !== SP && bytes[p] !== CR) return -REASON.badStatusLine;
  while (p < end && FIELD_VALUE[bytes[p]!] === 1) p++;
  if (p + 1 >= end) return 0;
  return bytes[p] === CR && bytes[p + 1] === LF ? p + 2 : -REASON.badStatusLine;
}

function methodOf(bytes: Uint8Array, start: number, end: number): number {
  // Nearly all requests are GET.
  if (end - start === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) {
    return METHOD.GET;
  }
  for (let id = 2; id < METHOD_BYTES.length; id++) {
    const name = METHOD_BYTES[id]!;
    if (name.length !== end - start) continue;
    let i = 0;
    while (i < name.length && bytes[start + i] === name[i]) i++;
    if (i === name.length) return id;
  }
  return METHOD.OTHER;
}

/** Exactly one valid Host field in HTTP/1.1, at most one in HTTP/1.0 (RFC 9112 section 3.2). 0, or -REASON. */
function checkHost(message: Message): number {
  const index = message.find(FIELD.host);
  if (index < 0) return message.version > 10 ? -REASON.noHost : 0;
  if (message.find(FIELD.host, index + 1) >= 0) return -REASON.manyHosts;
  const { authorityStart, authorityEnd, hostEnd } = message;
  const isGiven = authorityEnd > authorityStart;
  const isValid = takeAuthority(message.bytes, message.ranges[index * 4 + 2]!, message.ranges[index * 4 + 3]!, message);
  if (!isValid) return -REASON.badHost;
  if (isGiven) {
    // The target's own authority counts (RFC 9112 section 3.2.2).
    message.authorityStart = authorityStart;
    message.authorityEnd = authorityEnd;
    message.hostEnd = hostEnd;
  }
  return 0;
}

/** RFC 9110 section 10.1.1: an expectation other than 100-continue cannot be met; HTTP/1.0 has none. 0, or -REASON. */
function checkExpect(message: Message): number {
  const index = message.find(FIELD.expect);
  if (index < 0 || message.version < 11) return 0;
  const start = message.ranges[index * 4 + 2]!;
  if (!equalsIgnoreCase(message.bytes, start, message.ranges[index * 4 + 3]!, CONTINUE)) return -REASON.badExpectation;
  message.expectContinue = true;
  return 0;
}
