/** Gateway API's order among matches of one host and one path (HTTPRouteRule, matches): the first that holds is taken. */
import type { HttpMatchConfig } from "#src/config/model.ts";

export interface Ranked {
  readonly match: HttpMatchConfig;
  /** RFC 3339, "" when unknown. */
  readonly createdAt: string;
  /** `NAMESPACE/NAME`. */
  readonly route: string;
  /** Place of the rule in its route, and of the match in its rule. */
  readonly rule: number;
  readonly place: number;
}

/** Gateway API's order, and what a criterion says of the match that goes first. */
const CRITERIA: readonly (readonly [reason: string, compare: (a: Ranked, b: Ranked) => number])[] = [
  ["names a method", (a, b) => Number(b.match.method !== "") - Number(a.match.method !== "")],
  ["names more headers", (a, b) => b.match.headers.length - a.match.headers.length],
  ["names more query parameters", (a, b) => b.match.queryParams.length - a.match.queryParams.length],
  ["is of an older route", (a, b) => byAge(a.createdAt, b.createdAt)],
  ["is of a route whose name comes first", (a, b) => (a.route < b.route ? -1 : a.route > b.route ? 1 : 0)],
  ["stands first in the route", (a, b) => a.rule - b.rule || a.place - b.place],
];

/** Method, then more headers, then more query parameters, then the oldest route, then its name, then order within it. */
export function byPrecedence(a: Ranked, b: Ranked): number {
  for (const [, compare] of CRITERIA) {
    const order = compare(a, b);
    if (decides(order)) return order;
  }
  return 0;
}

/** By which criterion one of two matches of the same host and path goes before the other: a phrase about that one. */
export function precedenceReason(a: Ranked, b: Ranked): string {
  return CRITERIA.find(([, compare]) => decides(compare(a, b)))?.[0] ?? "is the same";
}

/** Times that cannot be read compare as not a number. */
const decides = (order: number): boolean => order < 0 || order > 0;

/** As Kubernetes writes times: whole seconds in UTC, which sort as text. */
const PLAIN_LENGTH = "2026-01-01T00:00:00Z".length;

/** Older first; what has no time last. */
function byAge(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? 1 : -1;
  if (a.length === PLAIN_LENGTH && b.length === PLAIN_LENGTH && a.endsWith("Z") && b.endsWith("Z")) {
    return a < b ? -1 : 1;
  }
  return Date.parse(a) - Date.parse(b);
}
