import type { Kind, ObjectOf } from "./kind.ts";
import { vendoredSchema } from "./vendored.ts";

/** https://gateway-api.sigs.k8s.io/reference/spec/#gatewayclassspec */
interface GatewayClassSpec {
  readonly controllerName: string;
  readonly description?: string;
  readonly parametersRef?: {
    readonly group: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
  };
}

export type GatewayClass = ObjectOf<"GatewayClass", GatewayClassSpec>;

export const gatewayClass: Kind = {
  group: "gateway.networking.k8s.io",
  versions: ["v1", "v1beta1"],
  kind: "GatewayClass",
  plural: "gatewayclasses",
  scope: "Cluster",
  schema: () => vendoredSchema("gatewayclasses"),
};
