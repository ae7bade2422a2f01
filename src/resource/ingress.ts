import type { Static } from "typebox";
import type { Frozen, Kind, ObjectOf } from "./kind.ts";

const service = {
  type: "object",
  required: ["name", "port"],
  properties: {
    name: { type: "string" },
    port: {
      type: "object",
      properties: {
        name: { type: "string" },
        number: { type: "integer", minimum: 1, maximum: 65_535 },
      },
      "x-kubernetes-validations": [
        { rule: "has(self.name) != has(self.number)", message: "give either name or number" },
      ],
    },
  },
} as const;

const resource = {
  type: "object",
  required: ["kind", "name", "apiGroup"],
  properties: {
    apiGroup: { type: "string", default: "" },
    kind: { type: "string" },
    name: { type: "string" },
  },
} as const;

const backend = {
  type: "object",
  properties: { service, resource },
  "x-kubernetes-validations": [
    { rule: "has(self.service) != has(self.resource)", message: "give either service or resource" },
  ],
} as const;

const path = {
  type: "object",
  required: ["pathType", "backend"],
  properties: {
    path: { type: "string" },
    pathType: { type: "string", enum: ["Exact", "Prefix", "ImplementationSpecific"] },
    backend,
  },
  "x-kubernetes-validations": [
    {
      rule: "self.pathType == 'ImplementationSpecific' ? !has(self.path) || self.path == '' || self.path.startsWith('/') : has(self.path) && self.path.startsWith('/')",
      message: "path must be absolute",
    },
  ],
} as const;

/** networking.k8s.io: a wildcard is one whole first label. */
const HOST = "^((\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$";

const spec = {
  type: "object",
  default: {},
  properties: {
    ingressClassName: { type: "string" },
    defaultBackend: backend,
    tls: {
      type: "array",
      items: {
        type: "object",
        properties: {
          hosts: { type: "array", items: { type: "string", pattern: HOST } },
          secretName: { type: "string" },
        },
      },
    },
    rules: {
      type: "array",
      items: {
        type: "object",
        properties: {
          host: { type: "string", pattern: HOST },
          http: {
            type: "object",
            required: ["paths"],
            properties: { paths: { type: "array", minItems: 1, items: path } },
          },
        },
      },
    },
  },
  "x-kubernetes-validations": [
    { rule: "has(self.defaultBackend) || has(self.rules)", message: "give defaultBackend or rules" },
  ],
} as const;

type IngressSpec = Frozen<Static<typeof spec>>;

export type IngressBackend = NonNullable<IngressSpec["defaultBackend"]>;

/** networking.k8s.io/v1 Ingress. */
export type Ingress = ObjectOf<"Ingress", IngressSpec>;

export const ingress: Kind = {
  group: "networking.k8s.io",
  versions: ["v1"],
  kind: "Ingress",
  plural: "ingresses",
  scope: "Namespaced",
  schema: () => ({ type: "object", properties: { spec } }),
};
