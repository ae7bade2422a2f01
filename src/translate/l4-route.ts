import type { L4RouteConfig } from "#src/config/model.ts";
import type { BackendTarget } from "#src/gateway/backend-ref.ts";
import type { JudgedL4Route } from "#src/gateway/l4-route.ts";
import { keyOf } from "#src/gateway/object-index.ts";
import { translateBackends } from "./backend.ts";

/** A judged TCPRoute's or UDPRoute's entry; undefined when no listener carries it. */
export function translateL4Route(
  { route, carriers, backends }: JudgedL4Route,
  targets: Map<string, BackendTarget>,
): L4RouteConfig | undefined {
  const listeners = carriers.filter(({ usable }) => usable).map(({ id }) => id);
  if (listeners.length === 0) return undefined;
  return {
    kind: "l4Route",
    protocol: route.kind === "TCPRoute" ? "TCP" : "UDP",
    id: keyOf(route.metadata),
    createdAt: route.metadata.creationTimestamp,
    listeners: listeners.toSorted(),
    backends: translateBackends(backends, targets),
  };
}
