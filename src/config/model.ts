/**
 * What the data planes are made from: plain frozen data, one entry per thing that changes on its own. Translation makes
 * it from resources, the config stream carries it, data processes compile it into tables. All durations in milliseconds.
 */

/** Which service carries a listener. */
export type Engine = "balancer" | "edge";

export type Protocol = "HTTP" | "HTTPS" | "TCP" | "UDP";

/**
 * Everything that arrives at one port of one data plane. Key `port/PLANE/TRANSPORT/NUMBER` (see portKey), where PLANE is
 * the engine, or `ENGINE/NAMESPACE/NAME` for a dedicated data plane.
 */
export interface PortConfig {
  readonly kind: "port";
  readonly engine: Engine;
  /** Where sockets are bound. */
  readonly port: number;
  /** Where clients connect: the listener's own port, which in a cluster a Service maps to the bound one. */
  readonly publicPort: number;
  readonly protocol: Protocol;
  /** Addresses to bind, from Gateway.spec.addresses; empty: the service's default bind addresses. */
  readonly addresses: readonly string[];
  /** HTTP and HTTPS: told apart by host name; TCP and UDP: exactly one. */
  readonly listeners: readonly ListenerConfig[];
}

export interface ListenerConfig {
  /** `NAMESPACE/GATEWAY/SECTION`: what routes attach to. */
  readonly id: string;
  /** `NAMESPACE/GATEWAY`, the metrics' `gateway` label. */
  readonly gateway: string;
  /** Lower case; "" matches every host; a leading `*.` matches one or more labels. */
  readonly hostname: string;
  /** Keys of certificate entries, in order of preference. HTTPS only. */
  readonly certificates: readonly string[];
}

/** Key `httproute/NAMESPACE/NAME`, or `ingress/NAMESPACE/NAME/HOST` for one host of an Ingress (`*` is every host). */
export interface HttpRouteConfig {
  readonly kind: "httpRoute";
  /** `NAMESPACE/NAME`, or `NAMESPACE/NAME/HOST` of an Ingress: the metrics' `route` label. */
  readonly id: string;
  /** RFC 3339 creation time, "" when unknown: Gateway API's tie-break before the name. */
  readonly createdAt: string;
  readonly attachments: readonly RouteAttachment[];
  readonly rules: readonly HttpRuleConfig[];
}

export interface RouteAttachment {
  /** ListenerConfig.id. */
  readonly listener: string;
  /** Host names already intersected with the listener's, lower case; [""] matches every host. */
  readonly hostnames: readonly string[];
}

export interface HttpRuleConfig {
  readonly name: string;
  /** Never empty: no match in the resource is the prefix `/`. */
  readonly matches: readonly HttpMatchConfig[];
  readonly filters: readonly HttpFilterConfig[];
  /** Empty, with no redirect among the filters: 500 (Gateway API). */
  readonly backends: readonly WeightedBackend[];
  /** 0: none. Whole exchange from the request's head to the response's end. */
  readonly requestTimeoutMs: number;
  /** 0: none. From sending the request to the response's head. */
  readonly backendTimeoutMs: number;
}

export interface HttpMatchConfig {
  readonly path: { readonly type: "Exact" | "PathPrefix"; readonly value: string };
  /** "" is any. */
  readonly method: string;
  /** Names lower case; all must match exactly. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly queryParams: readonly { readonly name: string; readonly value: string }[];
}

export interface HeaderModifier {
  readonly set: readonly { readonly name: string; readonly value: string }[];
  readonly add: readonly { readonly name: string; readonly value: string }[];
  readonly remove: readonly string[];
}

export type PathModifier =
  | { readonly type: "ReplaceFullPath"; readonly value: string }
  | { readonly type: "ReplacePrefixMatch"; readonly value: string };

export type HttpFilterConfig =
  | ({ readonly type: "RequestHeaderModifier" } & HeaderModifier)
  | ({ readonly type: "ResponseHeaderModifier" } & HeaderModifier)
  | {
      readonly type: "RequestRedirect";
      /** "" keeps the request's own. */
      readonly scheme: string;
      readonly hostname: string;
      /** 0: as Gateway API derives it from scheme and listener. */
      readonly port: number;
      readonly path: PathModifier | undefined;
      readonly status: number;
    }
  | { readonly type: "URLRewrite"; readonly hostname: string; readonly path: PathModifier | undefined };

export interface WeightedBackend {
  /** Key of a backend entry; "" when the reference is not resolved: its share answers 500. */
  readonly backend: string;
  readonly weight: number;
}

