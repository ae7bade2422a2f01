import type { ListenerConfig, PortConfig } from "#src/config/model.ts";
import type { JudgedGateway } from "#src/gateway/gateway.ts";
import type { JudgedListener } from "#src/gateway/listener.ts";
import { compareText, keyOf } from "#src/gateway/object-index.ts";

/** `certificate/NAMESPACE/NAME`. */
export function certificateKey(secret: string): string {
  return `certificate/${secret}`;
}

/** One entry for each port of each engine, with the listeners that are carried, by key. */
export function translatePorts(gateways: readonly JudgedGateway[]): Map<string, PortConfig> {
  const groups = Map.groupBy(
    gateways.flatMap(({ listeners }) => listeners.filter(({ usable }) => usable)),
    ({ engine, listener }) => `port/${engine}/${listener.protocol === "UDP" ? "UDP" : "TCP"}/${listener.port}`,
  );
  const ports = new Map<string, PortConfig>();
  for (const [key, [first, ...rest]] of groups) {
    if (first?.protocol === undefined) continue;
    ports.set(key, {
      kind: "port",
      engine: first.engine,
      port: first.listener.port,
      protocol: first.protocol,
      addresses: (first.gateway.spec.addresses ?? []).flatMap(({ value }) => value ?? []),
      listeners: [first, ...rest].map(translateListener).toSorted((a, b) => compareText(a.id, b.id)),
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
