/** Cache-Control of a request or a response (RFC 9111 section 5.2, RFC 5861, RFC 9213). */
import { FIELD } from "#src/http/field.ts";
import type { Message } from "#src/http/message.ts";

/** Seconds that stand for "longer than anyone asks" (RFC 9111 section 1.2.2). */
const MAX_SECONDS = 2 ** 31 - 1;

const COMMA = 44;
const EQUALS = 61;
const QUOTE = 34;
const BACKSLASH = 92;

/** The directives of one head; one object is filled again and again. Seconds are -1 when the directive is absent. */
export class CacheControl {
  /** Read from CDN-Cache-Control, which then stands in for Cache-Control and Expires (RFC 9213 section 2.2). */
  targeted = false;
  noStore = false;
  noCache = false;
  private = false;
  public = false;
  mustRevalidate = false;
  proxyRevalidate = false;
  mustUnderstand = false;
  noTransform = false;
  onlyIfCached = false;
  maxAge = -1;
  sMaxAge = -1;
  minFresh = -1;
  /** max-stale without a value accepts any staleness. */
  maxStale = -1;
  staleWhileRevalidate = -1;
  staleIfError = -1;

  clear(): this {
    this.targeted = this.noStore = this.noCache = this.private = this.public = false;
    this.mustRevalidate = this.proxyRevalidate = this.mustUnderstand = this.noTransform = this.onlyIfCached = false;
    this.maxAge = this.sMaxAge = this.minFresh = this.maxStale = this.staleWhileRevalidate = this.staleIfError = -1;
    return this;
  }

  /** Reads a request's or a response's Cache-Control. */
  parse(head: Message): this {
    return this.#parseField(head, FIELD["cache-control"]);
  }

  /** Reads the field of a response that is meant for a cache like this one. */
  parseResponse(head: Message): this {
    const targeted = head.hasField(FIELD["cdn-cache-control"]);
    this.#parseField(head, targeted ? FIELD["cdn-cache-control"] : FIELD["cache-control"]);
    this.targeted = targeted;
    return this;
  }

  #parseField(head: Message, field: number): this {
    this.clear();
    for (let i = head.find(field); i >= 0; i = head.find(field, i + 1)) {
      this.#parseValue(head.bytes, head.ranges[i * 4 + 2]!, head.ranges[i * 4 + 3]!);
    }
    return this;
  }

  #parseValue(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end;) {
      const nameStart = skipSpace(bytes, at, end);
      let nameEnd = nameStart;
      while (nameEnd < end && bytes[nameEnd] !== COMMA && bytes[nameEnd] !== EQUALS) nameEnd++;
      let valueStart = nameEnd;
      let valueEnd = nameEnd;
      at = nameEnd;
      if (bytes[nameEnd] === EQUALS && nameEnd < end) {
        valueStart = nameEnd + 1;
        valueEnd = endOfArgument(bytes, valueStart, end);
        at = valueEnd;
        while (at < end && bytes[at] !== COMMA) at++;
      }
      at++;
      this.#set(bytes, nameStart, trimEnd(bytes, nameStart, nameEnd), valueStart, trimEnd(bytes, valueStart, valueEnd));
    }
  }

  #set(bytes: Uint8Array, nameStart: number, nameEnd: number, start: number, end: number): void {
    const directive = directiveOf(bytes, nameStart, nameEnd);
    switch (directive) {
      case "":
        return;
      case "no-store":
        this.noStore = true;
        return;
      case "no-cache":
        this.noCache = true;
        return;
      case "private":
        this.private = true;
        return;
      case "public":
        this.public = true;
        return;
      case "must-revalidate":
        this.mustRevalidate = true;
        return;
      case "proxy-revalidate":
        this.proxyRevalidate = true;
        return;
      case "must-understand":
        this.mustUnderstand = true;
        return;
      case "no-transform":
        this.noTransform = true;
        return;
      case "only-if-cached":
        this.onlyIfCached = true;
        return;
      case "max-age":
        this.maxAge = strictest(this.maxAge, secondsOf(bytes, start, end));
        return;
      case "s-maxage":
        this.sMaxAge = strictest(this.sMaxAge, secondsOf(bytes, start, end));
        return;
      case "min-fresh":
        this.minFresh = secondsOf(bytes, start, end);
        return;
      case "max-stale":
        this.maxStale = start === end ? MAX_SECONDS : secondsOf(bytes, start, end);
        return;
      case "stale-while-revalidate":
        this.staleWhileRevalidate = secondsOf(bytes, start, end);
        return;
      case "stale-if-error":
        this.staleIfError = secondsOf(bytes, start, end);
    }
  }
}

const DIRECTIVES = [
  "no-store",
  "no-cache",
  "private",
  "public",
  "must-revalidate",
  "proxy-revalidate",
  "must-understand",
  "no-transform",
  "only-if-cached",
  "max-age",
  "s-maxage",
  "min-fresh",
  "max-stale",
  "stale-while-revalidate",
  "stale-if-error",
] as const;

/** The directive of that name in any case, "" for one that is not known, which is ignored (RFC 9111 section 5.2.3). */
function directiveOf(bytes: Uint8Array, start: number, end: number): (typeof DIRECTIVES)[number] | "" {
  for (const directive of DIRECTIVES) {
    if (directive.length !== end - start) continue;
    let i = 0;
    while (i < directive.length && lower(bytes[start + i]!) === directive.charCodeAt(i)) i++;
    if (i === directive.length) return directive;
  }
  return "";
}

/** Twice the same directive: the shorter one holds, which errs to the side of staleness (RFC 9111 section 4.2.1). */
function strictest(known: number, seconds: number): number {
  return known < 0 ? seconds : Math.min(known, seconds);
}

/** delta-seconds, also quoted; what is no number is 0, that is: stale (RFC 9111 section 4.2.1). */
function secondsOf(bytes: Uint8Array, start: number, end: number): number {
  const quoted = bytes[start] === QUOTE && end - start >= 2 && bytes[end - 1] === QUOTE;
  const from = quoted ? start + 1 : start;
  const to = quoted ? end - 1 : end;
  if (from === to) return 0;
  let seconds = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return 0;
    seconds = Math.min(seconds * 10 + digit, MAX_SECONDS);
  }
  return seconds;
}

function endOfArgument(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (bytes[at] !== QUOTE) {
    while (at < end && bytes[at] !== COMMA) at++;
    return at;
  }
  for (at++; at < end && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
  return Math.min(at + 1, end);
}

function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === 32 || bytes[at] === 9)) at++;
  return at;
}

function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && (bytes[at - 1] === 32 || bytes[at - 1] === 9)) at--;
  return at;
}

function lower(c: number): number {
  return c >= 65 && c <= 90 ? c | 32 : c;
}

/** A request's directives, undefined when it has none: the usual case. */
export function askedBy(request: Message): CacheControl | undefined {
  return request.hasField(FIELD["cache-control"]) ? new CacheControl().parse(request) : undefined;
}