/** Key `tcproute/NAMESPACE/NAME` or `udproute/NAMESPACE/NAME`. */
export interface L4RouteConfig {
  readonly kind: "l4Route";
  readonly protocol: "TCP" | "UDP";
  readonly id: string;
  readonly createdAt: string;
  /** ListenerConfig.id of each listener it is attached to. */
  readonly listeners: readonly string[];
  readonly backends: readonly WeightedBackend[];
}

/**
 * Endpoints of a Service port or of a Backend resource. Key `backend/NAMESPACE/KIND/NAME/PORT`, for UDP with `/UDP`
 * behind it (a Service may have one number for both protocols); PORT is 0 for a Backend's endpoints of all ports.
 */
export interface BackendConfig {
  readonly kind: "backend";
  /** `NAMESPACE/NAME:PORT`, the metrics' `backend` and `pool` label; of a Backend with all ports `NAMESPACE/NAME`. */
  readonly id: string;
  readonly endpoints: readonly EndpointConfig[];
  readonly health: HealthCheckConfig;
  /** TLS to the endpoints, undefined for plain. */
  readonly tls: BackendTlsConfig | undefined;
}

export interface EndpointConfig {
  /** IP address. */
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** False: known, but not to be given new work. */
  readonly ready: boolean;
}

export interface BackendTlsConfig {
  readonly serverName: string;
  /** PEM; "" trusts the system's roots. */
  readonly caPem: string;
}

export interface HealthCheckConfig {
  /** "none": only passive marking. */
  readonly type: "none" | "tcp" | "http";
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Consecutive successes that bring an endpoint back. */
  readonly rise: number;
  /** Consecutive failures that take an endpoint out. */
  readonly fall: number;
}

/** Key `zone/NAMESPACE/NAME`. */
export interface ZoneConfig {
  readonly kind: "zone";
  /** Absolute, lower case, with its final dot. */
  readonly origin: string;
  /** RFC 1035 section 5 master file: what a Zone resource's records are rendered to, or its own text. */
  readonly text: string;
  /** Names that are a Backend's addresses, beside the text's records. */
  readonly backends: readonly ZoneBackendConfig[];
}

/** A name of a zone whose A and AAAA records are the addresses of a backend's endpoints, as far as its probes let them. */
export interface ZoneBackendConfig {
  /** Line of the text, from 1, that stands for it. */
  readonly line: number;
  /** Owner as in the text: without a final dot below the origin. */
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
  /** BackendConfig.id; "" when the reference is not resolved: the name exists without addresses. */
  readonly id: string;
  /** None has weight 0. */
  readonly endpoints: readonly EndpointConfig[];
  readonly health: HealthCheckConfig;
}

/** Key `certificate/NAMESPACE/NAME`. */
export interface CertificateConfig {
  readonly kind: "certificate";
  readonly chainPem: string;
  readonly keyPem: string;
}

/** The options of one data plane: of its DataPlane resource, or the defaults. Key `dataplane/PLANE`; a plane is given its own alone. */
export interface DataPlaneConfig {
  readonly kind: "dataPlane";
  readonly engine: Engine;
  readonly accessLog: {
    readonly mode: "off" | "sampled" | "full";
    /** In mode "sampled" one of so many is logged. */
    readonly sampleEvery: number;
  };
  /** Memory for cached responses; an edge reads it when it starts. */
  readonly cacheMaxBytes: number;
  /** Largest request line and header section together: 431 beyond. */
  readonly httpMaxHeaderBytes: number;
  /** Largest request body: 413 beyond. 0: no limit. */
  readonly httpMaxBodyBytes: number;
  /** From a connection's first byte of a request to the end of its head. */
  readonly httpHeaderTimeoutMs: number;
  /** Of a client's connection without a request. */
  readonly httpIdleTimeoutMs: number;
  readonly upstreamConnectTimeoutMs: number;
  /** Of a pooled connection without a request. */
  readonly upstreamIdleTimeoutMs: number;
  /** Of a TCP listener's connection without a byte in either direction. */
  readonly tcpIdleTimeoutMs: number;
  /** Of a UDP listener's session without a datagram in either direction. */
  readonly udpIdleTimeoutMs: number;
}

export type EntryValue =
  | PortConfig
  | HttpRouteConfig
  | L4RouteConfig
  | BackendConfig
  | ZoneConfig
  | CertificateConfig
  | DataPlaneConfig;

/** One thing of the configuration, as the config stream carries it. */
export interface Entry {
  readonly key: string;
  /** First 16 hex digits of SHA-256 over the value's canonical JSON, so that any two servers agree. */
  readonly version: string;
  readonly value: EntryValue;
}
