import type { Kind, ObjectOf } from "./kind.ts";
import type { LabelSelector } from "./label-selector.ts";
import { vendoredSchema } from "./vendored.ts";

/** https://gateway-api.sigs.k8s.io/reference/spec/#gatewayspec; what has a default is always there. */
interface GatewaySpec {
  readonly gatewayClassName: string;
  readonly listeners: readonly Listener[];
  readonly addresses?: readonly { readonly type: string; readonly value?: string }[];
  readonly infrastructure?: GatewayInfrastructure;
  readonly allowedListeners?: { readonly namespaces: { readonly from: string } };
  readonly tls?: object;
}

/** What is made for the Gateway in a cluster: https://gateway-api.sigs.k8s.io/reference/spec/#gatewayinfrastructure */
export interface GatewayInfrastructure {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the Gateway's own namespace. */
  readonly parametersRef?: { readonly group: string; readonly kind: string; readonly name: string };
}

export interface Listener {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly hostname?: string;
  readonly tls?: ListenerTls;
  readonly allowedRoutes: {
    readonly kinds?: readonly { readonly group: string; readonly kind: string }[];
    readonly namespaces: { readonly from: "All" | "Selector" | "Same"; readonly selector?: LabelSelector };
  };
}

interface ListenerTls {
  readonly mode: "Terminate" | "Passthrough";
  readonly certificateRefs?: readonly CertificateRef[];
  readonly options?: Readonly<Record<string, string>>;
}

export interface CertificateRef {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

export type Gateway = ObjectOf<"Gateway", GatewaySpec>;

export const gateway: Kind = {
  group: "gateway.networking.k8s.io",
  versions: ["v1", "v1beta1"],
  kind: "Gateway",
  plural: "gateways",
  scope: "Namespaced",
  schema: () => vendoredSchema("gateways"),
};
