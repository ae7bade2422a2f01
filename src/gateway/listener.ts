import type { Engine, Protocol } from "#src/config/model.ts";
import type { CertificateRef, Gateway, Listener } from "#src/resource/gateway.ts";
import type { CheckCertificate } from "./certificate.ts";
import { condition, type Condition, type Refusal } from "./condition.ts";
import { isGranted } from "./grant.ts";
import { matchesSelector } from "./label-selector.ts";
import { keyOf, type ObjectIndex } from "./object-index.ts";

export type RouteKind = "HTTPRoute" | "TCPRoute" | "UDPRoute";

/** A listener of a Gateway of ours. */
export interface JudgedListener {
  /** `NAMESPACE/GATEWAY/SECTION`. */
  readonly id: string;
  readonly gateway: Gateway;
  readonly listener: Listener;
  readonly engine: Engine;
  /** The port that it is at (see placeOf). */
  readonly place: string;
  /** Undefined when no engine carries it. */
  readonly protocol: Protocol | undefined;
  /** Kinds of routes that may attach. */
  readonly routeKinds: readonly RouteKind[];
  /** `NAMESPACE/NAME` of Secrets with usable certificates, in the order of the references. */
  readonly certificates: readonly string[];
  /** Whether it is carried: accepted, distinct, and with what it cannot do without. */
  readonly usable: boolean;
  readonly conditions: readonly Condition[];
}

const GROUP = "gateway.networking.k8s.io";

/** Which routes a listener of each protocol carries, by engine: an edge is for HTTP. */
const ROUTE_KIND: Readonly<Record<Engine, Readonly<Record<string, RouteKind>>>> = {
  balancer: { HTTP: "HTTPRoute", HTTPS: "HTTPRoute", TCP: "TCPRoute", UDP: "UDPRoute" },
  edge: { HTTP: "HTTPRoute", HTTPS: "HTTPRoute" },
};

/** Judges one listener; conflicts with others are known to the caller. */
export function judgeListener(
  objects: ObjectIndex,
  checkCertificate: CheckCertificate,
  engine: Engine,
  place: string,
  gateway: Gateway,
  listener: Listener,
  conflict: { readonly within: Refusal | undefined; readonly across: Refusal | undefined },
): JudgedListener {
  const ownKind = ROUTE_KIND[engine][listener.protocol];
  const accepted: Refusal[] = [];
  if (ownKind === undefined) {
    accepted.push({
      reason: "UnsupportedProtocol",
      message: `protocol ${listener.protocol} is not carried by the ${engine}`,
    });
  }
  accepted.push(...unsupportedValues(listener));
  if (conflict.within !== undefined) accepted.push(conflict.within);
  if (conflict.across !== undefined) accepted.push(conflict.across);

  const unresolved: Refusal[] = [];
  const routeKinds = selectRouteKinds(listener, ownKind, unresolved);
  const certificates =
    listener.protocol === "HTTPS" ? resolveCertificates(objects, checkCertificate, gateway, listener, unresolved) : [];
  const lacksCertificate = listener.protocol === "HTTPS" && certificates.length === 0;
  return {
    id: `${keyOf(gateway.metadata)}/${listener.name}`,
    gateway,
    listener,
    engine,
    place,
    protocol: ownKind === undefined ? undefined : asProtocol(listener.protocol),
    routeKinds,
    certificates,
    usable: accepted.length === 0 && !lacksCertificate && routeKinds.length > 0,
    conditions: [
      condition("Accepted", accepted),
      condition("ResolvedRefs", unresolved),
      conflict.within === undefined
        ? { type: "Conflicted", status: "False", reason: "NoConflicts", message: "" }
        : { type: "Conflicted", status: "True", ...conflict.within },
    ],
  };
}

/** Listener.supportedKinds, with groups. */
export function toSupportedKinds(routeKinds: readonly RouteKind[]): { group: string; kind: string }[] {
  return routeKinds.map((kind) => ({ group: GROUP, kind }));
}

