import type { Engine, ListenerConfig, PortConfig } from "#src/config/model.ts";
import { askedAddresses } from "#src/gateway/asked-address.ts";
import type { JudgedGateway } from "#src/gateway/gateway.ts";
import type { JudgedListener } from "#src/gateway/listener.ts";
import { compareText, keyOf } from "#src/gateway/object-index.ts";
import { type Allocation, portKey, type Transport } from "./allocation.ts";

/** `certificate/NAMESPACE/NAME`. */
export function certificateKey(secret: string): string {
  return `certificate/${secret}`;
}

/** Where a listener is carried. */
export interface Placement {
  readonly listener: JudgedListener;
  /** Plane.id. */
  readonly plane: string;
  readonly port: number;
  /** Addresses to bind, none for those that the service binds by default. */
  readonly addresses: readonly string[];
}

export function transportOf({ protocol }: { readonly protocol: string }): Transport {
  return protocol === "UDP" ? "UDP" : "TCP";
}

/** On a machine a listener's port is bound as it is. */
export function placeOnMachine(gateways: readonly JudgedGateway[]): Placement[] {
  return gateways.flatMap(({ gateway, plane, listeners }) => {
    const addresses = askedAddresses(gateway);
    return listeners
      .filter(({ usable }) => usable)
      .map((listener) => ({ listener, plane: plane.id, port: listener.listener.port, addresses }));
  });
}

/** In a cluster it is at the ports that are allocated to it; those that are closing have no listeners any more. */
export function placeInCluster(gateways: readonly JudgedGateway[], allocations: readonly Allocation[]): Placement[] {
  const places = Map.groupBy(
    allocations.filter(({ state }) => state === "current" || state === "superseded"),
    ({ owner, transport, publicPort }) => `${owner} ${transport} ${publicPort}`,
  );
  return gateways.flatMap(({ owner, listeners }) =>
    listeners
      .filter(({ usable }) => usable)
      .flatMap((listener) => {
        const { port, protocol } = listener.listener;
        const found = places.get(`${owner} ${transportOf({ protocol })} ${port}`) ?? [];
        return found.map((place) => ({ listener, plane: place.plane, port: place.port, addresses: [] }));
      }),
  );
}

/** One entry for each port of each plane, with the listeners that are carried, by key. */
export function translatePorts(placements: readonly Placement[]): Map<string, PortConfig> {
  const groups = Map.groupBy(placements, ({ plane, port, listener }) =>
    portKey({ plane, transport: transportOf(listener.listener), port }),
  );
  const ports = new Map<string, PortConfig>();
  for (const [key, group] of groups) {
    const { plane, port, addresses, listener } = group[0]!;
    if (listener.protocol === undefined) continue;
    ports.set(key, {
      kind: "port",
      engine: engineOf(plane),
      port,
      publicPort: listener.listener.port,
      protocol: listener.protocol,
      addresses,
      listeners: group.map((each) => translateListener(each.listener)).toSorted((x, y) => compareText(x.id, y.id)),
    });
  }
  return ports;
}

function translateListener({ id, gateway, listener, certificates }: JudgedListener): ListenerConfig {
  return {
    id,
    gateway: keyOf(gateway.metadata),
    hostname: (listener.hostname ?? "").toLowerCase(),
    certificates: certificates.map(certificateKey),
  };
}

function engineOf(plane: string): Engine {
  return plane.split("/")[0] === "edge" ? "edge" : "balancer";
}
