/** The table of routes of every HTTP port, from the configuration. What a rule does with a request is for the caller to say. */
import type { HttpRouteConfig, HttpRuleConfig, ListenerConfig, PortConfig } from "#src/config/model.ts";
import type { Stage } from "#src/http/stage.ts";
import { compileConditions } from "./conditions.ts";
import { HostTable } from "./host-table.ts";
import { PathTable } from "./path-table.ts";
import { byPrecedence, type Ranked } from "./precedence.ts";
import { Reuse } from "./reuse.ts";
import { RouteTable, type ListenerRoutes, type RouteMatch } from "./route-table.ts";

/** What the rules of one route do with a request on one port. */
export interface RouteStages {
  /** What they are made from besides the route's configuration, the same objects as long as they would do the same. */
  readonly parts: readonly unknown[];
  /** The stages of a rule whose match has the path `matched`. */
  stagesOf(rule: HttpRuleConfig, matched: string): readonly Stage[];
}

/** `port` is the one that clients connect to. */
export type StagesFor = (port: number, route: HttpRouteConfig) => RouteStages;

interface RankedMatch extends Ranked, RouteMatch {}

interface Attached {
  readonly route: HttpRouteConfig;
  readonly hostnames: readonly string[];
}

type Attachments = ReadonlyMap<string, readonly Attached[]>;

/** Compiles one configuration after another. Matches and path tables of what has not changed are taken over. */
export class TableCompiler {
  readonly #stagesFor: StagesFor;
  readonly #matches = new Reuse<readonly RankedMatch[]>();
  readonly #paths = new Reuse<PathTable<RouteMatch>>();

  constructor(stagesFor: StagesFor) {
    this.#stagesFor = stagesFor;
  }

  /** By port number, for ports of HTTP and HTTPS. Configurations that are the same are the same objects. */
  compile(ports: readonly PortConfig[], routes: readonly HttpRouteConfig[]): ReadonlyMap<number, RouteTable> {
    const attached = attachmentsByListener(routes);
    const tables = new Map<number, RouteTable>();
    for (const port of ports) {
      if (port.protocol !== "HTTP" && port.protocol !== "HTTPS") continue;
      tables.set(port.port, new RouteTable(this.#listenersOf(port, attached)));
    }
    this.#matches.end();
    this.#paths.end();
    return tables;
  }

  #listenersOf(port: PortConfig, attached: Attachments): HostTable<ListenerRoutes> {
    const tables = new Map<string, ListenerRoutes>();
    for (const [hostname, same] of Map.groupBy(port.listeners, (listener) => listener.hostname)) {
      tables.set(hostname, {
        hostname,
        gateway: same[0]!.gateway,
        hosts: this.#hostsOf(port, hostname, same, attached),
      });
    }
    return new HostTable(tables);
  }

  #hostsOf(
    port: PortConfig,
    listenerHost: string,
    listeners: readonly ListenerConfig[],
    attached: Attachments,
  ): HostTable<PathTable<RouteMatch>> {
    const byHost = new Map<string, (readonly RankedMatch[])[]>();
    for (const { id, gateway } of listeners) {
      for (const { route, hostnames } of attached.get(id) ?? []) {
        const matches = this.#matchesOf(port, gateway, route);
        for (const hostname of hostnames) {
          const list = byHost.get(hostname);
          if (list === undefined) byHost.set(hostname, [matches]);
          else list.push(matches);
        }
      }
    }
    const tables = new Map<string, PathTable<RouteMatch>>();
    for (const [hostname, lists] of byHost) {
      const make = (): PathTable<RouteMatch> => new PathTable(lists.flat().toSorted(byPrecedence));
      tables.set(hostname, this.#paths.get(`${port.port} ${listenerHost} ${hostname}`, lists, make));
    }
    return new HostTable(tables);
  }

  #matchesOf({ port, publicPort }: PortConfig, gateway: string, route: HttpRouteConfig): readonly RankedMatch[] {
    const stages = this.#stagesFor(publicPort, route);
    const parts = [route, publicPort, ...stages.parts];
    return this.#matches.get(`${port} ${gateway} ${route.id}`, parts, () => compileMatches(gateway, route, stages));
  }
}

function attachmentsByListener(routes: readonly HttpRouteConfig[]): Attachments {
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

function compileMatches(gateway: string, route: HttpRouteConfig, stages: RouteStages): RankedMatch[] {
  return route.rules.flatMap((rule, ruleIndex) =>
    rule.matches.map((match, place) => ({
      match,
      path: match.path,
      conditions: compileConditions(match),
      createdAt: route.createdAt,
      route: route.id,
      gateway,
      rule: ruleIndex,
      place,
      stages: stages.stagesOf(rule, match.path.value),
    })),
  );
}
