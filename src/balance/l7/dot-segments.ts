/**
 * Removes `.` and `..` from a request's path (RFC 3986 section 5.2.4), also percent-encoded (section 6.2.2.2: `%2e` is the
 * same as the dot). A backend may resolve them, and a route must not be chosen by a path that the backend reads differently.
 */
import type { Message } from "#src/http/message.ts";

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;

/**
 * Rewrites the path in its arena when it has dot segments: it gets shorter, so its start moves towards the query, and
 * every other range of the message stays as it is.
 */
export function removeDotSegments(request: Message): void {
  const { bytes, targetStart: start, pathEnd: end } = request;
  if (bytes[start] !== SLASH) return;
  for (let i = start; i < end; i++) {
    if (bytes[i] === SLASH && dotsAt(bytes, i + 1, end) > 0) {
      rewrite(request);
      return;
    }
  }
}

/** 1 or 2 when the segment at `at` consists of that many dots, else 0. */
function dotsAt(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at];
  if (at >= end || (first !== DOT && first !== PERCENT)) return 0;
  const second = afterDot(bytes, at, end);
  if (second === at) return 0;
  if (second === end || bytes[second] === SLASH) return 1;
  const third = afterDot(bytes, second, end);
  return third > second && (third === end || bytes[third] === SLASH) ? 2 : 0;
}

/** Index behind a plain or encoded dot at `at`, or `at`. */
function afterDot(bytes: Uint8Array, at: number, end: number): number {
  if (at < end && bytes[at] === DOT) return at + 1;
  const isEncoded = at + 2 < end && bytes[at] === PERCENT && bytes[at + 1] === 0x32 && (bytes[at + 2]! | 32) === 0x65;
  return isEncoded ? at + 3 : at;
}

function rewrite(request: Message): void {
  const { bytes, targetStart: start, pathEnd: end } = request;
  let out = start;
  let at = start;
  while (at < end) {
    // `at` stands on a slash; its segment ends at the next one.
    let next = at + 1;
    while (next < end && bytes[next] !== SLASH) next++;
    const dots = dotsAt(bytes, at + 1, end);
    if (dots === 2) while (out > start && bytes[--out] !== SLASH);
    if (dots === 0) {
      bytes.copyWithin(out, at, next);
      out += next - at;
    } else if (next === end) bytes[out++] = SLASH;
    at = next;
  }
  const length = out - start;
  bytes.copyWithin(end - length, start, out);
  request.targetStart = end - length;
}
