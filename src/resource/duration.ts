/** Gateway API's durations (GEP-2257): up to four groups of digits and unit, such as `1h30m`, `10s`, `500ms`. */
const PATTERN = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** Schema of an option that is a duration. */
export function duration<const Default extends string>(byDefault: Default, description: string) {
  return { type: "string", pattern: PATTERN, default: byDefault, description } as const;
}

/** Milliseconds of a duration that has the form above (schemas have checked it). */
export function durationMs(text: string): number {
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/g)) {
    if (unit === "h" || unit === "m" || unit === "s" || unit === "ms") total += Number(digits) * UNIT_MS[unit];
  }
  return total;
}
