/** core/v1 LoadBalancerStatus and networking.k8s.io/v1 IngressLoadBalancerStatus, as far as Fairway reads them. */
import type { Schema } from "./schema.ts";

export interface LoadBalancerStatus {
  readonly loadBalancer?: { readonly ingress?: readonly LoadBalancerAddress[] };
}

/** An IP address or a host name, as the load balancer has it. */
export interface LoadBalancerAddress {
  readonly ip?: string;
  readonly hostname?: string;
}

const open = { "x-kubernetes-preserve-unknown-fields": true } as const;

export const loadBalancerStatus: Schema = {
  type: "object",
  properties: {
    loadBalancer: {
      type: "object",
      properties: {
        ingress: {
          type: "array",
          items: { type: "object", properties: { ip: { type: "string" }, hostname: { type: "string" } }, ...open },
        },
      },
      ...open,
    },
  },
};
