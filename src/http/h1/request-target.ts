/** The four forms of a request target (RFC 9112 section 3.2). */
import type { Message } from "../message.ts";
import { METHOD } from "../method.ts";
import { ASTERISK, HEX, PATH, PERCENT, QUERY, QUESTION, SLASH } from "./character.ts";
import { takeAuthority } from "./authority.ts";

/** Checks the target in bytes [start, end), whose method is already known, and fills the message's ranges. */
export function takeTarget(bytes: Uint8Array, start: number, end: number, message: Message): boolean {
  if (message.method === METHOD.CONNECT) return takeAuthorityForm(bytes, start, end, message);
  if (bytes[start] === SLASH) return takePath(bytes, start, end, message);
  if (bytes[start] === ASTERISK) {
    message.targetStart = start;
    message.targetEnd = message.pathEnd = end;
    return end - start === 1 && message.method === METHOD.OPTIONS;
  }
  return takeAbsoluteForm(bytes, start, end, message);
}

/** The origin form, whatever the method. */
export function takePath(bytes: Uint8Array, start: number, end: number, message: Message): boolean {
  let p = start;
  for (; p < end; p++) {
    const code = bytes[p]!;
    if (PATH[code] === 1) continue;
    if (code === QUESTION) break;
    // A percent sign that encodes nothing, or NUL, is read differently by different origins.
    if (code !== PERCENT || p + 2 >= end || HEX[bytes[p + 1]!] === 0 || HEX[bytes[p + 2]!] === 0) return false;
    if (bytes[p + 1] === 0x30 && bytes[p + 2] === 0x30) return false;
    p += 2;
  }
  message.targetStart = start;
  message.pathEnd = p;
  message.targetEnd = end;
  for (p++; p < end; p++) if (QUERY[bytes[p]!] === 0) return false;
  return true;
}

/** `host:port`, for CONNECT alone; the port is required (RFC 9112 section 3.2.3). */
function takeAuthorityForm(bytes: Uint8Array, start: number, end: number, message: Message): boolean {
  message.targetStart = message.targetEnd = message.pathEnd = end;
  return takeAuthority(bytes, start, end, message) && message.hostEnd < end;
}

/** `http://authority/path?query`: its authority counts, whatever the Host field says (RFC 9112 section 3.2.2). */
function takeAbsoluteForm(bytes: Uint8Array, start: number, end: number, message: Message): boolean {
  const authority = schemeEnd(bytes, start, end);
  if (authority === start) return false;
  let p = authority;
  while (p < end && bytes[p] !== SLASH && bytes[p] !== QUESTION) p++;
  if (!takeAuthority(bytes, authority, p, message)) return false;
  if (p < end) return bytes[p] === SLASH && takePath(bytes, p, end, message);
  // An empty path is "/" (RFC 9110 section 4.2.3): the one in front of the authority serves.
  message.targetStart = authority - 1;
  message.targetEnd = message.pathEnd = authority;
  return true;
}

const SCHEMES = [new TextEncoder().encode("http://"), new TextEncoder().encode("https://")];

function schemeEnd(bytes: Uint8Array, start: number, end: number): number {
  for (const scheme of SCHEMES) {
    let i = 0;
    while (i < scheme.length && start + i < end && (bytes[start + i]! | 0x20) === (scheme[i]! | 0x20)) i++;
    if (i === scheme.length) return start + i;
  }
  return start;
}
