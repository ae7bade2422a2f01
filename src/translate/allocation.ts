/**
 * Ports of shared pods. In a cluster each Gateway has for each of its ports (transport and number) one of its own on the
 * pods of its data plane, so that two Gateways with the same port and host never mix. What is allocated stands in our
 * EndpointSlices and is read back from them; before they are written, every replica comes to the same choice.
 */
import { hash } from "node:crypto";
import type { Plane } from "#src/gateway/plane.ts";

export type Transport = "TCP" | "UDP";

/** A port that somebody's clients connect to. */
export interface PortRequest {
  /** Who has it: `Gateway NAMESPACE/NAME`, or `Ingress` for all Ingresses together. */
  readonly owner: string;
  readonly plane: Plane;
  readonly transport: Transport;
  readonly publicPort: number;
}

/** What is known of a port of a data plane's pods. */
export interface KnownPort extends Omit<PortRequest, "plane"> {
  /** Plane.id. */
  readonly plane: string;
  /** Where the pods listen. */
  readonly port: number;
  /** Whether the slices that were observed lead to a pod by it. */
  readonly hasEndpoints: boolean;
  /** When its owner had no more use for it, in milliseconds since 1970; undefined: it is in use. */
  readonly releasedAt: number | undefined;
}

/**
 * "current": as its owner asks. "superseded": its owner's clients are to reach another plane's pods, but none of them is
 * ready yet, so it goes on. "closing": endpoints go or have just gone, so the pods still listen. "resting": closed, and
 * not given to another yet.
 */
export interface Allocation extends KnownPort {
  readonly state: "current" | "superseded" | "closing" | "resting";
}

export interface Allocations {
  /** Those in use in the order of the requests, then the others. */
  readonly all: readonly Allocation[];
  /** Requests for which no port is free. */
  readonly refused: readonly PortRequest[];
  /** When time alone changes one of them, in milliseconds since 1970. */
  readonly wakeAt: number | undefined;
}

const FIRST_PORT = 10_000;
const PORTS = 20_000;
/** How long pods listen after the last endpoint was seen gone: kube-proxies follow with up to a second's delay. */
const CLOSING_MS = 5000;
/** After this nobody connects to a port that he was led to before it was freed. */
const REST_MS = 60_000;

/** `known` in order of precedence: of two that claim one port the first has it. Requests in order of age. */
export function allocatePorts(requests: readonly PortRequest[], known: readonly KnownPort[], now: number): Allocations {
  const sharing = new Set(requests.filter(({ plane }) => plane.ports === "listener").map(({ plane }) => plane.id));
  const taken = new Set<string>();
  const byRequest = new Map<string, KnownPort>();
  const others = new Map<string, KnownPort>();
  for (const port of known) {
    if (taken.has(placeOf(port)) && !sharing.has(port.plane)) continue;
    taken.add(placeOf(port));
    if (!byRequest.has(requestKey(port.plane, port))) byRequest.set(requestKey(port.plane, port), port);
    others.set(identityOf(port), port);
  }
  const current: Allocation[] = [];
  const refused: PortRequest[] = [];
  for (const request of requests) {
    const mine = byRequest.get(requestKey(request.plane.id, request));
    const port = mine !== undefined && suits(mine, request) ? mine.port : choosePort(request, taken);
    if (port === undefined) {
      refused.push(request);
      continue;
    }
    const { owner, transport, publicPort } = request;
    const place = { owner, transport, publicPort, plane: request.plane.id, port };
    taken.add(placeOf(place));
    others.delete(identityOf(place));
    const hasEndpoints = mine?.port === port && mine.hasEndpoints;
    current.push({ ...place, hasEndpoints, releasedAt: undefined, state: "current" });
  }
  const rest = retire([...others.values()], current, now);
  return { all: [...current, ...rest], refused, wakeAt: wakeOf(rest, now) };
}

/** `port/PLANE/TRANSPORT/NUMBER` (see PortConfig). */
export function portKey({ plane, transport, port }: Pick<KnownPort, "plane" | "transport" | "port">): string {
  return `port/${plane}/${transport}/${port}`;
}

const placeOf = portKey;

const identityOf = (port: Pick<KnownPort, "plane" | "transport" | "port" | "owner" | "publicPort">): string =>
  `${placeOf(port)} ${port.owner} ${port.publicPort}`;

const requestKey = (
  plane: string,
  { owner, transport, publicPort }: Pick<PortRequest, "owner" | "transport" | "publicPort">,
): string => `${plane} ${owner} ${transport} ${publicPort}`;

function suits({ port }: KnownPort, { plane, publicPort }: PortRequest): boolean {
  return plane.ports === "listener" ? port === publicPort : port >= FIRST_PORT && port < FIRST_PORT + PORTS;
}

/** Begins at a place that follows from the request alone, so that replicas agree, and a Gateway that comes back has its port. */
function choosePort(
  { owner, plane, transport, publicPort }: PortRequest,
  taken: ReadonlySet<string>,
): number | undefined {
  if (plane.ports === "listener") return publicPort;
  const start = Number.parseInt(hash("sha256", `${owner} ${transport} ${publicPort}`).slice(0, 8), 16) % PORTS;
  for (let step = 0; step < PORTS; step++) {
    const port = FIRST_PORT + ((start + step) % PORTS);
    if (!taken.has(placeOf({ plane: plane.id, transport, port }))) return port;
  }
  return undefined;
}

/** What becomes of ports that are not asked for. */
function retire(ports: readonly KnownPort[], current: readonly Allocation[], now: number): Allocation[] {
  const successors = new Map(current.map((port) => [requestKey("", port), port]));
  return ports.flatMap((port): Allocation[] => {
    const successor = successors.get(requestKey("", port));
    const goesOn = successor !== undefined && !successor.hasEndpoints && port.hasEndpoints;
    if (goesOn && port.releasedAt === undefined) return [{ ...port, state: "superseded" }];
    // Another replica's clock may be ahead.
    const releasedAt = Math.min(port.releasedAt ?? now, now);
    if (port.hasEndpoints || now < releasedAt + CLOSING_MS) return [{ ...port, releasedAt, state: "closing" }];
    return now < releasedAt + REST_MS ? [{ ...port, releasedAt, state: "resting" }] : [];
  });
}

function wakeOf(ports: readonly Allocation[], now: number): number | undefined {
  const times = ports.flatMap(({ state, releasedAt = now, hasEndpoints }) => {
    if (state === "resting") return [releasedAt + REST_MS];
    return state === "closing" && !hasEndpoints ? [releasedAt + CLOSING_MS] : [];
  });
  return times.length === 0 ? undefined : Math.min(...times);
}
