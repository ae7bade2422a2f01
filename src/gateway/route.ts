import type { BackendRef, ParentRef } from "#src/resource/route.ts";
import { attach, type Attachment, type Parents } from "./attachment.ts";
import { type BackendTarget, resolveBackendRef } from "./backend-ref.ts";
import { CONTROLLER_NAME, condition, type Condition, type ParentVerdict, type Refusal } from "./condition.ts";
import type { RouteKind } from "./listener.ts";
import type { ObjectIndex } from "./object-index.ts";

/** A backend of a rule; undefined where the reference does not resolve: its share of requests fails. */
export interface JudgedBackend {
  readonly target: BackendTarget | undefined;
  readonly weight: number;
}

/** Where a route is attached, and what its status says of each parent of ours. */
export interface JudgedParents {
  readonly attachments: readonly Attachment[];
  readonly parents: readonly ParentVerdict[];
  /** References to Gateways that do not exist. */
  readonly missing: readonly ParentRef[];
}

/** Resolves the backend references of a rule; reasons of those that do not resolve go to `unresolved`. */
export function judgeBackends(
  objects: ObjectIndex,
  kind: RouteKind,
  namespace: string,
  refs: readonly BackendRef[],
  unresolved: Refusal[],
): JudgedBackend[] {
  return refs.map((ref) => {
    const target = resolveBackendRef(objects, kind, namespace, ref);
    if (!("reason" in target)) return { target, weight: ref.weight };
    unresolved.push(target);
    return { target: undefined, weight: ref.weight };
  });
}

interface RouteFacts {
  readonly kind: RouteKind;
  readonly namespace: string;
  readonly parentRefs: readonly ParentRef[];
  readonly hostnames: readonly string[];
  /** Why no parent can accept the route, if so. */
  readonly refused: readonly Refusal[];
  readonly unresolved: readonly Refusal[];
}

/**
 * Attaches a route to all its parents. `more` are conditions beside Accepted and ResolvedRefs, for parents that accept;
 * parents that are not ours get no verdict.
 */
export function judgeParents(
  parents: Parents,
  route: RouteFacts,
  more: (attached: readonly Attachment[]) => readonly Condition[],
): JudgedParents {
  const attachments = new Map<string, Attachment>();
  const verdicts: ParentVerdict[] = [];
  const missing: ParentRef[] = [];
  for (const parentRef of route.parentRefs) {
    const outcome = attach(parents, parentRef, route.kind, route.namespace, route.hostnames);
    if (outcome === "foreign") continue;
    if (outcome === "missing") {
      missing.push(parentRef);
      continue;
    }
    const refusals = [...route.refused];
    if ("reason" in outcome && refusals.length === 0) refusals.push(outcome);
    const attached = "reason" in outcome || refusals.length > 0 ? [] : outcome;
    for (const attachment of attached) attachments.set(attachment.listener.id, attachment);
    verdicts.push({
      parentRef,
      controllerName: CONTROLLER_NAME,
      conditions: [
        condition("Accepted", refusals),
        condition("ResolvedRefs", route.unresolved),
        ...(refusals.length === 0 ? more(attached) : []),
      ],
    });
  }
  return { attachments: [...attachments.values()], parents: verdicts, missing };
}
