import { isIP } from "node:net";
import { type DataPlane, defaultDataPlane } from "#src/resource/data-plane.ts";
import type { Gateway } from "#src/resource/gateway.ts";
import { askedAddresses } from "./asked-address.ts";
import type { CheckCertificate } from "./certificate.ts";
import { condition, type Condition, type Refusal } from "./condition.ts";
import { findConflicts, placeOf, type PortTable } from "./conflict.ts";
import type { JudgedClass } from "./gateway-class.ts";
import { judgeListener, type JudgedListener } from "./listener.ts";
import { keyOf, type ObjectIndex } from "./object-index.ts";
import { withOverlaps } from "./overlapping-tls.ts";
import { findParameters } from "./parameters.ts";
import { type Plane, planeOf, type PlaneOptions, type Site } from "./plane.ts";

/** A Gateway of one of our classes. */
export interface JudgedGateway {
  readonly gateway: Gateway;
  /** Who has its ports in a cluster: `Gateway NAMESPACE/NAME`. */
  readonly owner: string;
  readonly plane: Plane;
  /** Its own or its class's, undefined for none. */
  readonly dataPlane: DataPlane | undefined;
  /** Of its DataPlane, or the defaults. */
  readonly parameters: DataPlane["spec"];
  /** Whether none of it is carried, whatever its listeners are. */
  readonly isRefused: boolean;
  readonly conditions: readonly Condition[];
  readonly listeners: readonly JudgedListener[];
}

export interface GatewayRules {
  readonly site: Site;
  readonly options: PlaneOptions;
  readonly ports: PortTable;
  readonly checkCertificate: CheckCertificate;
}

/** Judges the Gateways of accepted classes of ours, in order of age; ports go to the older. */
export function judgeGateways(
  objects: ObjectIndex,
  classes: readonly JudgedClass[],
  rules: GatewayRules,
): JudgedGateway[] {
  const ours = new Map(classes.filter(({ accepted }) => accepted).map((judged) => [judged.name, judged]));
  const judged = objects.gateways.flatMap((gateway) => {
    const judgedClass = ours.get(gateway.spec.gatewayClassName);
    return judgedClass === undefined ? [] : [judgeGateway(objects, judgedClass, rules, gateway)];
  });
  return withOverlaps(judged);
}

function judgeGateway(
  objects: ObjectIndex,
  judgedClass: JudgedClass,
  rules: GatewayRules,
  gateway: Gateway,
): JudgedGateway {
  const { plane, dataPlane, refusals: unclear } = judgeParameters(objects, judgedClass, rules, gateway);
  const parameters = dataPlane?.spec ?? defaultDataPlane(plane.engine);
  const refusals = [
    ...unsupportedAddresses(rules.site, plane, parameters, gateway),
    ...unsupportedFields(gateway),
    ...unclear,
  ];
  const conflicts = findConflicts(gateway.spec.listeners);
  const listeners = gateway.spec.listeners.map((listener) => {
    const within = conflicts.get(listener.name);
    const free = refusals.length === 0 && within === undefined;
    const place = placeOf(plane, gateway, listener);
    const across = free ? rules.ports.claim(place, gateway, listener) : undefined;
    const conflict = { within, across };
    const judged = judgeListener(objects, rules.checkCertificate, plane.engine, place, gateway, listener, conflict);
    return refusals.length === 0 ? judged : { ...judged, usable: false };
  });
  const accepted = refusals.length === 0 ? judgeListeners(listeners) : condition("Accepted", refusals);
  const isRefused = refusals.length > 0;
  return {
    gateway,
    owner: `Gateway ${keyOf(gateway.metadata)}`,
    plane,
    dataPlane,
    parameters,
    isRefused,
    conditions: [accepted],
    listeners,
  };
}

/** A Gateway's own DataPlane goes before its class's (GatewayInfrastructure.parametersRef). */
function judgeParameters(
  objects: ObjectIndex,
  judgedClass: JudgedClass,
  { site, options }: GatewayRules,
  { metadata, spec }: Gateway,
): Pick<JudgedGateway, "plane" | "dataPlane"> & { readonly refusals: readonly Refusal[] } {
  const ref = spec.infrastructure?.parametersRef;
  const own = findParameters(objects, ref && { ...ref, namespace: metadata.namespace });
  if (typeof own !== "object") {
    const refusals = own === undefined ? [] : [{ reason: "InvalidParameters", message: own }];
    return { plane: judgedClass.plane, dataPlane: judgedClass.dataPlane, refusals };
  }
  const plane = planeOf(site, own.spec.engine, own);
  const others = plane.isDedicated
    ? options.claim(plane, own, `Gateway ${keyOf(metadata)}`)
    : options.compare(plane, own);
  return { plane, dataPlane: own, refusals: others === undefined ? [] : [others] };
}

/** Accepted as long as one listener is; the reason tells when others are not. */
function judgeListeners(listeners: readonly JudgedListener[]): Condition {
  const invalid = listeners.filter(({ conditions }) =>
    conditions.some(({ type, status }) => type === "Accepted" && status === "False"),
  );
  if (invalid.length === 0) return condition("Accepted", []);
  const names = invalid.map(({ listener }) => listener.name).join(", ");
  const status = invalid.length === listeners.length ? "False" : "True";
  return { type: "Accepted", status, reason: "ListenersNotValid", message: `not accepted: ${names}` };
}

/** On a machine sockets are bound to the addresses; in a cluster a load balancer may be asked for one. */
function unsupportedAddresses(
  site: Site,
  { ports }: Plane,
  { service }: DataPlane["spec"],
  gateway: Gateway,
): Refusal[] {
  const asked = askedAddresses(gateway).length;
  const canAsk = service.type === "LoadBalancer" && ports === "own";
  if (site === "cluster" && asked > (canAsk ? 1 : 0)) {
    const message = "addresses: one can be asked for, of a Service of type LoadBalancer";
    return [{ reason: "UnsupportedAddress", message }];
  }
  return (gateway.spec.addresses ?? []).flatMap(({ type, value = "" }) => {
    if (type === "IPAddress" && (value === "" || isIP(value) !== 0)) return [];
    const what =
      type === "IPAddress"
        ? `an IPAddress needs an IPv4 or IPv6 value, not "${value}"`
        : `type ${type} is not supported`;
    return [{ reason: "UnsupportedAddress", message: `addresses: ${what}` }];
  });
}

/** Fields of a Gateway that are honoured; the others refuse it. */
const HONOURED = new Set(["gatewayClassName", "listeners", "addresses", "infrastructure"]);

function unsupportedFields({ spec }: Gateway): Refusal[] {
  return Object.keys(spec)
    .filter((field) => !HONOURED.has(field))
    .filter((field) => !(field === "allowedListeners" && spec.allowedListeners?.namespaces.from === "None"))
    .map((field) => ({ reason: "Invalid", message: `spec.${field} is not supported` }));
}
