import type { Schema } from "./schema.ts";

/**
 * Fills in the defaults of a schema, in place, as an API server does before it validates: a field that is absent
 * from an object that is there gets its default, and then what is within that has its own. A field that is null is
 * absent: no kind here has fields that may be null.
 */
export function applyDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) applyDefaults(schema.items, item);
    return;
  }
  if (!isObject(value)) return;
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (value[name] === null) delete value[name];
    if (value[name] === undefined && field.default !== undefined) value[name] = structuredClone(field.default);
    if (value[name] !== undefined) applyDefaults(field, value[name]);
  }
  const { additionalProperties } = schema;
  if (typeof additionalProperties === "object")
    for (const item of Object.values(value)) applyDefaults(additionalProperties, item);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
