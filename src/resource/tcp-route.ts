import type { Kind, ObjectOf } from "./kind.ts";
import type { BackendRef, ParentRef } from "./route.ts";
import { vendoredSchema } from "./vendored.ts";

/** https://gateway-api.sigs.k8s.io/reference/spec/#tcproutespec */
export interface TcpRouteSpec {
  readonly parentRefs?: readonly ParentRef[];
  /** Exactly one. */
  readonly rules: readonly { readonly name?: string; readonly backendRefs: readonly BackendRef[] }[];
}

export type TcpRoute = ObjectOf<"TCPRoute", TcpRouteSpec>;

export const tcpRoute: Kind = {
  group: "gateway.networking.k8s.io",
  versions: ["v1"],
  kind: "TCPRoute",
  plural: "tcproutes",
  scope: "Namespaced",
  schema: () => vendoredSchema("tcproutes"),
};
