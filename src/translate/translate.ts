import type { Entry, EntryValue } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { makeParents, type Parents } from "#src/gateway/attachment.ts";
import type { BackendTarget } from "#src/gateway/backend-ref.ts";
import { type CertificateOutcome, type CheckCertificate, checkCertificate } from "#src/gateway/certificate.ts";
import type { Verdict } from "#src/gateway/condition.ts";
import { makePortTable } from "#src/gateway/conflict.ts";
import { judgeIngresses } from "#src/gateway/ingress.ts";
import { type JudgedGateway, judgeGateways } from "#src/gateway/gateway.ts";
import { judgeClasses } from "#src/gateway/gateway-class.ts";
import { type JudgedHttpRoute, judgeHttpRoute } from "#src/gateway/http-route.ts";
import { judgeL4Routes } from "#src/gateway/l4-route.ts";
import { compareText, indexObjects, type ObjectIndex } from "#src/gateway/object-index.ts";
import { makePlaneOptions, planeOf } from "#src/gateway/plane.ts";
import { type Resource, resourceName } from "#src/resource/resource.ts";
import type { Secret } from "#src/resource/secret.ts";
import type { ZoneText } from "#src/resource/zone-text.ts";
import type { Zone } from "#src/resource/zone.ts";
import { type Allocation, type Allocations, allocatePorts, portKey, type PortRequest } from "./allocation.ts";
import { translateBackend } from "./backend.ts";
import { configuredPlanes, translateDataPlanes } from "./data-plane.ts";
import { type OwnNames, ownNamesOf } from "./derived-records.ts";
import { CLUSTER_PORTS, type Front, frontsOf, ingressFronts, requestsOf } from "./front.ts";
import { translateHttpRoute } from "./http-route.ts";
import { carryIngresses, type IngressPorts } from "./ingress.ts";
import { translateL4Route } from "./l4-route.ts";
import { claimNames } from "./name-claim.ts";
import { readAllocations } from "./own-slice.ts";
import { certificateKey, placeInCluster, placeOnMachine, translatePorts } from "./port.ts";
import { makeMembership } from "./plane-entries.ts";
import { isSameValue } from "./same-value.ts";
import { gatewayVerdicts, type JudgedRoute, ownVerdicts, routeVerdicts } from "./verdicts.ts";
import { translateZones, type ZoneSources } from "./zone.ts";

/** What a set of objects means. */
export interface Translation {
  /** In order of keys. An entry is the same object as in the last call unless its value or its planes have changed. */
  readonly entries: readonly Entry[];
  /**
   * Data planes that are given an entry of this translation or an earlier one: `dns`, an engine's name, or
   * `ENGINE/NAMESPACE/NAME`. Always the same function, with the same answer for the same entry.
   */
  readonly planesOf: (entry: Entry) => ReadonlySet<string>;
  /** Of all objects that are ours to judge, in order of kind, namespace and name. */
  readonly verdicts: readonly Verdict[];
  /** What no verdict can say, for it is about objects that are not there. */
  readonly faults: readonly TranslationFault[];
  /** What is made for Gateways in a cluster; on a machine there is nothing to make. */
  readonly fronts: readonly Front[];
  /** Ports of the planes' pods in a cluster: to be handed to the next translation. */
  readonly allocations: readonly Allocation[];
  /** Planes (Plane.id) that DataPlanes (`NAMESPACE/NAME`) configure. */
  readonly dataPlanes: ReadonlyMap<string, readonly string[]>;
  /** When the same objects mean something else, in milliseconds since 1970. */
  readonly wakeAt: number | undefined;
}

/** What translation for a cluster must know besides the objects, our own EndpointSlices among them. */
export interface ClusterState {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Namespace that Fairway is installed in. */
  readonly home: string;
  /** Of the last translation; none at first. */
  readonly allocations: readonly Allocation[];
}

export interface TranslateOptions {
  /** Where Ingresses are served on a machine; in a cluster their Service has 80 and 443. */
  readonly ingressPorts?: IngressPorts;
}

export const DEFAULT_INGRESS_PORTS: IngressPorts = { http: 8090, https: 8493 };

