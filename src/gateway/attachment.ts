import type { ParentRef } from "#src/resource/route.ts";
import type { Refusal } from "./condition.ts";
import type { JudgedGateway } from "./gateway.ts";
import { intersectHostnames } from "./hostname.ts";
import { allowsRoute, type JudgedListener, type RouteKind } from "./listener.ts";
import { keyOf, type ObjectIndex } from "./object-index.ts";

/** One listener that a parent reference attaches a route to. */
export interface Attachment {
  readonly listener: JudgedListener;
  /** Shared host names (see intersectHostnames); [""] for TCP and UDP. */
  readonly hostnames: readonly string[];
}

/** What routes attach to, and what they may not. */
export interface Parents {
  readonly objects: ObjectIndex;
  /** Gateways of ours by `NAMESPACE/NAME`. */
  readonly gateways: ReadonlyMap<string, JudgedGateway>;
  /** Keys of all Gateways, whoever they belong to. */
  readonly known: ReadonlySet<string>;
}

/** "foreign": not ours to judge; "missing": there is no such Gateway; else what is attached, or why nothing is. */
export type AttachOutcome = readonly Attachment[] | Refusal | "foreign" | "missing";

export function makeParents(objects: ObjectIndex, gateways: readonly JudgedGateway[]): Parents {
  return {
    objects,
    gateways: new Map(gateways.map((judged) => [keyOf(judged.gateway.metadata), judged])),
    known: new Set(objects.gateways.map(({ metadata }) => keyOf(metadata))),
  };
}

/**
 * Attaches a route by one of its parent references: listeners of the named section and port, then those that allow
 * the route's kind and namespace, then those that share a host name with it. Which of the three leaves none gives
 * the reason.
 */
export function attach(
  { objects, gateways, known }: Parents,
  ref: ParentRef,
  kind: RouteKind,
  namespace: string,
  hostnames: readonly string[],
): AttachOutcome {
  if (ref.group !== "gateway.networking.k8s.io" || ref.kind !== "Gateway") return "foreign";
  const key = `${ref.namespace ?? namespace}/${ref.name}`;
  const judged = gateways.get(key);
  if (judged === undefined) return known.has(key) ? "foreign" : "missing";

  const named = judged.listeners.filter(
    ({ listener }) =>
      (ref.sectionName === undefined || ref.sectionName === listener.name) &&
      (ref.port === undefined || ref.port === listener.port),
  );
  if (named.length === 0) {
    return { reason: "NoMatchingParent", message: `Gateway ${key} has no listener with this sectionName and port` };
  }
  const allowing = named.filter((listener) => allowsRoute(objects, listener, kind, namespace));
  if (allowing.length === 0) {
    return {
      reason: "NotAllowedByListeners",
      message: `no listener of Gateway ${key} allows ${kind}s of namespace ${namespace}`,
    };
  }
  const attached: Attachment[] = [];
  for (const listener of allowing) {
    const shared = intersectHostnames(listener.listener.hostname ?? "", hostnames);
    if (shared.length > 0) attached.push({ listener, hostnames: shared });
  }
  if (attached.length > 0) return attached;
  return {
    reason: "NoMatchingListenerHostname",
    message: `no listener of Gateway ${key} shares a host name with the route`,
  };
}
