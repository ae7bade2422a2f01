import type { Engine } from "#src/config/model.ts";

/** Names of Gateway API features (its conformance suite's) that an engine has, in ascending order: those that pass there. */
export function supportedFeatures(engine: Engine): readonly string[] {
  return engine === "edge" ? HTTP_FEATURES : [...HTTP_FEATURES, ...L4_FEATURES];
}

/** An edge is for HTTP. */
const L4_FEATURES: readonly string[] = ["TCPRoute", "UDPRoute"];

const HTTP_FEATURES: readonly string[] = [
  "Gateway",
  "GatewayAddressEmpty",
  "GatewayHTTPListenerIsolation",
  "GatewayHTTPSListenerDetectMisdirectedRequests",
  "GatewayInfrastructure",
  "GatewayPort8080",
  "HTTPRoute",
  "HTTPRoute303RedirectStatusCode",
  "HTTPRoute307RedirectStatusCode",
  "HTTPRoute308RedirectStatusCode",
  "HTTPRouteBackendProtocolWebSocket",
  "HTTPRouteBackendTimeout",
  "HTTPRouteDestinationPortMatching",
  "HTTPRouteHostRewrite",
  "HTTPRouteMethodMatching",
  "HTTPRouteNamedRouteRule",
  "HTTPRouteParentRefPort",
  "HTTPRoutePathRedirect",
  "HTTPRoutePathRewrite",
  "HTTPRoutePortRedirect",
  "HTTPRouteQueryParamMatching",
  "HTTPRouteRequestTimeout",
  "HTTPRouteResponseHeaderModification",
  "HTTPRouteSchemeRedirect",
  "ReferenceGrant",
];
