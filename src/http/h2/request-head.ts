/** What a complete field section of a request must be (RFC 9113 section 8.3.1), and what follows from it for the Message. */
import { BODY } from "../message.ts";
import { FIELD } from "../field.ts";
import { takeAuthority } from "../h1/authority.ts";
import { ASTERISK, equalsIgnoreCase, SLASH, TOKEN } from "../h1/character.ts";
import { takePath, takeTarget } from "../h1/request-target.ts";
import { METHOD } from "../method.ts";
import { isWebSocket } from "./extended-connect.ts";
import { type FieldSection, isSameRange, type MalformedReason } from "./field-section.ts";
import { NAME } from "./hpack/name-code.ts";

const METHOD_BIT = 1 << -NAME.method;
const SCHEME_BIT = 1 << -NAME.scheme;
const PATH_BIT = 1 << -NAME.path;
const AUTHORITY_BIT = 1 << -NAME.authority;
const PROTOCOL_BIT = 1 << -NAME.protocol;

const HTTP = new TextEncoder().encode("http");
const HTTPS = new TextEncoder().encode("https");

/** Finishes `section.message` as a request; a reason when it is malformed. */
export function completeRequest(section: FieldSection, endStream: boolean): MalformedReason | undefined {
  const reason = section.malformed ?? protocolFault(section) ?? pseudoFault(section) ?? authorityFault(section);
  if (reason !== undefined) return reason;
  const message = section.message;
  if (endStream) {
    // RFC 9113 section 8.1.1: the length announced is the sum of all DATA, here nothing.
    if (message.contentLength > 0) return "contentLength";
    message.body = BODY.none;
    message.contentLength = -1;
  } else if (message.body !== BODY.length) message.body = BODY.chunked;
  if (section.cookies > 1) joinCookies(section);
  if (isExtended(section)) section.webSocket = isWebSocket(section);
  return undefined;
}

const isExtended = ({ pseudo }: FieldSection): boolean => (pseudo & PROTOCOL_BIT) !== 0;
const isPlainConnect = (section: FieldSection): boolean =>
  section.message.method === METHOD.CONNECT && !isExtended(section);

/** RFC 8441 section 4: only CONNECT has a :protocol. What it announces is a tunnel, and a tunnel has no length. */
function protocolFault(section: FieldSection): MalformedReason | undefined {
  if (!isExtended(section)) return undefined;
  const { message, arena, protocolStart, protocolEnd } = section;
  if (message.method !== METHOD.CONNECT || !isToken(arena, protocolStart, protocolEnd)) return "pseudoField";
  return message.contentLength > 0 ? "contentLength" : undefined;
}

function pseudoFault(section: FieldSection): MalformedReason | undefined {
  const { message, arena, pseudo } = section;
  if ((pseudo & METHOD_BIT) === 0) return "pseudoFieldMissing";
  if (!isToken(arena, message.methodStart, message.methodEnd)) return "method";
  if (isPlainConnect(section)) return (pseudo & (SCHEME_BIT | PATH_BIT)) === 0 ? undefined : "pseudoField";
  if ((pseudo & (SCHEME_BIT | PATH_BIT)) !== (SCHEME_BIT | PATH_BIT)) return "pseudoFieldMissing";
  if (!equalsIgnoreCase(arena, section.schemeStart, section.schemeEnd, message.secure ? HTTPS : HTTP)) return "scheme";
  const { targetStart: start, targetEnd: end } = message;
  // The absolute form has no place here (RFC 9113 section 8.3.1).
  if (start === end || (arena[start] !== SLASH && arena[start] !== ASTERISK)) return "path";
  const isTaken = isExtended(section)
    ? arena[start] === SLASH && takePath(arena, start, end, message)
    : takeTarget(arena, start, end, message);
  return isTaken ? undefined : "path";
}

/** :authority wins, and a Host field beside it must say the same (RFC 9113 section 8.3.1). */
function authorityFault(section: FieldSection): MalformedReason | undefined {
  const { message, arena, hostStart, hostEnd } = section;
  const hasAuthority = (section.pseudo & AUTHORITY_BIT) !== 0;
  if (!hasAuthority && (hostEnd < 0 || isPlainConnect(section))) return "authority";
  const start = hasAuthority ? message.authorityStart : hostStart;
  const end = hasAuthority ? message.authorityEnd : hostEnd;
  if (hostEnd >= 0 && !isSameRange(arena, hostStart, hostEnd, start, end)) return "authority";
  const isTaken = isPlainConnect(section)
    ? takeTarget(arena, start, end, message)
    : takeAuthority(arena, start, end, message);
  return isTaken ? undefined : "authority";
}

function isToken(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return false;
  for (let i = start; i < end; i++) if (TOKEN[bytes[i]!] === 0) return false;
  return true;
}

/** Cookies may come in crumbs; whoever is behind us wants one field (RFC 9113 section 8.2.3). */
function joinCookies(section: FieldSection): void {
  const { message, arena } = section;
  const { ranges, ids } = message;
  const joinedStart = section.end;
  let at = joinedStart;
  let first = -1;
  let kept = 0;
  for (let i = 0; i < message.fieldCount; i++) {
    if (ids[i] === FIELD.cookie) {
      if (first >= 0) {
        arena[at++] = 0x3b;
        arena[at++] = 0x20;
      }
      for (let j = ranges[i * 4 + 2]!; j < ranges[i * 4 + 3]!; j++) arena[at++] = arena[j]!;
      if (first >= 0) continue;
      first = kept;
    }
    ids[kept] = ids[i]!;
    for (let j = 0; j < 4; j++) ranges[kept * 4 + j] = ranges[i * 4 + j]!;
    kept++;
  }
  ranges[first * 4 + 2] = joinedStart;
  ranges[first * 4 + 3] = at;
  section.end = at;
  message.fieldCount = kept;
}
