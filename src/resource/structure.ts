import { Ajv, type ErrorObject } from "ajv";
import { applyDefaults } from "./defaults.ts";
import type { Fault, Schema } from "./schema.ts";

/** Checks a value against a schema and fills in its defaults, in place. */
export type StructureCheck = (value: unknown) => Fault[];

/** OpenAPI v3 formats that the API server checks, as far as kinds here use them. */
const FORMATS: Readonly<Record<string, RegExp | true>> = {
  "date-time": /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/,
  ipv4: /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/,
  ipv6: /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/,
  int32: true,
  int64: true,
  byte: /^[A-Za-z0-9+/\s]*={0,2}\s*$/,
};

/**
 * Compiles the structural part of a schema. Decoding is strict: a field that the schema does not name is a fault,
 * unless the schema preserves unknown fields. Lists of type `map` and `set` must not repeat a key.
 */
export function compileStructure(schema: Schema): StructureCheck {
  // To optimize the code that is made takes longer than all that a process checks with it.
  const code = { optimize: false };
  const ajv = new Ajv({ allErrors: true, strict: false, formats: FORMATS, verbose: true, logger: false, code });
  ajv.addKeyword({
    keyword: "x-kubernetes-list-map-keys",
    type: "array",
    schemaType: "array",
    validate: hasUniqueKeys,
  });
  const validate = ajv.compile(closed(schema));
  return (value) => {
    applyDefaults(schema, value);
    if (validate(value)) return [];
    return (validate.errors ?? []).filter(isCause).map(toFault);
  };
}

/** The same schema, refusing unknown fields wherever it names some. Alternatives (anyOf, oneOf, not) stay open. */
function closed(schema: Schema): Schema {
  const properties = schema.properties && mapValues(schema.properties, closed);
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true || schema.additionalProperties !== undefined;
  return {
    ...schema,
    ...(properties && { properties }),
    ...(properties && !isOpen && { additionalProperties: false }),
    ...(typeof schema.additionalProperties === "object" && {
      additionalProperties: closed(schema.additionalProperties),
    }),
    ...(schema.items && { items: closed(schema.items) }),
    ...(schema["x-kubernetes-list-type"] === "set" && { uniqueItems: true }),
    ...(schema["x-kubernetes-int-or-string"] && { anyOf: [{ type: "integer" }, { type: "string" }] }),
  };
}

function mapValues(from: Readonly<Record<string, Schema>>, change: (schema: Schema) => Schema): Record<string, Schema> {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, change(value)]));
}

/** No two items have the same values of the keys. */
function hasUniqueKeys(keys: readonly string[], items: readonly unknown[]): boolean {
  const seen = new Set<string>();
  for (const item of items) {
    if (typeof item !== "object" || item === null) continue;
    const fields: Readonly<Record<string, unknown>> = { ...item };
    seen.add(JSON.stringify(keys.map((key) => fields[key])));
  }
  return seen.size === items.length;
}

/** Not why one of several alternatives fails: the reason is that all of them do. */
function isCause(error: ErrorObject): boolean {
  return !/\/(anyOf|oneOf)\/\d+\//.test(error.schemaPath);
}

function toFault(error: ErrorObject): Fault {
  const path = error.instancePath.split("/").slice(1).map(step);
  const params: Readonly<Record<string, unknown>> = error.params;
  switch (error.keyword) {
    case "additionalProperties":
      return { path: [...path, String(params["additionalProperty"])], reason: "unknown field" };
    case "required":
      return { path: [...path, String(params["missingProperty"])], reason: "required" };
    case "enum":
      return { path, reason: `must be one of ${list(params["allowedValues"])}, not ${show(error.data)}` };
    case "pattern":
    case "format":
      return { path, reason: `${show(error.data)} ${error.message ?? "is malformed"}` };
    case "x-kubernetes-list-map-keys":
      return { path, reason: `two items have the same ${list(error.schema)}` };
    case "uniqueItems":
      return { path, reason: "an item is repeated" };
    case "anyOf":
    case "oneOf":
      return { path, reason: `${show(error.data)} has none of the forms that are allowed` };
    default:
      return { path, reason: error.message ?? error.keyword };
  }
}

/** JSON pointer step (RFC 6901 section 4); array positions as numbers. */
function step(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text.replaceAll("~1", "/").replaceAll("~0", "~");
}

function list(values: unknown): string {
  return Array.isArray(values) ? values.join(", ") : String(values);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
