/** Ingresses of our class, read as rules of HTTPRoutes. */
import type { HttpRouteRule } from "#src/resource/http-route.ts";
import type { Ingress, IngressBackend } from "#src/resource/ingress.ts";
import { type BackendTarget, resolveBackendRef } from "./backend-ref.ts";
import type { CheckCertificate } from "./certificate.ts";
import type { Refusal } from "./condition.ts";
import type { JudgedHttpRule } from "./http-route.ts";
import { compareText, type ObjectIndex } from "./object-index.ts";

/** IngressClass.spec.controller of the classes that are ours. */
export const INGRESS_CONTROLLER = "fairway.dev/ingress";
export const DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class";
/** What named the class before spec.ingressClassName did. */
const CLASS_ANNOTATION = "kubernetes.io/ingress.class";

export interface JudgedIngress {
  readonly ingress: Ingress;
  /** By host name, "" for every host; in the order of the rules. */
  readonly rules: ReadonlyMap<string, readonly JudgedHttpRule[]>;
  readonly certificates: readonly IngressCertificate[];
  /** Of backends and certificates that are not there. */
  readonly unresolved: readonly Refusal[];
  /** What is not honoured. */
  readonly ignored: readonly Refusal[];
}

export interface IngressCertificate {
  /** Host name, "" for every host. */
  readonly host: string;
  /** `NAMESPACE/NAME` of a Secret with a usable certificate. */
  readonly secret: string;
}

/** Judges the Ingresses of classes of ours, the oldest first. */
export function judgeIngresses(objects: ObjectIndex, check: CheckCertificate): JudgedIngress[] {
  const ours = objects.ingressClasses.filter(({ spec }) => spec.controller === INGRESS_CONTROLLER);
  const names = new Set(ours.map(({ metadata }) => metadata.name));
  // Of several default classes the API server takes the newest.
  const byDefault = objects.ingressClasses
    .filter(({ metadata }) => metadata.annotations[DEFAULT_CLASS] === "true")
    .at(-1);
  return objects.ingresses
    .filter(({ metadata, spec }) =>
      names.has(spec.ingressClassName ?? metadata.annotations[CLASS_ANNOTATION] ?? byDefault?.metadata.name ?? ""),
    )
    .map((ingress) => judgeIngress(objects, check, ingress));
}

function judgeIngress(objects: ObjectIndex, check: CheckCertificate, ingress: Ingress): JudgedIngress {
  const unresolved: Refusal[] = [];
  const { defaultBackend, rules = [] } = ingress.spec;
  const judged = new Map<string, JudgedHttpRule[]>();
  for (const { host = "", http } of rules) {
    const known = judged.get(host) ?? [];
    for (const { path = "", pathType, backend } of http?.paths ?? [])
      known.push(toRule(objects, ingress, { path: path || "/", isExact: pathType === "Exact", backend }, unresolved));
    // A host without paths is all of it, and goes to the default backend.
    judged.set(host, known);
  }
  if (judged.size === 0) judged.set("", []);
  if (defaultBackend !== undefined) {
    const rest = toRule(objects, ingress, { path: "/", isExact: false, backend: defaultBackend }, unresolved);
    for (const known of judged.values()) known.push(rest);
  }
  for (const [host, known] of judged) if (known.length === 0) judged.delete(host);
  const certificates = judgeCertificates(objects, check, ingress, [...judged.keys()], unresolved);
  return { ingress, rules: judged, certificates, unresolved, ignored: ignoredAnnotations(ingress) };
}

interface IngressPath {
  readonly path: string;
  readonly isExact: boolean;
  readonly backend: IngressBackend;
}

/** A prefix is one of whole path elements, as in HTTPRoutes; "ImplementationSpecific" is a prefix too. */
function toRule(
  objects: ObjectIndex,
  ingress: Ingress,
  { path, isExact, backend }: IngressPath,
  unresolved: Refusal[],
): JudgedHttpRule {
  const match = { path: { type: isExact ? "Exact" : "PathPrefix", value: path } } as const;
  const rule: HttpRouteRule = { matches: [match] };
  const target = resolveBackend(objects, ingress, backend);
  if (!("reason" in target)) return { rule, fails: false, backends: [{ target, weight: 1 }] };
  unresolved.push(target);
  return { rule, fails: false, backends: [{ target: undefined, weight: 1 }] };
}

function resolveBackend(
  objects: ObjectIndex,
  { metadata }: Ingress,
  { service, resource }: IngressBackend,
): BackendTarget | Refusal {
  const resolve = (group: string, kind: string, name: string, port: number | undefined): BackendTarget | Refusal =>
    resolveBackendRef(objects, "HTTPRoute", metadata.namespace, {
      group,
      kind,
      name,
      weight: 1,
      ...(port !== undefined && { port }),
    });
  if (service === undefined)
    return resolve(resource?.apiGroup ?? "", resource?.kind ?? "", resource?.name ?? "", undefined);
  const { name, port } = service;
  if (port.number !== undefined) return resolve("", "Service", name, port.number);
  const key = `${metadata.namespace}/${name}`;
  const found = objects.services.get(key)?.spec.ports?.find((candidate) => candidate.name === port.name);
  if (found !== undefined) return resolve("", "Service", name, found.port);
  const message = objects.services.has(key) ? `Service ${key} has no port ${port.name}` : `there is no Service ${key}`;
  return { reason: "BackendNotFound", message };
}

/** An entry without hosts is for those of the rules. */
function judgeCertificates(
  objects: ObjectIndex,
  check: CheckCertificate,
  { metadata, spec }: Ingress,
  ruleHosts: readonly string[],
  unresolved: Refusal[],
): IngressCertificate[] {
  return (spec.tls ?? []).flatMap(({ hosts = [], secretName }) => {
    const key = `${metadata.namespace}/${secretName ?? ""}`;
    const secret = objects.secrets.get(key);
    const outcome = secret === undefined ? "it is not there" : check(secret);
    if (typeof outcome === "string") {
      unresolved.push({ reason: "InvalidCertificateRef", message: `tls: Secret ${key} cannot be used: ${outcome}` });
      return [];
    }
    return (hosts.length === 0 ? ruleHosts : hosts).map((host) => ({ host, secret: key }));
  });
}

/** Annotations of other controllers change what an Ingress means, and are not read. */
function ignoredAnnotations({ metadata }: Ingress): Refusal[] {
  return Object.keys(metadata.annotations)
    .filter((name) => /(^|\.)ingress\.kubernetes\.io\//.test(name))
    .toSorted(compareText)
    .map((name) => ({ reason: "UnsupportedValue", message: `annotation ${name} is not supported` }));
}
