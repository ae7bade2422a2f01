/**
 * TCP and UDP in a data process: opens and closes ports as the configuration says, and gives what begins at them its route.
 * What has begun goes on with what it was given.
 */
import type { DataPlaneConfig, Engine, Entry, L4RouteConfig, ListenerConfig, PortConfig } from "#src/config/model.ts";
import type { ConfigUpdate, Observation, Rejection } from "#src/config/stream/update.ts";
import type { Address } from "#src/net/address.ts";
import { connectTcp } from "#src/reactor/connector.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { Tcp } from "#src/reactor/tcp.ts";
import { TcpListener } from "#src/reactor/tcp-listener.ts";
import type { L4Limits, L4Place } from "./l4-place.ts";
import type { L4Observer } from "./l4-record.ts";
import { L4Route, type PoolOf } from "./l4-route.ts";
import { type RelayServices, TcpRelay } from "./tcp-relay.ts";
import { DATAGRAM_BYTES, UdpRelay } from "./udp-relay.ts";

export interface L4PortsOptions {
  readonly engine: Engine;
  readonly tcp: Tcp;
  /** Backends are applied by their holder, before. */
  readonly poolOf: PoolOf;
  readonly observer: L4Observer;
  /** Where ports listen that name no addresses of their own. */
  readonly bind: readonly string[];
  readonly observe: (observation: Observation) => void;
  /** Of one listener address and process; more are reset. Default 65536. */
  readonly maxConnections?: number;
  /** Of one listener address and process; beyond it the longest unused goes. Default 16384: each has a descriptor. */
  readonly maxSessions?: number;
}

/** What holds until the configuration brings the engine's DataPlane. */
const FIRST_LIMITS: L4Limits = { connectMs: 5_000, tcpIdleMs: 3_600_000, udpIdleMs: 60_000 };
const DRAIN_POLL_MS = 20;

interface OpenPort {
  /** Version of the entry that was reported as bound. */
  version: string;
  readonly protocol: "TCP" | "UDP";
  readonly hosts: readonly string[];
  readonly place: L4Place;
  readonly sockets: readonly (TcpListener | UdpRelay)[];
}

interface WantedPort {
  readonly entry: Entry;
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
  readonly hosts: readonly string[];
  readonly listener: ListenerConfig;
}

export class L4Ports implements Disposable {
  readonly #options: L4PortsOptions;
  readonly #services: RelayServices;
  readonly #limits: L4Limits = { ...FIRST_LIMITS };
  readonly #relays = new Set<TcpRelay>();
  readonly #ports = new Map<string, OpenPort>();
  readonly #input = new Slab(DATAGRAM_BYTES);

