import type { Kind } from "./kind.ts";
import type { Schema } from "./schema.ts";
import { formatManifest } from "./yaml.ts";

/** The CustomResourceDefinition (apiextensions.k8s.io/v1) of one of our kinds, as YAML. */
export function renderCrd(kind: Kind): string {
  const schema = kind.schema();
  const openAPIV3Schema = {
    ...withoutOwnKeywords(schema),
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      ...withoutOwnKeywords(schema).properties,
      status: STATUS,
    },
  };
  return formatManifest({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.plural}.${kind.group}` },
    spec: {
      group: kind.group,
      scope: kind.scope,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        categories: ["fairway"],
      },
      versions: kind.versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: "Accepted", type: "string", jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
          { name: "Programmed", type: "string", jsonPath: '.status.conditions[?(@.type=="Programmed")].status' },
          { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
        ],
        schema: { openAPIV3Schema },
      })),
    },
  });
}

/** metav1.Condition, by type. */
const STATUS: Schema = {
  type: "object",
  properties: {
    conditions: {
      type: "array",
      maxItems: 8,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      items: {
        type: "object",
        required: ["type", "status", "lastTransitionTime", "reason", "message"],
        properties: {
          type: { type: "string", maxLength: 316 },
          status: { type: "string", enum: ["True", "False", "Unknown"] },
          observedGeneration: { type: "integer", format: "int64", minimum: 0 },
          lastTransitionTime: { type: "string", format: "date-time" },
          reason: { type: "string", minLength: 1, maxLength: 1024 },
          message: { type: "string", maxLength: 32_768 },
        },
      },
    },
  },
};

/**
 * The unit goes into the description, which is all that a CRD can say of it; integers are of 64 bits. What has a default
 * is always there, and is not required: an API server wants `default: {}` to be valid before it fills in what is within.
 */
function withoutOwnKeywords(schema: Schema): Schema {
  const { "x-unit": unit, required, ...rest } = schema;
  const needed = required?.filter((name) => schema.properties?.[name]?.default === undefined) ?? [];
  const properties =
    schema.properties && Object.entries(schema.properties).map(([name, field]) => [name, withoutOwnKeywords(field)]);
  return {
    ...rest,
    ...(needed.length > 0 && { required: needed }),
    ...(unit !== undefined && { description: `${schema.description ?? ""} Unit: ${unit}.`.trim() }),
    ...(schema.type === "integer" && { format: "int64" }),
    ...(properties && { properties: Object.fromEntries(properties) }),
    ...(schema.items && { items: withoutOwnKeywords(schema.items) }),
  };
}
