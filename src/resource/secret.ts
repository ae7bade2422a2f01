import type { Kind } from "./kind.ts";
import type { ObjectMeta } from "./metadata.ts";
import type { Schema } from "./schema.ts";

/** core/v1 Secret. */
export interface Secret {
  readonly apiVersion: string;
  readonly kind: "Secret";
  readonly metadata: ObjectMeta;
  readonly type: string;
  /** Base64 (RFC 4648 section 4). */
  readonly data?: Readonly<Record<string, string>>;
  /** Plain text; wins over `data`, as when an API server merges it. */
  readonly stringData?: Readonly<Record<string, string>>;
}

const schema: Schema = {
  type: "object",
  properties: {
    type: { type: "string", default: "Opaque" },
    data: { type: "object", additionalProperties: { type: "string", format: "byte" } },
    stringData: { type: "object", additionalProperties: { type: "string" } },
    immutable: { type: "boolean" },
  },
};

export const secret: Kind = {
  group: "",
  versions: ["v1"],
  kind: "Secret",
  plural: "secrets",
  scope: "Namespaced",
  schema: () => schema,
};
