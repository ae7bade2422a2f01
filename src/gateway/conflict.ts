import type { Gateway, Listener } from "#src/resource/gateway.ts";
import { askedAddresses } from "./asked-address.ts";
import type { Refusal } from "./condition.ts";
import { compareText, keyOf } from "./object-index.ts";
import type { Plane } from "./plane.ts";

/**
 * Finds listeners of one Gateway that are not distinct, by name. Listeners of one port must have one protocol; those
 * of HTTP and HTTPS then different host names; TCP and UDP are two name spaces of ports. No winner is chosen: all
 * of them are in conflict (Gateway.spec.listeners, "Handling indistinct Listeners").
 */
export function findConflicts(listeners: readonly Listener[]): Map<string, Refusal> {
  const conflicts = new Map<string, Refusal>();
  for (const listener of listeners) {
    for (const other of listeners) {
      if (other === listener || conflicts.has(listener.name)) continue;
      const clash = compareListeners(listener, other);
      if (clash !== undefined)
        conflicts.set(listener.name, {
          reason: clash,
          message: `listener ${other.name} has the same port${MESSAGE[clash]}`,
        });
    }
  }
  return conflicts;
}

type Clash = "ProtocolConflict" | "HostnameConflict";

const MESSAGE: Readonly<Record<Clash, string>> = {
  ProtocolConflict: " with another protocol",
  HostnameConflict: " and host name",
};

function compareListeners(a: Listener, b: Listener): Clash | undefined {
  if (a.port !== b.port || transportOf(a) !== transportOf(b)) return undefined;
  if (a.protocol !== b.protocol) return "ProtocolConflict";
  return hostOf(a) === hostOf(b) ? "HostnameConflict" : undefined;
}

export function transportOf({ protocol }: Listener): "TCP" | "UDP" {
  return protocol === "UDP" ? "UDP" : "TCP";
}

function hostOf({ hostname }: Listener): string {
  return (hostname ?? "").toLowerCase();
}

/** What Gateways of all classes have taken, for those that come later. */
export interface PortTable {
  /**
   * Takes a listener's port, or says why it cannot be had: Gateways share the ports of a place (see placeOf), as long
   * as the protocol and the addresses are the same and the host name is free. The older Gateway comes first.
   */
  claim(place: string, gateway: Gateway, listener: Listener): Refusal | undefined;
}

/** Names the port that a listener is at: the same for all Gateways that share it. */
export function placeOf({ id, ports }: Plane, gateway: Gateway, listener: Listener): string {
  const place = `${id}/${transportOf(listener)}/${listener.port}`;
  return ports === "own" ? `${place} of ${keyOf(gateway.metadata)}` : place;
}

export function makePortTable(): PortTable {
  const ports = new Map<string, { readonly gateway: Gateway; readonly listener: Listener }[]>();
  return {
    claim(place, gateway, listener) {
      const holders = ports.get(place) ?? [];
      for (const holder of holders) {
        const reason = clashAcross(holder, { gateway, listener });
        if (reason === undefined) continue;
        const message = `port ${listener.port} is taken by Gateway ${keyOf(holder.gateway.metadata)} ${reason}`;
        return { reason: "PortUnavailable", message };
      }
      ports.set(place, [...holders, { gateway, listener }]);
      return undefined;
    },
  };
}

interface Claim {
  readonly gateway: Gateway;
  readonly listener: Listener;
}

function clashAcross(holder: Claim, claim: Claim): string | undefined {
  if (addressesOf(holder.gateway) !== addressesOf(claim.gateway)) return "with other addresses";
  if (holder.listener.protocol !== claim.listener.protocol) return `for ${holder.listener.protocol}`;
  if (hostOf(holder.listener) !== hostOf(claim.listener)) return undefined;
  return hostOf(claim.listener) === "" ? "for every host" : `for the same host name`;
}

function addressesOf(gateway: Gateway): string {
  return askedAddresses(gateway).toSorted(compareText).join(" ");
}
