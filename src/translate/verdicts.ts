import type { ListenerVerdict, Verdict } from "#src/gateway/condition.ts";
import { condition } from "#src/gateway/condition.ts";
import type { JudgedGateway } from "#src/gateway/gateway.ts";
import { toSupportedKinds } from "#src/gateway/listener.ts";
import type { ObjectIndex } from "#src/gateway/object-index.ts";
import type { JudgedParents } from "#src/gateway/route.ts";
import type { ObjectMeta } from "#src/resource/metadata.ts";

type RouteVerdict = Extract<Verdict, { kind: "HTTPRoute" | "TCPRoute" | "UDPRoute" }>;

/** A route together with what was judged of it. */
export interface JudgedRoute extends JudgedParents {
  readonly route: { readonly kind: RouteVerdict["kind"]; readonly metadata: ObjectMeta };
}

/** Verdicts of routes that have a parent of ours. */
export function routeVerdicts(routes: readonly JudgedRoute[]): RouteVerdict[] {
  return routes.flatMap(({ route: { kind, metadata }, parents }) =>
    parents.length === 0 ? [] : [{ kind, ...about(metadata), parents }],
  );
}

/** Verdicts of Gateways; a listener counts the accepted routes that are attached to it. */
export function gatewayVerdicts(gateways: readonly JudgedGateway[], routes: readonly JudgedRoute[]): Verdict[] {
  const attached = new Map<string, number>();
  for (const { attachments } of routes) {
    for (const { listener } of attachments) attached.set(listener.id, (attached.get(listener.id) ?? 0) + 1);
  }
  return gateways.map(({ gateway, conditions, listeners }) => ({
    kind: "Gateway",
    ...about(gateway.metadata),
    conditions,
    listeners: listeners.map(({ id, listener, routeKinds, conditions: own }): ListenerVerdict => ({
      name: listener.name,
      supportedKinds: toSupportedKinds(routeKinds),
      attachedRoutes: attached.get(id) ?? 0,
      conditions: own,
    })),
  }));
}

/** Verdicts of our own kinds that are right as soon as they are valid. */
export function ownVerdicts(objects: ObjectIndex): Verdict[] {
  const accepted = [condition("Accepted", [])];
  return [
    ...[...objects.dataPlanes.values()].map(({ metadata }): Verdict => ({
      kind: "DataPlane",
      ...about(metadata),
      conditions: accepted,
    })),
    ...[...objects.backends.values()].map(({ metadata }): Verdict => ({
      kind: "Backend",
      ...about(metadata),
      conditions: accepted,
    })),
  ];
}

function about({ namespace, name, generation }: ObjectMeta): { namespace: string; name: string; generation: number } {
  return { namespace, name, generation };
}
