import { isIP } from "node:net";
import type { Gateway } from "#src/resource/gateway.ts";
import type { CheckCertificate } from "./certificate.ts";
import { condition, type Condition, type Refusal } from "./condition.ts";
import { findConflicts, makePortTable, type PortTable } from "./conflict.ts";
import type { JudgedClass } from "./gateway-class.ts";
import { judgeListener, type JudgedListener } from "./listener.ts";
import type { ObjectIndex } from "./object-index.ts";
import { withOverlaps } from "./overlapping-tls.ts";

/** A Gateway of one of our classes. */
export interface JudgedGateway {
  readonly gateway: Gateway;
  readonly conditions: readonly Condition[];
  readonly listeners: readonly JudgedListener[];
}

/** Judges the Gateways of accepted classes of ours, in order of age; ports go to the older. */
export function judgeGateways(
  objects: ObjectIndex,
  classes: readonly JudgedClass[],
  checkCertificate: CheckCertificate,
): JudgedGateway[] {
  const ours = new Map(classes.filter(({ accepted }) => accepted).map((judged) => [judged.name, judged]));
  const ports = makePortTable();
  const judged = objects.gateways.flatMap((gateway) => {
    const judgedClass = ours.get(gateway.spec.gatewayClassName);
    return judgedClass === undefined ? [] : [judgeGateway(objects, judgedClass, checkCertificate, ports, gateway)];
  });
  return withOverlaps(judged);
}

function judgeGateway(
  objects: ObjectIndex,
  { engine }: JudgedClass,
  checkCertificate: CheckCertificate,
  ports: PortTable,
  gateway: Gateway,
): JudgedGateway {
  const refusals = [...unsupportedAddresses(gateway), ...unsupportedFields(gateway)];
  const conflicts = findConflicts(gateway.spec.listeners);
  const listeners = gateway.spec.listeners.map((listener) => {
    const within = conflicts.get(listener.name);
    const free = refusals.length === 0 && within === undefined;
    const across = free ? ports.claim(engine, gateway, listener) : undefined;
    const judged = judgeListener(objects, checkCertificate, engine, gateway, listener, { within, across });
    return refusals.length === 0 ? judged : { ...judged, usable: false };
  });
  const accepted = refusals.length === 0 ? judgeListeners(listeners) : condition("Accepted", refusals);
  return { gateway, conditions: [accepted], listeners };
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

function unsupportedAddresses({ spec }: Gateway): Refusal[] {
  return (spec.addresses ?? []).flatMap(({ type, value }) => {
    if (type === "IPAddress" && value !== undefined && isIP(value) !== 0) return [];
    const what =
      type === "IPAddress"
        ? `an IPAddress needs an IPv4 or IPv6 value, not "${value ?? ""}"`
        : `type ${type} is not supported`;
    return [{ reason: "UnsupportedAddress", message: `addresses: ${what}` }];
  });
}

/** Fields of a Gateway that are honoured; the others refuse it. */
const HONOURED = new Set(["gatewayClassName", "listeners", "addresses"]);

function unsupportedFields({ spec }: Gateway): Refusal[] {
  return Object.keys(spec)
    .filter((field) => !HONOURED.has(field))
    .filter((field) => !(field === "allowedListeners" && spec.allowedListeners?.namespaces.from === "None"))
    .map((field) => ({ reason: "Invalid", message: `spec.${field} is not supported` }));
}
