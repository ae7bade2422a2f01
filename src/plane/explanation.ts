/** What a service's `/explain` answers: how its configuration meets one request. */
import type { RouteExplanation } from "#src/balance/l7/explain-route.ts";
import type { Engine, HttpFilterConfig, Protocol } from "#src/config/model.ts";

export interface ExplainedPort {
  /** Where clients connect (PortConfig.publicPort). */
  readonly port: number;
  readonly protocol: Protocol;
  /** IP addresses. */
  readonly addresses: readonly string[];
  readonly listeners: readonly ExplainedListener[];
}

export interface ExplainedListener {
  /** `NAMESPACE/GATEWAY/SECTION`. */
  readonly id: string;
  /** "" is every host. */
  readonly hostname: string;
  /** `NAMESPACE/NAME` of Secrets. */
  readonly certificates: readonly string[];
}

/** By the main's probes. "unprobed": its backend asks for none, so it counts as up until requests to it fail. */
export type EndpointHealth = "up" | "down" | "unprobed";

export interface ExplainedEndpoint {
  /** `192.0.2.1:80`, `[2001:db8::1]:80`. */
  readonly endpoint: string;
  readonly weight: number;
  readonly ready: boolean;
  readonly health: EndpointHealth;
}

export interface ExplainedBackend {
  /** `NAMESPACE/NAME:PORT`; "" when the reference is not resolved, and its share is answered with 500. */
  readonly backend: string;
  readonly weight: number;
  readonly tls: boolean;
  readonly endpoints: readonly ExplainedEndpoint[];
}

export interface ExplainedRule {
  /** "" when it has none. */
  readonly name: string;
  readonly filters: readonly HttpFilterConfig[];
  readonly backends: readonly ExplainedBackend[];
}

export interface PlaneExplanation {
  readonly engine: Engine;
  /** Of TCP: UDP ports are not met by a URL. */
  readonly ports: readonly ExplainedPort[];
  /** That of the URL; null when the service has none of this number. */
  readonly port: ExplainedPort | null;
  /** Status and reason of a head that is refused before it is routed, such as `400 badHost`; null when it is not. */
  readonly refused: string | null;
  /** Null without a port of HTTP or HTTPS, or when the head is refused. */
  readonly route: RouteExplanation | null;
  /** That of `route.chosen`. */
  readonly rule: ExplainedRule | null;
  /** Milliseconds that the choice and its reasons took. */
  readonly ms: number;
}
