import type { Static } from "typebox";
import type { Frozen, Kind, ObjectOf } from "./kind.ts";
import { type LoadBalancerStatus, loadBalancerStatus } from "./load-balancer-status.ts";

/** A field that kube-proxy or the API server reads, not a gateway: known by name, so that a misspelt one is a fault. */
const others = { "x-kubernetes-preserve-unknown-fields": true } as const;

const spec = {
  type: "object",
  default: {},
  properties: {
    type: { type: "string", enum: ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"], default: "ClusterIP" },
    ports: {
      type: "array",
      items: {
        type: "object",
        required: ["port", "protocol"],
        properties: {
          name: { type: "string" },
          port: { type: "integer", minimum: 1, maximum: 65_535 },
          protocol: { type: "string", enum: ["TCP", "UDP", "SCTP"], default: "TCP" },
          appProtocol: { type: "string" },
          targetPort: others,
          nodePort: others,
        },
      },
    },
    selector: others,
    clusterIP: others,
    clusterIPs: { type: "array", items: { type: "string" } },
    externalIPs: others,
    externalName: others,
    externalTrafficPolicy: others,
    internalTrafficPolicy: others,
    trafficDistribution: others,
    ipFamilies: others,
    ipFamilyPolicy: others,
    allocateLoadBalancerNodePorts: others,
    loadBalancerClass: others,
    loadBalancerIP: others,
    loadBalancerSourceRanges: others,
    healthCheckNodePort: others,
    publishNotReadyAddresses: others,
    sessionAffinity: others,
    sessionAffinityConfig: others,
  },
} as const;

/** core/v1 Service, the fields that backend references and DNS records need. */
export interface Service extends ObjectOf<
  "Service",
  Frozen<Pick<Static<typeof spec>, "type" | "ports" | "clusterIPs">>
> {
  readonly status?: LoadBalancerStatus;
}

export const service: Kind = {
  group: "",
  versions: ["v1"],
  kind: "Service",
  plural: "services",
  scope: "Namespaced",
  schema: () => ({ type: "object", properties: { spec, status: loadBalancerStatus } }),
  status: loadBalancerStatus,
};
