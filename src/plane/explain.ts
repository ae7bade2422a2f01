/**
 * `/explain` of a service's main: how the configuration that it has given to its data processes meets a request, by the
 * code that they choose routes with. It sends nothing and changes nothing.
 */
import { endpointText } from "#src/balance/endpoint.ts";
import { type RouteStages, TableCompiler } from "#src/balance/l7/compile-tables.ts";
import { explainRoute, type ExplainedMatch } from "#src/balance/l7/explain-route.ts";
import type { RouteTable } from "#src/balance/l7/route-table.ts";
import type {
  BackendConfig,
  EndpointConfig,
  Engine,
  Entry,
  EntryValue,
  HttpRouteConfig,
  PortConfig,
  WeightedBackend,
} from "#src/config/model.ts";
import type { ConfigUpdate } from "#src/config/stream/update.ts";
import { targetKey } from "#src/health/target.ts";
import { DEFAULT_LIMITS } from "#src/http/engine/limits.ts";
import { HealthBits } from "#src/memory/health-bits.ts";
import type { Segment } from "#src/memory/segment.ts";
import { type AskedRequest, headOf, readAskedRequest } from "./asked-request.ts";
import type {
  EndpointHealth,
  ExplainedBackend,
  ExplainedPort,
  ExplainedRule,
  PlaneExplanation,
} from "./explanation.ts";
import { ownOptions } from "./own-options.ts";

/** What it needs of the main that it is part of. */
export interface ExplainerContext {
  /** Where ports listen that name no addresses of their own. */
  readonly options: { readonly bind: readonly string[] };
  readonly segment: Segment;
  readonly addAdminPath: (path: string, answer: (query: URLSearchParams) => unknown) => void;
}

/** The tables are asked for the match alone. */
const NO_STAGES: RouteStages = { parts: [], stagesOf: () => [] };

export class Explainer {
  readonly #engine: Engine;
  readonly #bind: readonly string[];
  readonly #health: HealthBits;
  #entries: ReadonlyMap<string, Entry> = new Map();
  /** Compiled when the first request after a change is to be explained. */
  #tables: ReadonlyMap<number, RouteTable> | undefined;

  constructor(engine: Engine, { options, segment, addAdminPath }: ExplainerContext) {
    this.#engine = engine;
    this.#bind = options.bind;
    this.#health = new HealthBits(segment);
    addAdminPath("/explain", (query) => this.answer(query));
  }

  apply({ entries }: ConfigUpdate): void {
    this.#entries = entries;
    this.#tables = undefined;
  }

  /** `url`, and if they are not the default `method` and `header` (`name: value`, once for each). Or what is wrong with them. */
  answer(query: URLSearchParams): PlaneExplanation | { readonly fault: string } {
    const asked = readAskedRequest(query.get("url") ?? "", query.get("method") ?? "GET", query.getAll("header"));
    return typeof asked === "string" ? { fault: asked } : this.#explain(asked);
  }

  #explain(asked: AskedRequest): PlaneExplanation {
    const engine = this.#engine;
    const ports = this.#valuesOf("port").filter((port) => port.engine === engine && port.protocol !== "UDP");
    const explained = { engine, ports: ports.map((each) => this.#describePort(each)) };
    // In a cluster several Gateways have the same port, each its own: one that has a route for the request is meant.
    const candidates = ports.filter(({ publicPort }) => publicPort === asked.port);
    const answers = candidates.map((port) => ({ ...explained, ...this.#explainAt(port, ports, asked) }));
    return (
      answers.find(({ rule }) => rule !== null) ??
      answers.find(({ route }) => route?.hostname !== undefined) ??
      answers[0] ?? { ...explained, port: null, refused: null, route: null, rule: null, ms: 0 }
    );
  }

  #explainAt(
    port: PortConfig,
    ports: readonly PortConfig[],
    asked: AskedRequest,
  ): Omit<PlaneExplanation, "engine" | "ports"> {
    const nothing = { port: this.#describePort(port), refused: null, route: null, rule: null, ms: 0 };
    const routes = this.#valuesOf("httpRoute");
    const table = this.#tableOf(port, ports, routes);
    if (table === undefined) return nothing;
    const head = headOf(asked, this.#headBytes());
    if ("refused" in head) return { ...nothing, refused: head.refused };
    const startedAt = performance.now();
    const route = explainRoute(port, ports, routes, table, head, serverNameOf(port, asked));
    return { ...nothing, route, rule: this.#ruleOf(route.chosen, routes), ms: performance.now() - startedAt };
  }

  #tableOf(port: PortConfig, ports: readonly PortConfig[], routes: readonly HttpRouteConfig[]): RouteTable | undefined {
    this.#tables ??= new TableCompiler(() => NO_STAGES).compile(ports, routes);
    return this.#tables.get(port.port);
  }

  #headBytes(): number {
    return ownOptions(this.#engine, this.#entries)?.httpMaxHeaderBytes ?? DEFAULT_LIMITS.headBytes;
  }

  #ruleOf(chosen: ExplainedMatch | undefined, routes: readonly HttpRouteConfig[]): ExplainedRule | null {
    const rule = chosen && routes.find(({ id }) => id === chosen.route)?.rules[chosen.rule];
    if (rule === undefined) return null;
    const backends = rule.backends.map((each) => this.#describeBackend(each));
    return { name: rule.name, filters: rule.filters, backends };
  }

  #describePort({ publicPort, protocol, addresses, listeners }: PortConfig): ExplainedPort {
    return {
      port: publicPort,
      protocol,
      addresses: addresses.length > 0 ? addresses : this.#bind,
      listeners: listeners.map(({ id, hostname, certificates }) => ({
        id,
        hostname,
        certificates: certificates.map((key) => key.replace("certificate/", "")),
      })),
    };
  }

  #describeBackend({ backend, weight }: WeightedBackend): ExplainedBackend {
    const config = this.#entries.get(backend)?.value;
    if (config?.kind !== "backend") return { backend: "", weight, tls: false, endpoints: [] };
    return {
      backend: config.id,
      weight,
      tls: config.tls !== undefined,
      endpoints: config.endpoints.map((endpoint) => ({
        endpoint: endpointText(endpoint),
        weight: endpoint.weight,
        ready: endpoint.ready,
        health: this.#healthOf(endpoint, config),
      })),
    };
  }

  #healthOf(endpoint: EndpointConfig, { health }: BackendConfig): EndpointHealth {
    const key = targetKey(endpoint, health);
    if (key === "") return "unprobed";
    return this.#health.isHealthy(this.#health.claim(key)) ? "up" : "down";
  }

  #valuesOf<Kind extends EntryValue["kind"]>(kind: Kind): Extract<EntryValue, { readonly kind: Kind }>[] {
    return Array.from(this.#entries.values(), ({ value }) => value).filter(
      (value): value is Extract<EntryValue, { readonly kind: Kind }> => value.kind === kind,
    );
  }
}

/** What the client of a URL sends as SNI: addresses are none (RFC 6066 section 3). */
function serverNameOf({ protocol }: PortConfig, { host, hostIsAddress }: AskedRequest): string | undefined {
  if (protocol !== "HTTPS") return undefined;
  return hostIsAddress ? "" : host;
}
