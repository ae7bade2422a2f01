/** The status of objects, as patches of what is there: verdicts of translation, and what data planes have acknowledged. */
import { isDeepStrictEqual } from "node:util";
import type { ParentRef } from "#src/resource/route.ts";
import { CONTROLLER_NAME, type Condition, type ListenerVerdict, ROUTE_PROGRAMMED, type Verdict } from "./condition.ts";
import type { StatusFacts } from "./observed.ts";
import { notProgrammed, type Programmed, programmedFacts, type ProgrammedFacts, programmedOf } from "./programmed.ts";
import { mergeConditions, type StatusCondition } from "./status-conditions.ts";

/** An object with the status that the API server has. */
export interface CurrentObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** "" for objects of the cluster. */
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly status: CurrentStatus | undefined;
}

/** Of the status of all kinds, what is read here. */
export interface CurrentStatus {
  readonly conditions?: readonly StatusCondition[];
  readonly listeners?: readonly { readonly name: string; readonly conditions?: readonly StatusCondition[] }[];
  readonly parents?: readonly CurrentParent[];
}

interface CurrentParent {
  readonly parentRef: ParentRef;
  readonly controllerName: string;
  readonly conditions?: readonly StatusCondition[];
}

/** For a merge patch (RFC 7396) of the status subresource, with the resourceVersion as its precondition. */
export interface StatusPatch extends Omit<CurrentObject, "status"> {
  readonly status: Readonly<Record<string, unknown>>;
}

export interface StatusOutcome {
  readonly patches: readonly StatusPatch[];
  /** When to ask again though nothing has changed, in milliseconds since 1970: pods may acknowledge until then. */
  readonly wakeAt: number | undefined;
}

/** RouteStatus.parents. */
const MAX_PARENTS = 32;
/** GatewayStatus.addresses. */
const MAX_ADDRESSES = 16;

/** What is to be written of the objects in `current`; nothing for what is right, not ours, or waits for pods. */
export function status(
  verdicts: readonly Verdict[],
  facts: StatusFacts,
  current: readonly CurrentObject[],
  now: number,
): StatusOutcome {
  const byName = new Map(verdicts.map((verdict) => [nameOf(verdict), verdict]));
  const writer: Writer = { facts, programmed: programmedFacts(facts), now };
  const patches: StatusPatch[] = [];
  let wakeAt: number | undefined;
  for (const object of current) {
    const verdict = byName.get(nameOf(object)) ?? withoutParents(object);
    if (verdict === undefined) continue;
    const { status: next, until } = statusOf(writer, verdict, object.status ?? {});
    if (isWritten(next, object.status)) continue;
    if (until !== undefined && now < until) wakeAt = Math.min(wakeAt ?? until, until);
    else patches.push(patchOf(object, next));
  }
  return { patches, wakeAt };
}

interface Writer {
  readonly facts: StatusFacts;
  readonly programmed: ProgrammedFacts;
  readonly now: number;
}

interface Next {
  readonly status: Readonly<Record<string, unknown>>;
  readonly until: number | undefined;
}

/** `HTTPRoute shop/cart`, `GatewayClass /fairway`. */
function nameOf({ kind, namespace, name }: Pick<CurrentObject, "kind" | "namespace" | "name">): string {
  return `${kind} ${namespace}/${name}`;
}

/** A route without a parent of ours: what we have once said of it is to go. */
function withoutParents({ kind, namespace, name }: CurrentObject): Verdict | undefined {
  if (kind !== "HTTPRoute" && kind !== "TCPRoute" && kind !== "UDPRoute") return undefined;
  return { kind, namespace, name, generation: 0, parents: [] };
}

function statusOf(writer: Writer, verdict: Verdict, current: CurrentStatus): Next {
  if ("parents" in verdict) return routeStatus(writer, verdict, current);
  if (verdict.kind === "Gateway") return gatewayStatus(writer, verdict, current);
  const { conditions, generation } = verdict;
  if (verdict.kind === "GatewayClass") {
    return {
      status: {
        conditions: mergeConditions(conditions, current.conditions ?? [], generation, writer.now),
        supportedFeatures: verdict.supportedFeatures.map((name) => ({ name })),
      },
      until: undefined,
    };
  }
  if (verdict.kind === "Ingress") return { status: { loadBalancer: loadBalancerOf(writer.facts) }, until: undefined };
  const { condition, until } = ownProgrammed(writer, verdict);
  const all = [...conditions, condition];
  return { status: { conditions: mergeConditions(all, current.conditions ?? [], generation, writer.now) }, until };
}

/** Ingress.status.loadBalancer: all of them are reached at one place. */
function loadBalancerOf({ addresses }: StatusFacts): object {
  const known = addresses.get("Ingress") ?? [];
  if ("reason" in known) return { ingress: [] };
  return { ingress: known.map(({ type, value }) => (type === "IPAddress" ? { ip: value } : { hostname: value })) };
}

/** Of a kind of ours. */
function ownProgrammed(
  { facts, programmed }: Writer,
  verdict: Extract<Verdict, { kind: "Zone" | "Backend" | "DataPlane" }>,
): Programmed {
  if (!isAccepted(verdict.conditions)) return notProgrammed("Programmed", "Invalid", "it is not accepted");
  const carried = facts.carried.get(nameOf(verdict)) ?? [];
  if (carried.length === 0) return notProgrammed("Programmed", "Unused", "nothing refers to it");
  return programmedOf("Programmed", carried, programmed);
}

