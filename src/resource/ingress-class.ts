import type { Static } from "typebox";
import type { Frozen, Kind, ObjectOf } from "./kind.ts";

const spec = {
  type: "object",
  default: {},
  properties: {
    controller: { type: "string", maxLength: 250 },
    parameters: {
      type: "object",
      required: ["kind", "name"],
      properties: {
        apiGroup: { type: "string" },
        kind: { type: "string" },
        name: { type: "string" },
        namespace: { type: "string" },
        scope: { type: "string", enum: ["Cluster", "Namespace"], default: "Cluster" },
      },
    },
  },
} as const;

/** networking.k8s.io/v1 IngressClass. */
export type IngressClass = ObjectOf<"IngressClass", Frozen<Static<typeof spec>>>;

export const ingressClass: Kind = {
  group: "networking.k8s.io",
  versions: ["v1"],
  kind: "IngressClass",
  plural: "ingressclasses",
  scope: "Cluster",
  schema: () => ({ type: "object", properties: { spec } }),
};
