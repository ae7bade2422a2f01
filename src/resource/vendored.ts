import { readFileSync } from "node:fs";
import type { Schema } from "./schema.ts";

/** The schema of a Gateway API kind, from `gateway-api/` (see its README). */
export function vendoredSchema(plural: string): Schema {
  const schema: Schema = JSON.parse(readFileSync(new URL(`gateway-api/${plural}.json`, import.meta.url), "utf8"));
  return schema;
}
