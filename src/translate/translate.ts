import { isDeepStrictEqual } from "node:util";
import type { Entry, EntryValue } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { makeParents, type Parents } from "#src/gateway/attachment.ts";
import type { BackendTarget } from "#src/gateway/backend-ref.ts";
import { type CertificateOutcome, checkCertificate } from "#src/gateway/certificate.ts";
import type { Verdict } from "#src/gateway/condition.ts";
import { type JudgedGateway, judgeGateways } from "#src/gateway/gateway.ts";
import { type JudgedClass, judgeClasses } from "#src/gateway/gateway-class.ts";
import { judgeHttpRoute } from "#src/gateway/http-route.ts";
import { judgeL4Routes } from "#src/gateway/l4-route.ts";
import { compareText, indexObjects, type ObjectIndex } from "#src/gateway/object-index.ts";
import { defaultDataPlane } from "#src/resource/data-plane.ts";
import { type Resource, resourceName } from "#src/resource/resource.ts";
import type { Secret } from "#src/resource/secret.ts";
import { translateBackend } from "./backend.ts";
import { translateDataPlane } from "./data-plane.ts";
import { translateHttpRoute } from "./http-route.ts";
import { translateL4Route } from "./l4-route.ts";
import { certificateKey, translatePorts } from "./port.ts";
import { gatewayVerdicts, type JudgedRoute, ownVerdicts, routeVerdicts } from "./verdicts.ts";
import { translateZones } from "./zone.ts";

/** What a set of objects means. */
export interface Translation {
  /** In order of keys. An entry whose value did not change since the last call is the same object. */
  readonly entries: readonly Entry[];
  /** Of all objects that are ours to judge, in order of kind, namespace and name. */
  readonly verdicts: readonly Verdict[];
  /** What no verdict can say, for it is about objects that are not there. */
  readonly faults: readonly TranslationFault[];
}

export interface TranslationFault {
  /** `HTTPRoute shop/cart`. */
  readonly object: string;
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

export type Translate = (resources: Iterable<Resource>) => Translation;

/**
 * Makes a translator: a function of the objects alone, that remembers only what is dear to do again (certificates'
 * checks by Secret, entries' versions by value).
 */
export function makeTranslate(): Translate {
  const checked = new WeakMap<Secret, CertificateOutcome>();
  let entries = new Map<string, Entry>();
  const check = (secret: Secret): CertificateOutcome => {
    const known = checked.get(secret) ?? checkCertificate(secret);
    checked.set(secret, known);
    return known;
  };
  return (resources) => {
    const { values, verdicts, faults } = judge(indexObjects(resources), check);
    const next = new Map<string, Entry>();
    for (const [key, value] of [...values].toSorted(([a], [b]) => compareText(a, b))) {
      const previous = entries.get(key);
      next.set(
        key,
        previous !== undefined && isDeepStrictEqual(previous.value, value) ? previous : toEntry(key, value),
      );
    }
    entries = next;
    return { entries: [...next.values()], verdicts: verdicts.toSorted(compareVerdicts), faults };
  };
}

interface Judged {
  readonly values: ReadonlyMap<string, EntryValue>;
  readonly verdicts: readonly Verdict[];
  readonly faults: readonly TranslationFault[];
}

function judge(objects: ObjectIndex, check: (secret: Secret) => CertificateOutcome): Judged {
  const classes = judgeClasses(objects);
  const gateways = judgeGateways(objects, classes, check);
  const parents = makeParents(objects, gateways);
  const { values, routes } = translateRoutes(objects, parents);
  const zones = translateZones(objects);
  for (const [key, value] of [...translatePorts(gateways), ...zones.entries, ...translateDataPlanes(classes)])
    values.set(key, value);
  for (const [key, value] of translateCertificates(objects, gateways, check)) values.set(key, value);
  return {
    values,
    verdicts: [
      ...classes.map(({ verdict }) => verdict),
      ...gatewayVerdicts(gateways, routes),
      ...routeVerdicts(routes),
      ...zones.verdicts,
      ...ownVerdicts(objects),
    ],
    faults: [...missingClasses(objects), ...routes.flatMap(missingParents)],
  };
}

function translateRoutes(
  objects: ObjectIndex,
  parents: Parents,
): { values: Map<string, EntryValue>; routes: JudgedRoute[] } {
  const values = new Map<string, EntryValue>();
  const targets = new Map<string, BackendTarget>();
  const http = objects.httpRoutes.map((route) => judgeHttpRoute(parents, route));
  for (const judged of http) {
    const value = translateHttpRoute(judged, targets);
    if (value !== undefined) values.set(`httproute/${value.id}`, value);
  }
  const l4 = [...judgeL4Routes(parents, objects.tcpRoutes), ...judgeL4Routes(parents, objects.udpRoutes)];
  for (const judged of l4) {
    const value = translateL4Route(judged, targets);
    if (value !== undefined) values.set(`${value.protocol.toLowerCase()}route/${value.id}`, value);
  }
  for (const [key, target] of targets) values.set(key, translateBackend(target));
  return { values, routes: [...http, ...l4] };
}

/** The options of each engine that an accepted class is for. */
function translateDataPlanes(classes: readonly JudgedClass[]): Map<string, EntryValue> {
  const values = new Map<string, EntryValue>();
  for (const { accepted, engine, dataPlane } of classes) {
    const key = `dataplane/${engine}`;
    if (!accepted || (dataPlane === undefined && values.has(key))) continue;
    values.set(key, translateDataPlane(dataPlane?.spec ?? defaultDataPlane(engine)));
  }
  return values;
}

/** Certificates of listeners that are carried. */
function translateCertificates(
  objects: ObjectIndex,
  gateways: readonly JudgedGateway[],
  check: (secret: Secret) => CertificateOutcome,
): Map<string, EntryValue> {
  const values = new Map<string, EntryValue>();
  const used = gateways.flatMap(({ listeners }) =>
    listeners.filter(({ usable }) => usable).flatMap(({ certificates }) => certificates),
  );
  for (const name of used) {
    const secret = objects.secrets.get(name);
    const certificate = secret && check(secret);
    if (typeof certificate === "object") values.set(certificateKey(name), { kind: "certificate", ...certificate });
  }
  return values;
}

function missingClasses(objects: ObjectIndex): TranslationFault[] {
  const known = new Set(objects.gatewayClasses.map(({ metadata }) => metadata.name));
  return objects.gateways
    .filter(({ spec }) => !known.has(spec.gatewayClassName))
    .map((gateway) => ({
      object: resourceName(gateway),
      path: ["spec", "gatewayClassName"],
      reason: `there is no GatewayClass ${gateway.spec.gatewayClassName}`,
    }));
}

function missingParents({ route, missing }: JudgedRoute): TranslationFault[] {
  return missing.map((ref) => ({
    object: resourceName(route),
    path: ["spec", "parentRefs"],
    reason: `there is no Gateway ${ref.namespace ?? route.metadata.namespace}/${ref.name}`,
  }));
}

function compareVerdicts(a: Verdict, b: Verdict): number {
  return compareText(a.kind, b.kind) || compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}