function gatewayStatus(writer: Writer, verdict: Extract<Verdict, { kind: "Gateway" }>, current: CurrentStatus): Next {
  const { generation, conditions } = verdict;
  const listeners = verdict.listeners.map((listener) => ({
    listener,
    programmed: listenerProgrammed(writer, `${nameOf(verdict)}/${listener.name}`),
  }));
  const addresses = writer.facts.addresses.get(nameOf(verdict)) ?? [];
  const whole = gatewayProgrammed(
    verdict,
    listeners.map(({ programmed }) => programmed),
    addresses,
  );
  const merge = (own: readonly Condition[], known: readonly StatusCondition[] = []): StatusCondition[] =>
    mergeConditions(own, known, generation, writer.now);
  return {
    status: {
      addresses: "reason" in addresses ? [] : addresses.slice(0, MAX_ADDRESSES),
      conditions: merge([...conditions, whole.condition], current.conditions),
      listeners: listeners.map(({ listener, programmed }) => ({
        ...listenerFacts(listener),
        conditions: merge(
          [...listener.conditions, programmed.condition],
          current.listeners?.find(({ name }) => name === listener.name)?.conditions,
        ),
      })),
    },
    until: latest(listeners.map(({ programmed }) => programmed.until)),
  };
}

function listenerFacts({ name, supportedKinds, attachedRoutes }: ListenerVerdict): Omit<ListenerVerdict, "conditions"> {
  return { name, supportedKinds, attachedRoutes };
}

function listenerProgrammed({ facts, programmed }: Writer, name: string): Programmed {
  const carried = facts.carried.get(name) ?? [];
  if (carried.length === 0) return notProgrammed("Programmed", "Invalid", "it is not carried");
  return programmedOf("Programmed", carried, programmed);
}

/** Of the whole: in use with an address, and with all of its listeners that are carried, at least one. */
function gatewayProgrammed(
  { conditions }: Extract<Verdict, { kind: "Gateway" }>,
  listeners: readonly Programmed[],
  addresses: NonNullable<ReturnType<StatusFacts["addresses"]["get"]>>,
): Programmed {
  if (!isAccepted(conditions)) return notProgrammed("Programmed", "Invalid", "it is not accepted");
  const carried = listeners.filter(({ condition }) => condition.reason !== "Invalid");
  if (carried.length === 0)
    return notProgrammed("Programmed", "Invalid", listeners.map(({ condition }) => condition.message).join("; "));
  if ("reason" in addresses) return notProgrammed("Programmed", addresses.reason, addresses.message);
  if (addresses.length === 0)
    return notProgrammed("Programmed", "AddressNotAssigned", "its Service has no address yet");
  const pending = carried.find(({ condition }) => condition.status !== "True");
  return pending ?? { condition: carried[0]!.condition, until: undefined };
}

function routeStatus(
  { facts, programmed, now }: Writer,
  verdict: Extract<Verdict, { parents: unknown }>,
  current: CurrentStatus,
): Next {
  const known = current.parents ?? [];
  const others = known.filter(({ controllerName }) => controllerName !== CONTROLLER_NAME);
  const carried = facts.carried.get(nameOf(verdict)) ?? [];
  const use = programmedOf(ROUTE_PROGRAMMED, carried, programmed);
  let isShown = false;
  const own = verdict.parents.slice(0, MAX_PARENTS - others.length).map(({ parentRef, controllerName, conditions }) => {
    const before = known.find(
      (parent) => parent.controllerName === CONTROLLER_NAME && isDeepStrictEqual(parent.parentRef, parentRef),
    );
    // Where an older route is carried in its stead, that is known already.
    const isKnown = conditions.some(({ type }) => type === ROUTE_PROGRAMMED);
    const shows = carried.length > 0 && isAccepted(conditions) && !isKnown;
    isShown ||= shows;
    const all = shows ? [...conditions, use.condition] : conditions;
    return {
      parentRef,
      controllerName,
      conditions: mergeConditions(all, before?.conditions ?? [], verdict.generation, now),
    };
  });
  return { status: { parents: [...others, ...own] }, until: isShown ? use.until : undefined };
}

function isAccepted(conditions: readonly Condition[]): boolean {
  return conditions.some(({ type, status: value }) => type === "Accepted" && value === "True");
}

/** Whether the fields are as they should be; a list that is not there is an empty one. */
function isWritten(next: Readonly<Record<string, unknown>>, current: object | undefined): boolean {
  const known: Readonly<Record<string, unknown>> = { ...current };
  return Object.entries(next).every(([field, value]) => {
    const before = known[field];
    if (Array.isArray(value)) return isDeepStrictEqual(before ?? [], value);
    return isRecord(value) ? isWritten(value, isRecord(before) ? before : undefined) : before === value;
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function patchOf(
  { apiVersion, kind, namespace, name, resourceVersion }: CurrentObject,
  next: Next["status"],
): StatusPatch {
  return { apiVersion, kind, namespace, name, resourceVersion, status: next };
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
