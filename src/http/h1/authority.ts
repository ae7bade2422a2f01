/** The authority of a Host field or an absolute request target (RFC 3986 section 3.2, RFC 9110 section 7.2). */
import type { Message } from "../message.ts";
import { COLON, HOST, IPV6 } from "./character.ts";

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Checks `host [":" port]` in bytes [start, end) and makes it the message's authority. False when it is malformed. */
export function takeAuthority(bytes: Uint8Array, start: number, end: number, message: Message): boolean {
  const hostEnd = bytes[start] === OPEN_BRACKET ? literalEnd(bytes, start, end) : nameEnd(bytes, start, end);
  if (hostEnd === start) return false;
  if (hostEnd < end && !isPort(bytes, hostEnd, end)) return false;
  message.authorityStart = start;
  message.hostEnd = hostEnd;
  message.authorityEnd = end;
  return true;
}

function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  let p = start;
  while (p < end && HOST[bytes[p]!] === 1) p++;
  return p;
}

/** Index behind the closing bracket, or `start` when there is no such literal. */
function literalEnd(bytes: Uint8Array, start: number, end: number): number {
  let p = start + 1;
  while (p < end && IPV6[bytes[p]!] === 1) p++;
  return p < end && bytes[p] === CLOSE_BRACKET && p > start + 2 ? p + 1 : start;
}

/** A colon and 1 to 5 digits up to 65535. */
function isPort(bytes: Uint8Array, at: number, end: number): boolean {
  if (bytes[at] !== COLON || end - at < 2 || end - at > 6) return false;
  let port = 0;
  for (let p = at + 1; p < end; p++) {
    const digit = bytes[p]! - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65_535;
}
