import { type Condition, ROUTE_PROGRAMMED } from "./condition.ts";

/** metav1.Condition. */
export interface StatusCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
}

/** Conditions that are ours to write: one that does not hold any more is taken away, those of others stay. */
const OWN = new Set([
  "Accepted",
  "Programmed",
  "ResolvedRefs",
  "Conflicted",
  "OverlappingTLSConfig",
  "PartiallyInvalid",
  "Degraded",
  ROUTE_PROGRAMMED,
]);
/** metav1.Condition's own limit. */
const MAX_MESSAGE = 32_768;

/** All have the one generation; a time changes when the status does. */
export function mergeConditions(
  conditions: readonly Condition[],
  current: readonly StatusCondition[],
  generation: number,
  now: number,
): StatusCondition[] {
  const own = conditions.map(({ type, status, reason, message }): StatusCondition => {
    const before = current.find((condition) => condition.type === type);
    return {
      type,
      status,
      reason,
      message: message.slice(0, MAX_MESSAGE),
      observedGeneration: generation,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : timeText(now),
    };
  });
  return [...own, ...current.filter(({ type }) => !OWN.has(type))];
}

/** metav1.Time has seconds. */
function timeText(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
}
