import type { Schema } from "./schema.ts";

/** Of metav1.ObjectMeta, what Fairway reads. */
export interface ObjectMeta {
  readonly name: string;
  /** "" for objects of the cluster. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339, "" when unknown (a directory does not know it). */
  readonly creationTimestamp: string;
  /** 0 when unknown. */
  readonly generation: number;
  /** Of an object that an API server holds. */
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** RFC 3339 section 5.6; empty when unknown. */
const DATE_TIME = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)";

const strings: Schema = { type: "object", additionalProperties: { type: "string" } };
const anything: Schema = { "x-kubernetes-preserve-unknown-fields": true };

/** metav1.ObjectMeta: every field that an API server may put there is known, so that a misspelt one is a fault. */
export const metadataSchema: Schema = {
  type: "object",
  required: ["name"],
  properties: {
    // RFC 1123 subdomain, as the API server asks for objects of these kinds.
    name: {
      type: "string",
      maxLength: 253,
      pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    },
    // Empty for objects of the cluster.
    namespace: { type: "string", maxLength: 63, pattern: "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" },
    labels: strings,
    annotations: strings,
    creationTimestamp: { type: "string", pattern: `^(${DATE_TIME})?$` },
    generation: { type: "integer", minimum: 0 },
    generateName: { type: "string" },
    resourceVersion: { type: "string" },
    uid: { type: "string" },
    selfLink: { type: "string" },
    deletionTimestamp: { type: "string", format: "date-time" },
    deletionGracePeriodSeconds: { type: "integer" },
    finalizers: { type: "array", items: { type: "string" } },
    ownerReferences: anything,
    managedFields: anything,
  },
};
