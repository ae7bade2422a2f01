import { type Backend, backend } from "./backend.ts";
import { type DataPlane, dataPlane } from "./data-plane.ts";
import { type EndpointSlice, endpointSlice } from "./endpoint-slice.ts";
import { type Gateway, gateway } from "./gateway.ts";
import { type GatewayClass, gatewayClass } from "./gateway-class.ts";
import { type HttpRoute, httpRoute } from "./http-route.ts";
import { type Ingress, ingress } from "./ingress.ts";
import { type IngressClass, ingressClass } from "./ingress-class.ts";
import type { Kind } from "./kind.ts";
import { type Namespace, namespace } from "./namespace.ts";
import { type ReferenceGrant, referenceGrant } from "./reference-grant.ts";
import { type Secret, secret } from "./secret.ts";
import { type Service, service } from "./service.ts";
import { type TcpRoute, tcpRoute } from "./tcp-route.ts";
import { type UdpRoute, udpRoute } from "./udp-route.ts";
import { type Zone, zone } from "./zone.ts";

/** Any object that Fairway reads, told apart by `kind`. */
export type Resource =
  | GatewayClass
  | Gateway
  | HttpRoute
  | TcpRoute
  | UdpRoute
  | ReferenceGrant
  | Namespace
  | Service
  | Secret
  | EndpointSlice
  | Ingress
  | IngressClass
  | DataPlane
  | Zone
  | Backend;

/** All kinds that Fairway reads, by name: no two groups here share one. */
export const KINDS: Readonly<Record<Resource["kind"], Kind>> = {
  GatewayClass: gatewayClass,
  Gateway: gateway,
  HTTPRoute: httpRoute,
  TCPRoute: tcpRoute,
  UDPRoute: udpRoute,
  ReferenceGrant: referenceGrant,
  Namespace: namespace,
  Service: service,
  Secret: secret,
  EndpointSlice: endpointSlice,
  Ingress: ingress,
  IngressClass: ingressClass,
  DataPlane: dataPlane,
  Zone: zone,
  Backend: backend,
};

/** `HTTPRoute shop/cart`, `GatewayClass fairway`: how people and maps name an object. */
export function resourceName(resource: {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}): string {
  const { name, namespace: space } = resource.metadata;
  return space === "" ? `${resource.kind} ${name}` : `${resource.kind} ${space}/${name}`;
}