export interface TranslationFault {
  /** `HTTPRoute shop/cart`. */
  readonly object: string;
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

/** Without a cluster's state: for a machine, where sockets are bound to the listeners' own ports. */
export type Translate = (resources: Iterable<Resource>, cluster?: ClusterState) => Translation;

/**
 * Makes a translator: a function of the objects alone, that remembers only what is dear to do again (certificates'
 * checks by Secret, entries' versions by value).
 */
export function makeTranslate({ ingressPorts = DEFAULT_INGRESS_PORTS }: TranslateOptions = {}): Translate {
  const checked = new WeakMap<Secret, CertificateOutcome>();
  const named = new WeakMap<Zone, OwnNames | undefined>();
  const ownNames = (zone: Zone, text: ZoneText): OwnNames | undefined => {
    if (!named.has(zone)) named.set(zone, ownNamesOf(text));
    return named.get(zone);
  };
  const membership = makeMembership();
  let entries = new Map<string, Entry>();
  const check = (secret: Secret): CertificateOutcome => {
    const known = checked.get(secret) ?? checkCertificate(secret);
    checked.set(secret, known);
    return known;
  };
  return (resources, cluster) => {
    const { values, verdicts, ...rest } = judge(indexObjects(resources), { check, ownNames, ingressPorts }, cluster);
    keepClosing(values, rest.allocations, entries);
    const inOrder = [...values].toSorted(([a], [b]) => compareText(a, b));
    const next = membership.assign(
      inOrder.map(([key, value]) => {
        const previous = entries.get(key);
        return previous !== undefined && isSameValue(previous.value, value) ? previous : toEntry(key, value);
      }),
    );
    entries = new Map(next.map((entry) => [entry.key, entry]));
    return { ...rest, entries: next, planesOf: membership.planesOf, verdicts: verdicts.toSorted(compareVerdicts) };
  };
}

interface Judged extends Omit<Translation, "entries" | "planesOf"> {
  readonly values: Map<string, EntryValue>;
}

/** What does not change from one translation to the next, or is dear to do again. */
interface Remembered {
  readonly ingressPorts: IngressPorts;
  readonly check: CheckCertificate;
  readonly ownNames: ZoneSources["ownNames"];
}

function judge(objects: ObjectIndex, remembered: Remembered, cluster: ClusterState | undefined): Judged {
  const { check, ownNames, ingressPorts } = remembered;
  const options = makePlaneOptions();
  const site = cluster === undefined ? "machine" : "cluster";
  const classes = judgeClasses(objects, site, options);
  const table = makePortTable();
  const gateways = judgeGateways(objects, classes, { site, options, ports: table, checkCertificate: check });
  const plane = planeOf(site, "balancer", undefined);
  const ingresses = carryIngresses(judgeIngresses(objects, check), {
    ports: cluster === undefined ? ingressPorts : CLUSTER_PORTS,
    plane,
    parameters: options.specOf(plane),
    home: cluster?.home ?? "default",
    table,
  });
  const carriers = [...gateways, ...ingresses.carriers];
  const parents = makeParents(objects, gateways);
  const { values, http, routes } = translateRoutes(objects, parents, ingresses.routes);
  const fronts = cluster && [
    ...frontsOf(objects, gateways),
    ...ingressFronts(objects, ingresses.carriers, cluster.home),
  ];
  const claims = claimNames(objects, { gateways, routes: http, ingresses, fronts });
  const zones = translateZones(objects, { claims, ownNames });
  const ports = cluster && fronts ? allocate(objects, fronts, cluster) : NO_PORTS;
  const placements = cluster === undefined ? placeOnMachine(carriers) : placeInCluster(carriers, ports.all);
  const dataPlanes = translateDataPlanes(classes, carriers, options);
  for (const [key, value] of [...translatePorts(placements), ...zones.entries, ...dataPlanes]) values.set(key, value);
  for (const [key, value] of translateCertificates(objects, carriers, check)) values.set(key, value);
  return {
    values,
    verdicts: [
      ...classes.map(({ verdict }) => verdict),
      ...gatewayVerdicts(gateways, routes),
      ...routeVerdicts(routes),
      ...ingresses.verdicts,
      ...zones.verdicts,
      ...ownVerdicts(objects),
    ],
    faults: [...missingClasses(objects), ...routes.flatMap(missingParents), ...ports.refused.map(noPort)],
    fronts: fronts ?? [],
    allocations: ports.all,
    dataPlanes: configuredPlanes(classes, gateways),
    wakeAt: ports.wakeAt,
  };
}

const NO_PORTS: Allocations = { all: [], refused: [], wakeAt: undefined };

/** What our slices say comes first: what is only remembered may be another replica's to decide. */
function allocate(
  objects: ObjectIndex,
  fronts: readonly Front[],
  { home, allocations, now }: ClusterState,
): Allocations {
  const remembered = allocations.map((port) => ({ ...port, hasEndpoints: false }));
  const read = readAllocations([...objects.endpointSlices.values()].flat(), home);
  return allocatePorts(requestsOf(fronts), [...read, ...remembered], now);
}

/** A port whose listener is gone stays as it was until no endpoint leads to it. */
function keepClosing(
  values: Map<string, EntryValue>,
  allocations: readonly Allocation[],
  entries: ReadonlyMap<string, Entry>,
): void {
  for (const allocation of allocations) {
    const key = portKey(allocation);
    const value = entries.get(key)?.value;
    if (allocation.state !== "closing" || values.has(key) || value?.kind !== "port") continue;
    values.set(key, value);
    for (const certificate of value.listeners.flatMap(({ certificates }) => certificates)) {
      const previous = entries.get(certificate)?.value;
      if (!values.has(certificate) && previous !== undefined) values.set(certificate, previous);
    }
  }
}

function translateRoutes(
  objects: ObjectIndex,
  parents: Parents,
  ofIngresses: readonly JudgedHttpRoute[],
): { values: Map<string, EntryValue>; http: JudgedHttpRoute[]; routes: JudgedRoute[] } {
  const values = new Map<string, EntryValue>();
  const targets = new Map<string, BackendTarget>();
  const http = objects.httpRoutes.map((route) => judgeHttpRoute(parents, route));
  for (const judged of http) {
    const value = translateHttpRoute(judged, targets);
    if (value !== undefined) values.set(`httproute/${value.id}`, value);
  }
  for (const judged of ofIngresses) {
    const value = translateHttpRoute(judged, targets);
    if (value !== undefined) values.set(`ingress/${value.id}`, value);
  }
  const l4 = [...judgeL4Routes(parents, objects.tcpRoutes), ...judgeL4Routes(parents, objects.udpRoutes)];
  for (const judged of l4) {
    const value = translateL4Route(judged, targets);
    if (value !== undefined) values.set(`${value.protocol.toLowerCase()}route/${value.id}`, value);
  }
  for (const [key, target] of targets) values.set(key, translateBackend(target));
  return { values, http, routes: [...http, ...l4] };
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

function noPort({ owner, plane, transport, publicPort }: PortRequest): TranslationFault {
  const reason = `no port of ${plane.id} is free for ${transport} ${publicPort}`;
  return { object: owner, path: ["spec", "listeners"], reason };
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
