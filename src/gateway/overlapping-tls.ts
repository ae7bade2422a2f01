/**
 * Which HTTPS listeners of one port have host names in common, whatever their Gateways (Gateway API's condition
 * OverlappingTLSConfig): a client may use a connection for one of them again for a host of the other, and gets 421.
 */
import type { Condition } from "./condition.ts";
import type { JudgedGateway } from "./gateway.ts";
import type { JudgedListener } from "./listener.ts";

/** The Gateways, with the condition on each carried listener that overlaps with another. */
export function withOverlaps(gateways: readonly JudgedGateway[]): JudgedGateway[] {
  const secure = gateways.flatMap(({ listeners }) =>
    listeners.filter(({ usable, protocol }) => usable && protocol === "HTTPS"),
  );
  const overlaps = new Map<JudgedListener, JudgedListener>();
  for (const [, listeners] of Map.groupBy(secure, ({ place }) => place)) {
    findOverlaps(listeners, overlaps);
  }
  if (overlaps.size === 0) return gateways.slice();
  return gateways.map((judged) => ({
    ...judged,
    listeners: judged.listeners.map((listener) => {
      const other = overlaps.get(listener);
      if (other === undefined) return listener;
      return { ...listener, conditions: [...listener.conditions, overlapping(listener, other)] };
    }),
  }));
}

/** Adds one other for each listener that overlaps. Host names of one port are different (conflict.ts). */
function findOverlaps(listeners: readonly JudgedListener[], overlaps: Map<JudgedListener, JudgedListener>): void {
  const byHost = new Map(listeners.map((listener) => [hostOf(listener), listener]));
  for (const listener of listeners) {
    for (const wider of widerThan(hostOf(listener))) {
      const other = byHost.get(wider);
      if (other === undefined) continue;
      if (!overlaps.has(listener)) overlaps.set(listener, other);
      if (!overlaps.has(other)) overlaps.set(other, listener);
    }
  }
}

/** The patterns that match all that a host name or a wildcard does, the nearest first: `*.test` and "" for `*.b.test`. */
function widerThan(host: string): string[] {
  if (host === "") return [];
  const labels = host.replace(/^\*\./, "").split(".");
  return [...labels.slice(1).map((_label, i) => `*.${labels.slice(i + 1).join(".")}`), ""];
}

const hostOf = ({ listener }: JudgedListener): string => (listener.hostname ?? "").toLowerCase();

const shownHost = (listener: JudgedListener): string => hostOf(listener) || "every host";

function overlapping(listener: JudgedListener, other: JudgedListener): Condition {
  return {
    type: "OverlappingTLSConfig",
    status: "True",
    reason: "OverlappingHostnames",
    message: `${shownHost(listener)} overlaps with ${shownHost(other)} of listener ${other.id}`,
  };
}