/** Whether the listener lets routes of this kind and namespace attach. */
export function allowsRoute(objects: ObjectIndex, judged: JudgedListener, kind: RouteKind, namespace: string): boolean {
  if (!judged.routeKinds.includes(kind)) return false;
  const { from, selector } = judged.listener.allowedRoutes.namespaces;
  if (from === "All") return true;
  if (from === "Same") return namespace === judged.gateway.metadata.namespace;
  return selector !== undefined && matchesSelector(selector, objects.namespaceLabels(namespace)) === true;
}

function asProtocol(text: string): Protocol | undefined {
  return text === "HTTP" || text === "HTTPS" || text === "TCP" || text === "UDP" ? text : undefined;
}

function unsupportedValues({ tls, allowedRoutes }: Listener): Refusal[] {
  const refusals: Refusal[] = [];
  const refuse = (message: string): void => void refusals.push({ reason: "UnsupportedValue", message });
  if (tls?.mode === "Passthrough") refuse("tls.mode Passthrough is not supported");
  for (const option of Object.keys(tls?.options ?? {})) refuse(`tls.options: ${option} is not supported`);
  const { from, selector } = allowedRoutes.namespaces;
  if (from === "Selector" && selector === undefined)
    refuse("allowedRoutes.namespaces: from Selector without a selector");
  if (from === "Selector" && selector !== undefined && matchesSelector(selector, {}) === undefined) {
    refuse("allowedRoutes.namespaces.selector is malformed");
  }
  return refusals;
}

/** The listener's own choice of kinds, as far as its protocol carries them. */
function selectRouteKinds(
  { allowedRoutes, protocol }: Listener,
  own: RouteKind | undefined,
  unresolved: Refusal[],
): RouteKind[] {
  const wanted = allowedRoutes.kinds ?? [];
  if (wanted.length === 0) return own === undefined ? [] : [own];
  for (const { group, kind } of wanted) {
    if (group === GROUP && kind === own) continue;
    unresolved.push({
      reason: "InvalidRouteKinds",
      message: `allowedRoutes.kinds: ${kind} of group "${group}" is no route for ${protocol} here`,
    });
  }
  return own !== undefined && wanted.some(({ group, kind }) => group === GROUP && kind === own) ? [own] : [];
}

function resolveCertificates(
  objects: ObjectIndex,
  checkCertificate: CheckCertificate,
  gateway: Gateway,
  listener: Listener,
  unresolved: Refusal[],
): string[] {
  const refs = listener.tls?.certificateRefs ?? [];
  if (refs.length === 0) unresolved.push({ reason: "InvalidCertificateRef", message: "tls.certificateRefs is empty" });
  const keys: string[] = [];
  for (const ref of refs) {
    const outcome = resolveCertificate(objects, checkCertificate, gateway, ref);
    if (typeof outcome === "string") keys.push(outcome);
    else unresolved.push(outcome);
  }
  return keys;
}

/** `NAMESPACE/NAME` of the Secret, or why it cannot be used. */
function resolveCertificate(
  objects: ObjectIndex,
  check: CheckCertificate,
  gateway: Gateway,
  ref: CertificateRef,
): string | Refusal {
  if (ref.group !== "" || ref.kind !== "Secret") return invalid(`${ref.kind} of group "${ref.group}" is not a Secret`);
  const from = { group: GROUP, kind: "Gateway", namespace: gateway.metadata.namespace };
  const namespace = ref.namespace ?? gateway.metadata.namespace;
  const key = `${namespace}/${ref.name}`;
  if (!isGranted(objects, from, { group: "", kind: "Secret", namespace, name: ref.name })) {
    return {
      reason: "RefNotPermitted",
      message: `tls.certificateRefs: no ReferenceGrant in ${namespace} permits Secret ${key}`,
    };
  }
  const secret = objects.secrets.get(key);
  if (secret === undefined) return invalid(`there is no Secret ${key}`);
  const certificate = check(secret);
  return typeof certificate === "string" ? invalid(`Secret ${key} cannot be used: ${certificate}`) : key;
}

function invalid(message: string): Refusal {
  return { reason: "InvalidCertificateRef", message: `tls.certificateRefs: ${message}` };
}
