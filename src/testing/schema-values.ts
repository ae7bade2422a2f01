/** Values for property tests from a structural schema: what its structure allows, and the same wrong in one place. */
import fc from "fast-check";
import type { Schema } from "#src/resource/schema.ts";

/** Texts that validators of two languages may read differently. */
const TEXTS = [
  "",
  "a",
  "@",
  "*",
  "*.a",
  "A.b-c_d.",
  "-a",
  "a..b",
  "/",
  "/a b",
  "/a\u00a0b",
  "/a#b",
  "/\u2028",
  "\u{1f600}",
  "a\nb",
  "a\n",
  "\u0000",
  "\ufeff",
  "10s",
  "1h30m",
  "100ms",
  "1ms",
  "0s",
  "99999h",
  "1.5h",
  "-1s",
  "1us",
  "1s ",
  "192.0.2.1",
  "192.0.2.01",
  "192.0.2.1/24",
  "256.0.0.1",
  "2001:db8::1",
  "2001:DB8::1",
  "fe80::1%eth0",
  "::ffff:192.0.2.1",
  "::192.0.2.1",
  "1::2::3",
  "[::1]",
  "0x7f000001",
  "example.com",
  "EXAMPLE.com",
  "a".repeat(63),
  "a".repeat(64),
  "\u00e9".repeat(63),
  "\u{1f600}".repeat(32),
] as const;

const NUMBERS = [0, 1, -1, 1.5, 100, 1001, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 1e15] as const;

/** Of any type: wrong nearly everywhere. */
const ANYTHING: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  ...TEXTS,
  ...NUMBERS,
  true,
  false,
  null,
  [],
  {},
  [null],
  { a: 1 },
  ["a"],
);

/** What the schema's structure allows; its rules may still refuse it. */
export function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const { type, properties = {}, required = [], items = {}, minItems = 0, maxItems = 4 } = schema;
  switch (type) {
    case "object":
      return fc.record(Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, valuesOf(field)])), {
        requiredKeys: required.filter((name) => properties[name]?.default === undefined),
      });
    case "array":
      return fc.array(valuesOf(items), { minLength: minItems, maxLength: Math.min(maxItems, minItems + 3) });
    case "integer":
      return fc.integer({ min: schema.minimum ?? -100, max: schema.maximum ?? 100 });
    case "boolean":
      return fc.boolean();
    case "string":
      return strings(schema);
    case undefined:
    default:
      return fc.constantFrom<unknown>("a", 1);
  }
}

function strings({ pattern, minLength = 0, maxLength = 1_000 }: Schema): fc.Arbitrary<string> {
  const isFitting = (text: string): boolean => text.length >= minLength && text.length <= maxLength;
  const known = TEXTS.filter(
    (text) => isFitting(text) && (pattern === undefined || new RegExp(pattern, "u").test(text)),
  );
  const free =
    pattern === undefined ? fc.string({ maxLength: Math.min(maxLength, 20) }) : fc.stringMatching(new RegExp(pattern));
  const fitting = free.filter(isFitting);
  return known.length === 0 ? fitting : fc.oneof(fc.constantFrom(...known), fitting);
}

type Step = string | number;
type Change = "replace" | "remove" | "null" | "add" | "repeat";

/** The value with something changed at one place in it: replaced, removed, set to null, given a field more, or an item twice. */
export function changed(value: unknown): fc.Arbitrary<unknown> {
  const places = [...placesIn(value, [])];
  const change = fc.constantFrom<Change>("replace", "replace", "replace", "remove", "null", "add", "repeat");
  return fc
    .tuple(fc.constantFrom(...places), change, ANYTHING)
    .map(([place, kind, other]) => changedAt(value, place, kind, other));
}

function* placesIn(value: unknown, path: readonly Step[]): Generator<readonly Step[]> {
  yield path;
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* placesIn(item, [...path, index]);
  else if (isRecord(value)) for (const [name, item] of Object.entries(value)) yield* placesIn(item, [...path, name]);
}

function changedAt(value: unknown, [step, ...rest]: readonly Step[], change: Change, other: unknown): unknown {
  if (step === undefined) {
    if (change === "replace") return other;
    if (change === "null" || change === "remove") return null;
    if (change === "add") return isRecord(value) ? { ...value, unknown: other } : other;
    return Array.isArray(value) ? [...value, ...value.slice(0, 1)] : other;
  }
  const isLast = rest.length === 0 && change === "remove";
  if (Array.isArray(value)) {
    return isLast
      ? value.toSpliced(Number(step), 1)
      : value.with(Number(step), changedAt(value[Number(step)], rest, change, other));
  }
  if (!isRecord(value)) return value;
  const { [step]: before, ...others } = value;
  return isLast ? others : { ...others, [step]: changedAt(before, rest, change, other) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
