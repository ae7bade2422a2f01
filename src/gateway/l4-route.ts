import type { TcpRoute } from "#src/resource/tcp-route.ts";
import type { UdpRoute } from "#src/resource/udp-route.ts";
import type { Attachment, Parents } from "./attachment.ts";
import { type Condition, type Refusal, ROUTE_PROGRAMMED } from "./condition.ts";
import type { JudgedListener } from "./listener.ts";
import { keyOf } from "./object-index.ts";
import { type JudgedBackend, judgeBackends, type JudgedParents, judgeParents } from "./route.ts";

export interface JudgedL4Route extends JudgedParents {
  readonly route: TcpRoute | UdpRoute;
  readonly backends: readonly JudgedBackend[];
  /** Of the listeners that it is attached to the ones whose connections are its. */
  readonly carriers: readonly JudgedListener[];
}

/**
 * Judges the TCPRoutes or UDPRoutes, which must be in order of age. Nothing in a connection tells one route from
 * another, so a listener carries one: the oldest (Gateway API's guide, "Conflicts"). Younger ones are accepted and
 * attached all the same: that follows from AllowedRoutes and ParentRefs alone (ListenerStatus.attachedRoutes).
 */
export function judgeL4Routes(parents: Parents, routes: readonly (TcpRoute | UdpRoute)[]): JudgedL4Route[] {
  const holders = new Map<string, string>();
  return routes.map((route) => {
    const { metadata, spec, kind } = route;
    const { namespace } = metadata;
    const unresolved: Refusal[] = [];
    const refs = spec.rules[0]?.backendRefs ?? [];
    const backends = judgeBackends(parents.objects, kind, namespace, refs, unresolved);
    const facts = { kind, namespace, parentRefs: spec.parentRefs ?? [], hostnames: [], refused: [], unresolved };
    const name = `${kind} ${keyOf(metadata)}`;
    const judged = judgeParents(parents, facts, (attached) => claimListeners(holders, name, attached));
    const carriers = judged.attachments.map(({ listener }) => listener).filter(({ id }) => holders.get(id) === name);
    return { route, backends, ...judged, carriers };
  });
}

/** Takes the listeners that no older route has; a condition when that is none of them. */
function claimListeners(holders: Map<string, string>, name: string, attached: readonly Attachment[]): Condition[] {
  const free = attached.filter(({ listener }) => (holders.get(listener.id) ?? name) === name);
  for (const { listener } of free) holders.set(listener.id, name);
  if (free.length > 0) return [];
  const taken = attached.map(({ listener: { id } }) => `listener ${id} carries ${holders.get(id)!}, which is older`);
  return [{ type: ROUTE_PROGRAMMED, status: "False", reason: "Conflicted", message: taken.join("; ") }];
}
