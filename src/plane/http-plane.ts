/**
 * HTTP in a data process: engine, ports, routes, backends and certificates, brought from one configuration to the next.
 * The balancer and the edge are both this; the edge puts its cache in front of the backends.
 */
import { RouteCompiler, type RouteSources } from "#src/balance/l7/compile-routes.ts";
import { RelayServices } from "#src/balance/l7/relay.ts";
import type { DataPlaneConfig, Engine, Entry, HttpRouteConfig, PortConfig } from "#src/config/model.ts";
import type { ConfigUpdate, Observation, Rejection } from "#src/config/stream/update.ts";
import { HttpEngine } from "#src/http/engine/http-engine.ts";
import { HttpDate } from "#src/http/engine/http-date.ts";
import { DEFAULT_LIMITS, type HttpLimits } from "#src/http/engine/limits.ts";
import { OutBuffer } from "#src/http/engine/out-buffer.ts";
import type { EngineObserver, EngineServices } from "#src/http/engine/services.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import { makeOpenH1 } from "#src/http/h1/open.ts";
import { makeOpenH2 } from "#src/http/h2/open.ts";
import type { Stage } from "#src/http/stage.ts";
import { PartList } from "#src/reactor/parts.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { Tcp } from "#src/reactor/tcp.ts";
import type { Tls } from "#src/reactor/tls/tls.ts";
import type { Backends } from "./backends.ts";
import { Certificates } from "./certificates.ts";
import { HttpPortListener } from "./http-port.ts";

export interface HttpPlaneOptions {
  readonly engine: Engine;
  readonly tcp: Tcp;
  readonly tls: Tls;
  readonly backends: Backends;
  readonly observer: EngineObserver;
  /** Shared by all processes of the service. */
  readonly ticketKeys: Uint8Array;
  /** Where ports listen that name no addresses of their own. */
  readonly bind: readonly string[];
  /** The stage in front of a rule's backends, when there is one. */
  readonly front?: RouteSources["front"];
  readonly observe: (observation: Observation) => void;
}

const OUT_BYTES = 128 * 1024;
const DRAIN_POLL_MS = 20;
/** Of an upgraded connection without a byte in either direction, until the configuration says otherwise. */
const TUNNEL_IDLE_MS = 3_600_000;

export class HttpPlane implements Disposable {
  readonly #options: HttpPlaneOptions;
  readonly #services: EngineServices & { limits: HttpLimits };
  readonly #engine: HttpEngine;
  readonly #certificates: Certificates;
  readonly #relay: RelayServices;
  readonly #routes: RouteCompiler;
  readonly #ports = new Map<string, HttpPortListener>();

  constructor(options: HttpPlaneOptions) {
    this.#options = options;
    const { tcp, backends, front } = options;
    this.#services = {
      loop: tcp.poller,
      limits: DEFAULT_LIMITS,
      date: new HttpDate(),
      observer: options.observer,
      out: new OutBuffer(new Slab(OUT_BYTES)),
      parts: new PartList(),
      edits: new FieldEdits(),
    };
    const services = this.#services;
    this.#engine = new HttpEngine({ services, openH1: makeOpenH1(services), openH2: makeOpenH2(services) });
    this.#certificates = new Certificates(options.tls);
    this.#relay = new RelayServices(tcp.poller, TUNNEL_IDLE_MS);
    this.#routes = new RouteCompiler({
      upstreamOf: (key) => backends.upstreamOf(key),
      relay: this.#relay,
      ...(front === undefined ? {} : { front }),
    });
    tcp.poller.atBatchEnd(this.#engine.flush);
  }

  get connections(): number {
    return this.#engine.connections;
  }

  /** Compiles and swaps. Backends are applied by their holder, before. */
  apply(update: ConfigUpdate): Rejection[] {
    return this.#options.tcp.poller.run(() => {
      const { entries } = update;
      const rejected = this.#certificates.apply(update);
      for (const { value } of update.upsert) if (value.kind === "dataPlane") this.#use(value);
      const ports = portsOf(entries, this.#options.engine);
      const routes = [...entries.values()].flatMap(({ value }): HttpRouteConfig[] =>
        value.kind === "httpRoute" ? [value] : [],
      );
      const configs = ports.map(({ config }) => config);
      const table = this.#routes.compile(configs, routes);
      this.#closeOthers(ports);
      for (const port of ports) {
        const reason = this.#open(port, table.get(port.config.port)!.stages);
        if (reason !== undefined) rejected.push({ key: port.entry.key, version: port.entry.version, reason });
      }
      this.#certificates.disposeReplaced();
      return rejected;
    });
  }

  /** Ends connections as they become idle; resolves when all have ended. */
  async drain(): Promise<void> {
    const { poller } = this.#options.tcp;
    poller.run(() => this.#engine.drain());
    while (poller.run(() => this.#engine.connections) > 0) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  [Symbol.dispose](): void {
    for (const port of this.#ports.values()) port[Symbol.dispose]();
    this.#ports.clear();
    this.#certificates[Symbol.dispose]();
  }

  #use(config: DataPlaneConfig): void {
    this.#services.limits = {
      ...DEFAULT_LIMITS,
      headBytes: config.httpMaxHeaderBytes,
      bodyBytes: config.httpMaxBodyBytes,
      headMs: config.httpHeaderTimeoutMs,
      idleMs: config.httpIdleTimeoutMs,
    };
    this.#relay.tunnelIdleMs = config.tcpIdleTimeoutMs;
  }

  /** Ports that are gone, or whose protocol or addresses have changed. */
  #closeOthers(ports: readonly Port[]): void {
    for (const [key, open] of this.#ports) {
      const wanted = ports.find((port) => port.entry.key === key);
      if (
        wanted !== undefined &&
        wanted.config.protocol === open.config.protocol &&
        isSame(this.#hostsOf(wanted), open.hosts)
      )
        continue;
      this.#ports.delete(key);
      open[Symbol.dispose]();
    }
  }

  #open(port: Port, stages: readonly Stage[]): string | undefined {
    const { entry, config } = port;
    const identities = this.#certificates.namedFor(config.listeners);
    const known = this.#ports.get(entry.key);
    if (known !== undefined) {
      known.use(stages, identities);
      return undefined;
    }
    const { tcp, tls, ticketKeys, observe } = this.#options;
    try {
      const listener = new HttpPortListener(config, stages, identities, {
        tcp,
        tls,
        engine: this.#engine,
        ticketKeys,
        hosts: this.#hostsOf(port),
      });
      this.#ports.set(entry.key, listener);
      observe({ key: entry.key, version: entry.version, state: "bound" });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #hostsOf({ config }: Port): readonly string[] {
    return config.addresses.length > 0 ? config.addresses : this.#options.bind;
  }
}

interface Port {
  readonly entry: Entry;
  readonly config: PortConfig;
}

function portsOf(entries: ReadonlyMap<string, Entry>, engine: Engine): Port[] {
  return [...entries.values()].flatMap((entry): Port[] => {
    const { value } = entry;
    if (value.kind !== "port" || value.engine !== engine) return [];
    return value.protocol === "HTTP" || value.protocol === "HTTPS" ? [{ entry, config: value }] : [];
  });
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((host, index) => host === b[index]);
