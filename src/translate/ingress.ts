/**
 * Ingresses on the shared balancer: all of them together are one carrier, with a listener for HTTP and one for each host
 * that has a certificate, and each of their hosts is a route. What is not theirs alone is done as for Gateways.
 */
import { type Condition, condition, type Refusal, type Verdict } from "#src/gateway/condition.ts";
import { placeOf, type PortTable } from "#src/gateway/conflict.ts";
import type { JudgedGateway } from "#src/gateway/gateway.ts";
import { intersectHostnames } from "#src/gateway/hostname.ts";
import type { JudgedHttpRoute } from "#src/gateway/http-route.ts";
import type { JudgedIngress } from "#src/gateway/ingress.ts";
import type { JudgedListener } from "#src/gateway/listener.ts";
import { keyOf } from "#src/gateway/object-index.ts";
import type { Plane } from "#src/gateway/plane.ts";
import type { DataPlane } from "#src/resource/data-plane.ts";
import type { Gateway, Listener } from "#src/resource/gateway.ts";
import type { Attachment } from "#src/gateway/attachment.ts";
import { INGRESS_OWNER } from "./own-slice.ts";

/** Where clients reach Ingresses. */
export interface IngressPorts {
  readonly http: number;
  readonly https: number;
}

export interface IngressSite {
  readonly ports: IngressPorts;
  readonly plane: Plane;
  readonly parameters: DataPlane["spec"];
  /** Namespace of their Service. */
  readonly home: string;
  readonly table: PortTable;
}

export interface CarriedIngresses {
  /** None without Ingresses. */
  readonly carriers: readonly JudgedGateway[];
  /** Named `NAMESPACE/NAME/HOST`, where the host `*` is every host. */
  readonly routes: readonly JudgedHttpRoute[];
  readonly verdicts: readonly Verdict[];
}

/** `judged` is in order of age. */
export function carryIngresses(judged: readonly JudgedIngress[], site: IngressSite): CarriedIngresses {
  if (judged.length === 0) return { carriers: [], routes: [], verdicts: [] };
  const gateway = makeGateway(site.home);
  const { listeners, refusals } = makeListeners(judged, gateway, site);
  const byHost = new Map(listeners.map((listener) => [hostOf(listener), listener]));
  const { plane, parameters } = site;
  const carrier = {
    gateway,
    owner: INGRESS_OWNER,
    plane,
    dataPlane: undefined,
    parameters,
    isRefused: false,
    conditions: [],
  };
  return {
    carriers: [{ ...carrier, listeners }],
    routes: judged.flatMap((each) => routesOf(each, gateway, listeners, byHost)),
    verdicts: judged.map((each) => verdictOf(each, refusals)),
  };
}

/** No Gateway can have this name. */
function makeGateway(namespace: string): Gateway {
  const metadata = { name: "Ingress", namespace, labels: {}, annotations: {}, creationTimestamp: "", generation: 0 };
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata,
    spec: { gatewayClassName: "", listeners: [] },
  };
}

interface IngressListeners {
  readonly listeners: readonly JudgedListener[];
  /** By hostOf, of those that cannot be had. */
  readonly refusals: ReadonlyMap<string, Refusal>;
}

interface WantedListener {
  readonly name: string;
  readonly port: number;
  readonly protocol: "HTTP" | "HTTPS";
  readonly host: string;
  readonly secrets: readonly string[];
}

/** Of two Ingresses with a certificate for one host the older one's is shown. */
function makeListeners(judged: readonly JudgedIngress[], gateway: Gateway, site: IngressSite): IngressListeners {
  const certificates = new Map<string, string>();
  for (const { host, secret } of judged.flatMap((each) => each.certificates)) {
    if (!certificates.has(host)) certificates.set(host, secret);
  }
  const wanted: readonly WantedListener[] = [
    { name: "http", port: site.ports.http, protocol: "HTTP", host: "", secrets: [] },
    ...Array.from(certificates, ([host, secret]) => ({
      name: `https:${host}`,
      port: site.ports.https,
      protocol: "HTTPS" as const,
      host,
      secrets: [secret],
    })),
  ];
  const listeners: JudgedListener[] = [];
  const refusals = new Map<string, Refusal>();
  for (const { name, port, protocol, host, secrets } of wanted) {
    const listener: Listener = {
      name,
      port,
      protocol,
      ...(host !== "" && { hostname: host }),
      allowedRoutes: { namespaces: { from: "All" } },
    };
    const place = placeOf(site.plane, gateway, listener);
    const refusal = site.table.claim(place, gateway, listener);
    if (refusal !== undefined) {
      refusals.set(protocol === "HTTP" ? HTTP : host, refusal);
      continue;
    }
    const id = `${keyOf(gateway.metadata)}/${name}`;
    const carried = { engine: site.plane.engine, routeKinds: ["HTTPRoute"], usable: true, conditions: [] } as const;
    listeners.push({ id, gateway, listener, place, protocol, certificates: secrets, ...carried });
  }
  return { listeners, refusals };
}

/** In the map of refusals. */
const HTTP = " ";

/** Key of a listener among those of HTTPS: its host name; that of HTTP is none of them. */
function hostOf({ protocol, listener }: JudgedListener): string {
  return protocol === "HTTP" ? HTTP : (listener.hostname ?? "");
}

function routesOf(
  { ingress, rules }: JudgedIngress,
  gateway: Gateway,
  listeners: readonly JudgedListener[],
  byHost: ReadonlyMap<string, JudgedListener>,
): JudgedHttpRoute[] {
  const { metadata } = ingress;
  return Array.from(rules, ([host, own]): JudgedHttpRoute => ({
    route: {
      apiVersion: gateway.apiVersion,
      kind: "HTTPRoute",
      metadata: { ...metadata, name: `${metadata.name}/${host === "" ? "*" : host}` },
      spec: { rules: [] },
    },
    rules: own,
    attachments: attach(host, listeners, byHost),
    parents: [],
    missing: [],
  }));
}

/** Listeners that share hosts with a rule's host: only a pattern has to be held against all of them. */
function attach(
  host: string,
  listeners: readonly JudgedListener[],
  byHost: ReadonlyMap<string, JudgedListener>,
): Attachment[] {
  const isPattern = host === "" || host.startsWith("*.");
  const near = isPattern ? listeners : [HTTP, host, ...widerThan(host), ""].flatMap((name) => byHost.get(name) ?? []);
  return near.flatMap((listener): Attachment[] => {
    const hostnames = intersectHostnames(listener.listener.hostname ?? "", host === "" ? [] : [host]);
    return hostnames.length === 0 ? [] : [{ listener, hostnames }];
  });
}

/** `*.b.c` and `*.c` of `a.b.c`. */
function widerThan(host: string): string[] {
  const labels = host.split(".");
  return labels.slice(1).map((_label, index) => `*.${labels.slice(index + 1).join(".")}`);
}

function verdictOf(
  { ingress, certificates, unresolved, ignored }: JudgedIngress,
  refusals: ReadonlyMap<string, Refusal>,
): Verdict {
  const refused = [HTTP, ...certificates.map(({ host }) => host)].flatMap((host) => refusals.get(host) ?? []);
  const { namespace, name, generation } = ingress.metadata;
  const partly: Condition[] =
    ignored.length === 0 ? [] : [{ ...condition("PartiallyInvalid", ignored), status: "True" }];
  const conditions = [condition("Accepted", refused), condition("ResolvedRefs", unresolved), ...partly];
  return { kind: "Ingress", namespace, name, generation, conditions };
}
