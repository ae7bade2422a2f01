import type { Condition, Verdict } from "#src/gateway/condition.ts";
import type { ParentRef } from "#src/resource/route.ts";

/** One line of what `fairway check` prints: an object, a listener of a Gateway, or a route at one of its parents. */
export interface VerdictRow {
  /** `HTTPRoute`. */
  readonly kind: string;
  /** `shop/cart`; of the cluster without a namespace. */
  readonly name: string;
  /** Listener, or parent as `Gateway NAMESPACE/NAME/SECTION`; "" for the object itself. */
  readonly part: string;
  /** Whether all is well. */
  readonly ok: boolean;
  /** The conditions that tell, `Accepted` or `ResolvedRefs=False(BackendNotFound)`. */
  readonly verdict: string;
  /** Sentences of what is not well, "" when all is. */
  readonly message: string;
}

/** Lays verdicts out as rows, in their order. */
export function toRows(verdicts: readonly Verdict[]): VerdictRow[] {
  return verdicts.flatMap((verdict) => {
    const { kind } = verdict;
    const name = verdict.namespace === "" ? verdict.name : `${verdict.namespace}/${verdict.name}`;
    if ("parents" in verdict) {
      return verdict.parents.map(({ parentRef, conditions }) =>
        toRow(kind, name, parentName(parentRef, verdict.namespace), conditions),
      );
    }
    const own = toRow(kind, name, "", verdict.conditions);
    if (!("listeners" in verdict)) return [own];
    const listeners = verdict.listeners.map((listener) => {
      const row = toRow(kind, name, listener.name, listener.conditions);
      return { ...row, verdict: `${row.verdict}, ${listener.attachedRoutes} attached` };
    });
    return [own, ...listeners];
  });
}

function parentName({ kind, namespace, name, sectionName, port }: ParentRef, routeNamespace: string): string {
  const section = sectionName === undefined ? "" : `/${sectionName}`;
  return `${kind} ${namespace ?? routeNamespace}/${name}${section}${port === undefined ? "" : `:${port}`}`;
}

function toRow(kind: string, name: string, part: string, conditions: readonly Condition[]): VerdictRow {
  const bad = conditions.filter((condition) => !isWell(condition));
  const verdict =
    bad.length === 0 ? "Accepted" : bad.map(({ type, status, reason }) => `${type}=${status}(${reason})`).join(", ");
  return { kind, name, part, ok: bad.length === 0, verdict, message: bad.map(({ message }) => message).join("; ") };
}

/**
 * Conflicted, PartiallyInvalid and Degraded are well when false; Accepted only when nothing below is refused either. Listeners whose
 * TLS overlaps are kept apart: it is a hint why requests get 421.
 */
function isWell({ type, status, reason }: Condition): boolean {
  if (type === "OverlappingTLSConfig") return true;
  if (type === "Conflicted" || type === "PartiallyInvalid" || type === "Degraded") return status === "False";
  return status === "True" && reason !== "ListenersNotValid";
}
