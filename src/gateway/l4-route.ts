import type { TcpRoute } from "#src/resource/tcp-route.ts";
import type { UdpRoute } from "#src/resource/udp-route.ts";
import type { Attachment, Parents } from "./attachment.ts";
import type { Refusal } from "./condition.ts";
import { keyOf } from "./object-index.ts";
import { type JudgedBackend, judgeBackends, type JudgedParents, judgeParents } from "./route.ts";

export interface JudgedL4Route extends JudgedParents {
  readonly route: TcpRoute | UdpRoute;
  readonly backends: readonly JudgedBackend[];
}

/**
 * Judges the TCPRoutes or UDPRoutes, which must be in order of age. Nothing in a connection tells one route from
 * another, so a listener carries one: the oldest.
 */
export function judgeL4Routes(parents: Parents, routes: readonly (TcpRoute | UdpRoute)[]): JudgedL4Route[] {
  const holders = new Map<string, string>();
  return routes.map((route) => {
    const { metadata, spec, kind } = route;
    const name = keyOf(metadata);
    const unresolved: Refusal[] = [];
    const backends = judgeBackends(
      parents.objects,
      kind,
      metadata.namespace,
      spec.rules[0]?.backendRefs ?? [],
      unresolved,
    );
    const facts = {
      kind,
      namespace: metadata.namespace,
      parentRefs: spec.parentRefs ?? [],
      hostnames: [],
      refused: [],
      unresolved,
      more: [],
    };
    const admit = (attached: readonly Attachment[]): readonly Attachment[] | Refusal => {
      const free = attached.filter(({ listener }) => (holders.get(listener.id) ?? name) === name);
      for (const { listener } of free) holders.set(listener.id, name);
      if (free.length > 0) return free;
      const { listener } = attached[0]!;
      return {
        reason: "NotAllowedByListeners",
        message: `listener ${listener.id} carries ${kind} ${holders.get(listener.id)!}, and only one`,
      };
    };
    return { route, backends, ...judgeParents(parents, facts, admit) };
  });
}
