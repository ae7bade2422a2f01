import type { Kind } from "./kind.ts";
import type { ObjectMeta } from "./metadata.ts";
import type { Schema } from "./schema.ts";

/** core/v1 Namespace: only its labels are read. */
export interface Namespace {
  readonly apiVersion: string;
  readonly kind: "Namespace";
  readonly metadata: ObjectMeta;
}

const schema: Schema = {
  type: "object",
  properties: {
    spec: { type: "object", properties: { finalizers: { type: "array", items: { type: "string" } } } },
  },
};

export const namespace: Kind = {
  group: "",
  versions: ["v1"],
  kind: "Namespace",
  plural: "namespaces",
  scope: "Cluster",
  schema: () => schema,
};
