/** Entity tags and modification dates: comparison, and a client's conditions on what is stored (RFC 9110 sections 8.8, 13). */
import { FIELD } from "#src/http/field.ts";
import type { Message } from "#src/http/message.ts";
import { dateOf } from "./freshness.ts";

const QUOTE = 34;
const COMMA = 44;
const STAR = 42;

export function hasValidator(response: Message): boolean {
  return response.hasField(FIELD.etag) || response.hasField(FIELD["last-modified"]);
}

/** A range of bytes that holds one entity tag, `W/` included. Empty: there is none. */
export interface EntityTag {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Weak comparison (RFC 9110 section 8.8.3.2): the opaque parts are equal. */
export function weakMatch(a: EntityTag, b: EntityTag): boolean {
  const [from, to] = [opaqueStart(a), opaqueStart(b)];
  const length = a.end - from;
  if (length === 0 || length !== b.end - to) return false;
  for (let i = 0; i < length; i++) if (a.bytes[from + i] !== b.bytes[to + i]) return false;
  return true;
}

/** Strong comparison: as weak comparison, and neither is weak. */
export function strongMatch(a: EntityTag, b: EntityTag): boolean {
  return opaqueStart(a) === a.start && opaqueStart(b) === b.start && weakMatch(a, b);
}

/** Whether an If-None-Match field lists `tag`, by weak comparison, or is `*` (RFC 9110 section 13.1.2). */
function listsTag(request: Message, tag: EntityTag): boolean {
  for (let i = request.find(FIELD["if-none-match"]); i >= 0; i = request.find(FIELD["if-none-match"], i + 1)) {
    const end = request.ranges[i * 4 + 3]!;
    for (let at = request.ranges[i * 4 + 2]!; at < end;) {
      const c = request.bytes[at]!;
      if (c === COMMA || c === 32 || c === 9) at++;
      else if (c === STAR) return true;
      else {
        const tagEnd = endOfTag(request.bytes, at, end);
        if (tagEnd < 0) break;
        if (rangesMatch(request.bytes, at, tagEnd, tag)) return true;
        at = tagEnd;
      }
    }
  }
  return false;
}

/**
 * Whether the client already has what is stored, so that 304 is the answer (RFC 9110 section 13.2.2, for GET and HEAD).
 * `lastModified` in milliseconds, NaN for none; `storedAt` is when the response was generated, used in its place then.
 */
export function isNotModified(
  request: Message,
  tag: EntityTag,
  lastModified: number,
  storedAt: number,
  now: number,
): boolean {
  if (request.hasField(FIELD["if-none-match"])) return listsTag(request, tag);
  if (!request.hasField(FIELD["if-modified-since"])) return false;
  const since = dateOf(request, FIELD["if-modified-since"], now);
  const modified = Number.isNaN(lastModified) ? storedAt : lastModified;
  return !Number.isNaN(since) && modified <= since;
}

/** Conditions that only the origin can judge: the request is passed on. */
export function hasForeignCondition(request: Message): boolean {
  return request.hasField(FIELD["if-match"]) || request.hasField(FIELD["if-unmodified-since"]);
}

function opaqueStart(tag: EntityTag): number {
  return tag.end - tag.start >= 2 && tag.bytes[tag.start] === 87 && tag.bytes[tag.start + 1] === 47
    ? tag.start + 2
    : tag.start;
}

/** Weak comparison of a range with a tag, without an object for the range. */
function rangesMatch(bytes: Uint8Array, start: number, end: number, tag: EntityTag): boolean {
  const from = bytes[start] === 87 ? start + 2 : start;
  const to = opaqueStart(tag);
  if (end - from !== tag.end - to) return false;
  for (let i = 0; i < end - from; i++) if (bytes[from + i] !== tag.bytes[to + i]) return false;
  return true;
}

/** Index behind the closing quote, -1 when this is no entity tag. */
function endOfTag(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (bytes[at] === 87 && bytes[at + 1] === 47) at += 2;
  if (bytes[at] !== QUOTE) return -1;
  for (at++; at < end; at++) if (bytes[at] === QUOTE) return at + 1;
  return -1;
}