  constructor(options: L4PortsOptions) {
    const { tcp, observer } = options;
    this.#options = options;
    this.#services = {
      clock: tcp.poller,
      limits: this.#limits,
      observer,
      relays: this.#relays,
      dial: (address, timeoutMs, handler) => connectTcp(tcp, { address, timeoutMs }, handler),
    };
  }

  /** TCP connections that are relayed now. */
  get connections(): number {
    return this.#relays.size;
  }

  /** UDP sessions of all ports. */
  get sessions(): number {
    return this.#sum((socket) => (socket instanceof UdpRelay ? socket.sessions : 0));
  }

  /** Connections that were reset because a listener had its most. */
  get shed(): number {
    return this.#sum((socket) => (socket instanceof TcpListener ? socket.counts.shed : 0));
  }

  /** Addresses that a port, by its entry's key, listens at. */
  boundOf(key: string): Address[] {
    return this.#ports.get(key)?.sockets.map(({ bound }) => bound) ?? [];
  }

  /** Compiles, opens, closes, swaps. A port that cannot be opened is rejected and tried again with the next update. */
  apply(update: ConfigUpdate): Rejection[] {
    return this.#options.tcp.poller.run(() => {
      const entries = [...update.entries.values()];
      for (const { value } of entries) {
        if (value.kind === "dataPlane" && value.engine === this.#options.engine) this.#use(value);
      }
      const wanted = entries.flatMap((entry) => this.#wanted(entry));
      const routes = entries.flatMap(({ value }): L4RouteConfig[] => (value.kind === "l4Route" ? [value] : []));
      this.#closeOthers(wanted);
      return wanted.flatMap((port) => {
        const reason = this.#open(port, routeFor(port, routes));
        return reason === undefined ? [] : [{ key: port.entry.key, version: port.entry.version, reason }];
      });
    });
  }

  /**
   * Stops listening and resolves when every TCP connection has ended; who cannot wait so long disposes. UDP sessions end
   * at once: their clients' next datagrams go to another process, which chooses the same endpoint.
   */
  async drain(): Promise<void> {
    const { poller } = this.#options.tcp;
    poller.run(() => this.#closeAll());
    while (this.#relays.size > 0) await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }

  /** Ends everything at once. */
  [Symbol.dispose](): void {
    this.#options.tcp.poller.run(() => {
      this.#closeAll();
      for (const relay of this.#relays) relay.abort();
    });
  }

  #use({ upstreamConnectTimeoutMs, tcpIdleTimeoutMs, udpIdleTimeoutMs }: DataPlaneConfig): void {
    this.#limits.connectMs = upstreamConnectTimeoutMs;
    this.#limits.tcpIdleMs = tcpIdleTimeoutMs;
    this.#limits.udpIdleMs = udpIdleTimeoutMs;
  }

  #wanted(entry: Entry): WantedPort[] {
    const { value } = entry;
    if (value.kind !== "port" || value.engine !== this.#options.engine) return [];
    if (value.protocol !== "TCP" && value.protocol !== "UDP") return [];
    const listener = value.listeners[0];
    if (listener === undefined) return [];
    return [{ entry, port: value.port, protocol: value.protocol, hosts: this.#hostsOf(value), listener }];
  }

  #hostsOf({ addresses }: PortConfig): readonly string[] {
    return addresses.length > 0 ? addresses : this.#options.bind;
  }

  /** Ports that are gone, or whose protocol, addresses or listener have changed. */
  #closeOthers(wanted: readonly WantedPort[]): void {
    for (const [key, open] of this.#ports) {
      const stays = wanted.some(
        (port) =>
          port.entry.key === key &&
          port.protocol === open.protocol &&
          port.listener.id === open.place.listener &&
          isSame(port.hosts, open.hosts),
      );
      if (!stays) this.#close(key, open);
    }
  }

  /** Opens a port, or gives an open one its route; the reason when it cannot be opened. */
  #open(wanted: WantedPort, config: L4RouteConfig | undefined): string | undefined {
    const { key, version } = wanted.entry;
    const { poolOf, observe } = this.#options;
    const known = this.#ports.get(key);
    if (known !== undefined) {
      if (config === undefined) known.place.route = undefined;
      else if (known.place.route?.isSame(config, poolOf) !== true) known.place.route = new L4Route(config, poolOf);
    } else {
      const route = config === undefined ? undefined : new L4Route(config, poolOf);
      const reason = this.#listen(wanted, { listener: wanted.listener.id, route });
      if (reason !== undefined) return reason;
    }
    if (known?.version !== version) observe({ key, version, state: "bound" });
    if (known !== undefined) known.version = version;
    return undefined;
  }

  #listen({ entry, port, protocol, hosts }: WantedPort, place: L4Place): string | undefined {
    const sockets: (TcpListener | UdpRelay)[] = [];
    try {
      for (const host of hosts) {
        sockets.push(protocol === "TCP" ? this.#listenTcp(place, host, port) : this.#listenUdp(place, host, port));
      }
    } catch (error) {
      for (const socket of sockets) socket[Symbol.dispose]();
      return error instanceof Error ? error.message : String(error);
    }
    this.#ports.set(entry.key, { version: entry.version, protocol, hosts, place, sockets });
    return undefined;
  }

  #listenTcp(place: L4Place, host: string, port: number): TcpListener {
    const { tcp, maxConnections = 65_536 } = this.#options;
    return new TcpListener(tcp, {
      host,
      port,
      maxConnections,
      onStream: (stream) => new TcpRelay(stream, place, this.#services),
    });
  }

  #listenUdp(place: L4Place, host: string, port: number): UdpRelay {
    const { tcp, maxSessions = 16_384 } = this.#options;
    return new UdpRelay(place, { ...this.#services, poller: tcp.poller, input: this.#input, host, port, maxSessions });
  }

  #close(key: string, open: OpenPort): void {
    this.#ports.delete(key);
    for (const socket of open.sockets) socket[Symbol.dispose]();
  }

  #closeAll(): void {
    for (const [key, open] of this.#ports) this.#close(key, open);
  }

  #sum(of: (socket: TcpListener | UdpRelay) => number): number {
    let sum = 0;
    for (const { sockets } of this.#ports.values()) for (const socket of sockets) sum += of(socket);
    return sum;
  }
}

/** Of several routes attached to one listener the oldest has it, then the first by name (Gateway API, conflicts). */
function routeFor({ listener, protocol }: WantedPort, routes: readonly L4RouteConfig[]): L4RouteConfig | undefined {
  const attached = routes.filter((route) => route.protocol === protocol && route.listeners.includes(listener.id));
  return attached.toSorted((a, b) => compare(a.createdAt, b.createdAt) || compare(a.id, b.id))[0];
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((host, index) => host === b[index]);
