import { isIP } from "node:net";
import type { DataPlane } from "#src/resource/data-plane.ts";
import { askedAddresses } from "#src/gateway/asked-address.ts";
import type { JudgedGateway } from "#src/gateway/gateway.ts";
import { compareText, type ObjectIndex } from "#src/gateway/object-index.ts";
import type { GatewayAddress } from "#src/gateway/observed.ts";
import type { Plane } from "#src/gateway/plane.ts";
import type { Service } from "#src/resource/service.ts";
import type { PortRequest, Transport } from "./allocation.ts";
import { objectName } from "./object-name.ts";
import { OWNER } from "./own-slice.ts";
import { transportOf } from "./port.ts";

/** What clients of a cluster reach a Gateway by: one Service. */
export interface Front {
  /** See PortRequest. */
  readonly owner: string;
  /** Undefined: of all Ingresses. */
  readonly gateway: { readonly name: string; readonly uid: string; readonly className: string } | undefined;
  /** Of its Service. */
  readonly namespace: string;
  readonly name: string;
  readonly plane: Plane;
  readonly parameters: DataPlane["spec"];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** That it asks for, "" for any. */
  readonly address: string;
  /** In order of number, then transport; never empty. */
  readonly ports: readonly FrontPort[];
  /** Whether a Service of this name is somebody else's: then nothing is made. */
  readonly isTaken: boolean;
  /** Where the Service is reached, by its own status; none as long as it is not known. */
  readonly addresses: readonly GatewayAddress[];
}

export interface FrontPort {
  readonly transport: Transport;
  readonly port: number;
  /** Service.spec.ports.appProtocol: `http`, `https`; "" for TCP and UDP. */
  readonly appProtocol: string;
  /** Whether listeners are carried there. */
  readonly isCarried: boolean;
}

/** Gateways that are accepted; a listener that cannot be carried for now keeps its port of the Service. */
export function frontsOf(objects: ObjectIndex, gateways: readonly JudgedGateway[]): Front[] {
  return gateways.flatMap((judged): Front[] => {
    const { gateway, owner, plane, parameters, isRefused } = judged;
    const ports = portsOf(judged);
    if (isRefused || ports.length === 0) return [];
    const { metadata, spec } = gateway;
    const name = objectName(`${metadata.name}-${spec.gatewayClassName}`);
    return [
      {
        owner,
        gateway: { name: metadata.name, uid: metadata.uid ?? "", className: spec.gatewayClassName },
        namespace: metadata.namespace,
        name,
        plane,
        parameters,
        labels: spec.infrastructure?.labels ?? {},
        annotations: spec.infrastructure?.annotations ?? {},
        address: askedAddresses(gateway)[0] ?? "",
        ports,
        ...serviceFacts(objects.services.get(`${metadata.namespace}/${name}`), owner),
        // Clients of host ports come to the nodes.
        ...(plane.ports === "listener" && { addresses: [] }),
      },
    ];
  });
}

/** Of all Ingresses together; both of their ports, though HTTPS be carried only with a certificate. */
export function ingressFronts(objects: ObjectIndex, carriers: readonly JudgedGateway[], home: string): Front[] {
  return carriers.map(({ owner, plane, parameters, listeners }) => ({
    owner,
    gateway: undefined,
    namespace: home,
    name: INGRESS_SERVICE,
    plane,
    parameters,
    labels: {},
    annotations: {},
    address: "",
    ports: (["http", "https"] as const).map((appProtocol) => ({
      transport: "TCP",
      port: CLUSTER_PORTS[appProtocol],
      appProtocol,
      isCarried: listeners.some(({ listener }) => listener.port === CLUSTER_PORTS[appProtocol]),
    })),
    ...serviceFacts(objects.services.get(`${home}/${INGRESS_SERVICE}`), owner),
  }));
}

const INGRESS_SERVICE = "fairway-ingress";
export const CLUSTER_PORTS = { http: 80, https: 443 } as const;

/** What the Service that is there says. */
export function serviceFacts(service: Service | undefined, owner: string): Pick<Front, "isTaken" | "addresses"> {
  if (service === undefined) return { isTaken: false, addresses: [] };
  const isTaken = service.metadata.annotations[OWNER] !== owner;
  return { isTaken, addresses: isTaken ? [] : addressesOf(service) };
}

/** Of a Service, as others reach it. A NodePort's are its nodes', which it does not know. */
export function addressesOf({ spec, status }: Service): GatewayAddress[] {
  if (spec.type === "LoadBalancer") {
    return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }): GatewayAddress[] => {
      if (ip !== undefined && ip !== "") return [{ type: "IPAddress", value: ip }];
      return hostname === undefined || hostname === "" ? [] : [{ type: "Hostname", value: hostname }];
    });
  }
  if (spec.type !== "ClusterIP") return [];
  const addresses = (spec.clusterIPs ?? []).filter((address) => isIP(address) !== 0);
  return addresses.map((value) => ({ type: "IPAddress", value }));
}

export function requestsOf(fronts: readonly Front[]): PortRequest[] {
  return fronts.flatMap(({ owner, plane, ports }) =>
    ports
      .filter(({ isCarried }) => isCarried)
      .map(({ transport, port }) => ({ owner, plane, transport, publicPort: port })),
  );
}

function portsOf({ listeners }: JudgedGateway): FrontPort[] {
  const ports = new Map<string, FrontPort>();
  for (const { listener, protocol, usable } of listeners) {
    if (protocol === undefined) continue;
    const transport = transportOf(listener);
    const key = `${transport} ${listener.port}`;
    const isHttp = protocol === "HTTP" || protocol === "HTTPS";
    ports.set(key, {
      transport,
      port: listener.port,
      appProtocol: isHttp ? protocol.toLowerCase() : "",
      isCarried: usable || ports.get(key)?.isCarried === true,
    });
  }
  return [...ports.values()].toSorted((a, b) => a.port - b.port || compareText(a.transport, b.transport));
}
