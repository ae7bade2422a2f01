/** The table of routes of every HTTP port, from the configuration. What a rule does with a request is for the caller to say. */
import type {
  HttpMatchConfig,
  HttpRouteConfig,
  HttpRuleConfig,
  ListenerConfig,
  PortConfig,
} from "#src/config/model.ts";
import type { Stage } from "#src/http/stage.ts";
import { compileConditions, type Conditions } from "./conditions.ts";
import { HostTable } from "./host-table.ts";
import { PathTable } from "./path-table.ts";
import { byPrecedence, type Ranked } from "./precedence.ts";
import { remembered } from "./remembered.ts";
import { RouteTable, type ListenerRoutes, type RouteMatch } from "./route-table.ts";

/** The stages of a rule whose match has the path `matched`. */
export type StagesOf = (route: HttpRouteConfig, rule: HttpRuleConfig, matched: string) => readonly Stage[];

interface RankedMatch extends Ranked, RouteMatch {}

interface Attached {
  readonly route: HttpRouteConfig;
  readonly hostnames: readonly string[];
}

/** By port number, for ports of HTTP and HTTPS. `stagesFor` is asked once for each port. */
export function compileTables(
  ports: readonly PortConfig[],
  routes: readonly HttpRouteConfig[],
  stagesFor: (port: number) => StagesOf,
): ReadonlyMap<number, RouteTable> {
  const attached = attachmentsByListener(routes);
  const tables = new Map<number, RouteTable>();
  for (const port of ports) {
    if (port.protocol !== "HTTP" && port.protocol !== "HTTPS") continue;
    tables.set(port.port, new RouteTable(listenersOf(port, attached, new MatchCompiler(stagesFor(port.port)))));
  }
  return tables;
}

function attachmentsByListener(routes: readonly HttpRouteConfig[]): ReadonlyMap<string, readonly Attached[]> {
  const attached = new Map<string, Attached[]>();
  for (const route of routes) {
    for (const { listener, hostnames } of route.attachments) {
      const list = attached.get(listener);
      if (list === undefined) attached.set(listener, [{ route, hostnames }]);
      else list.push({ route, hostnames });
    }
  }
  return attached;
}

function listenersOf(
  port: PortConfig,
  attached: ReadonlyMap<string, readonly Attached[]>,
  matches: MatchCompiler,
): HostTable<ListenerRoutes> {
  const byHost = Map.groupBy(port.listeners, (listener) => listener.hostname);
  const tables = new Map<string, ListenerRoutes>();
  for (const [hostname, listeners] of byHost) {
    tables.set(hostname, { hostname, gateway: listeners[0]!.gateway, hosts: hostsOf(listeners, attached, matches) });
  }
  return new HostTable(tables);
}

function hostsOf(
  listeners: readonly ListenerConfig[],
  attached: ReadonlyMap<string, readonly Attached[]>,
  compiler: MatchCompiler,
): HostTable<PathTable<RouteMatch>> {
  const byHost = new Map<string, RankedMatch[]>();
  for (const { id, gateway } of listeners) {
    for (const { route, hostnames } of attached.get(id) ?? []) {
      const matches = compiler.matchesOf(route, gateway);
      for (const hostname of hostnames) {
        const list = byHost.get(hostname);
        if (list === undefined) byHost.set(hostname, [...matches]);
        else list.push(...matches);
      }
    }
  }
  const tables = new Map<string, PathTable<RouteMatch>>();
  for (const [hostname, matches] of byHost) tables.set(hostname, new PathTable(matches.toSorted(byPrecedence)));
  return new HostTable(tables);
}

class MatchCompiler {
  readonly #stagesOf: StagesOf;
  readonly #conditions = new Map<HttpMatchConfig, Conditions>();

  constructor(stagesOf: StagesOf) {
    this.#stagesOf = stagesOf;
  }

  matchesOf(route: HttpRouteConfig, gateway: string): RankedMatch[] {
    return route.rules.flatMap((rule, ruleIndex) =>
      rule.matches.map((match, place) => ({
        match,
        path: match.path,
        conditions: remembered(this.#conditions, match, () => compileConditions(match)),
        createdAt: route.createdAt,
        route: route.id,
        gateway,
        rule: ruleIndex,
        place,
        stages: this.#stagesOf(route, rule, match.path.value),
      })),
    );
  }
}
