import type { Static } from "typebox";
import type { Frozen, Kind } from "./kind.ts";
import type { ObjectMeta } from "./metadata.ts";

/** A field for kube-proxy, not for a gateway. */
const others = { "x-kubernetes-preserve-unknown-fields": true } as const;

const schema = {
  type: "object",
  required: ["addressType", "endpoints"],
  properties: {
    addressType: { type: "string", enum: ["IPv4", "IPv6", "FQDN"] },
    endpoints: {
      type: "array",
      default: [],
      maxItems: 1000,
      items: {
        type: "object",
        required: ["addresses"],
        properties: {
          addresses: { type: "array", minItems: 1, maxItems: 100, items: { type: "string" } },
          conditions: {
            type: "object",
            properties: {
              ready: { type: "boolean" },
              serving: { type: "boolean" },
              terminating: { type: "boolean" },
            },
          },
          deprecatedTopology: others,
          hints: others,
          hostname: others,
          nodeName: others,
          targetRef: others,
          zone: others,
        },
      },
    },
    ports: {
      type: "array",
      maxItems: 100,
      items: {
        type: "object",
        required: ["name", "protocol"],
        properties: {
          name: { type: "string", default: "" },
          port: { type: "integer", minimum: 1, maximum: 65_535 },
          protocol: { type: "string", enum: ["TCP", "UDP", "SCTP"], default: "TCP" },
          appProtocol: { type: "string" },
        },
      },
    },
  },
} as const;

/** discovery.k8s.io/v1 EndpointSlice, the fields that backend references need. */
export interface EndpointSlice extends Frozen<Static<typeof schema>> {
  readonly apiVersion: string;
  readonly kind: "EndpointSlice";
  readonly metadata: ObjectMeta;
}

export const endpointSlice: Kind = {
  group: "discovery.k8s.io",
  versions: ["v1"],
  kind: "EndpointSlice",
  plural: "endpointslices",
  scope: "Namespaced",
  schema: () => schema,
};
