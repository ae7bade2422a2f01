import type { Kind, ObjectOf } from "./kind.ts";
import type { TcpRouteSpec } from "./tcp-route.ts";
import { vendoredSchema } from "./vendored.ts";

/** https://gateway-api.sigs.k8s.io/reference/spec/#udproutespec: of the same shape as a TCPRoute. */
export type UdpRoute = ObjectOf<"UDPRoute", TcpRouteSpec>;

export const udpRoute: Kind = {
  group: "gateway.networking.k8s.io",
  versions: ["v1"],
  kind: "UDPRoute",
  plural: "udproutes",
  scope: "Namespaced",
  schema: () => vendoredSchema("udproutes"),
};
