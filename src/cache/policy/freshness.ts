/** How long a response is fresh and how old it is (RFC 9111 section 4.2). All arithmetic of freshness is in this file. */
import { FIELD } from "#src/http/field.ts";
import type { Message } from "#src/http/message.ts";
import type { CacheControl } from "./cache-control.ts";
import { parseHttpDate } from "./http-date.ts";

/** Statuses that may be kept without being told for how long (RFC 9110 section 15.1); 206 needs range support. */
export const HEURISTICALLY_CACHEABLE: readonly number[] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

/** A tenth of the time since it last changed (RFC 9111 section 4.2.2), but not beyond a day. */
const HEURISTIC_SHARE = 0.1;
const HEURISTIC_MAX_SECONDS = 86400;
const MAX_SECONDS = 2 ** 31 - 1;

/** Time of a date field in milliseconds; NaN when it is absent, malformed or given twice. */
export function dateOf(head: Message, field: number, now: number): number {
  const index = head.find(field);
  if (index < 0 || head.find(field, index + 1) >= 0) return NaN;
  return parseHttpDate(head.value(index), now);
}

/** Whether the response itself says how long it is fresh. */
export function hasExplicitLifetime(head: Message, control: CacheControl): boolean {
  return control.sMaxAge >= 0 || control.maxAge >= 0 || expiresCounts(head, control);
}

/** Freshness lifetime in seconds for a shared cache (RFC 9111 section 4.2.1). `receivedAt` in milliseconds since 1970. */
export function freshnessLifetime(head: Message, control: CacheControl, receivedAt: number): number {
  if (control.sMaxAge >= 0) return control.sMaxAge;
  if (control.maxAge >= 0) return control.maxAge;
  const date = dateOf(head, FIELD.date, receivedAt);
  const from = Number.isNaN(date) ? receivedAt : date;
  if (expiresCounts(head, control)) {
    // An invalid date, "0" above all, is in the past (RFC 9111 section 5.3).
    const expires = dateOf(head, FIELD.expires, receivedAt);
    return Number.isNaN(expires) ? 0 : clampSeconds((expires - from) / 1000);
  }
  if (!HEURISTICALLY_CACHEABLE.includes(head.status) && !control.public) return 0;
  const lastModified = dateOf(head, FIELD["last-modified"], receivedAt);
  if (Number.isNaN(lastModified)) return 0;
  return Math.min(clampSeconds(((from - lastModified) / 1000) * HEURISTIC_SHARE), HEURISTIC_MAX_SECONDS);
}

/** corrected_initial_age in seconds (RFC 9111 section 4.2.3): how old the response was when it arrived. */
export function initialAge(head: Message, requestedAt: number, receivedAt: number): number {
  const date = dateOf(head, FIELD.date, receivedAt);
  const apparent = Number.isNaN(date) ? 0 : Math.max(0, (receivedAt - date) / 1000);
  const delay = Math.max(0, (receivedAt - requestedAt) / 1000);
  return clampSeconds(Math.max(apparent, ageOf(head) + delay));
}

/** current_age in seconds (RFC 9111 section 4.2.3). */
export function currentAge(initialAgeSeconds: number, receivedAt: number, now: number): number {
  return clampSeconds(initialAgeSeconds + (now - receivedAt) / 1000);
}

function expiresCounts(head: Message, control: CacheControl): boolean {
  return !control.targeted && head.hasField(FIELD.expires);
}

/** The first Age field's value; what is no number is ignored (RFC 9111 section 5.1). */
function ageOf(head: Message): number {
  const index = head.find(FIELD.age);
  if (index < 0) return 0;
  const text = head.value(index).split(",", 1)[0]!.trim();
  return /^\d+$/.test(text) ? Math.min(Number(text), MAX_SECONDS) : 0;
}

function clampSeconds(seconds: number): number {
  return Math.min(Math.max(0, Math.floor(seconds)), MAX_SECONDS);
}
