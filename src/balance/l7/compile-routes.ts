/** Makes the route stage of every HTTP port from the configuration: once per change, never per request. */
import type {
  HttpFilterConfig,
  HttpMatchConfig,
  HttpRouteConfig,
  HttpRuleConfig,
  ListenerConfig,
  PortConfig,
} from "#src/config/model.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import type { Stage } from "#src/http/stage.ts";
import type { UpstreamPool } from "#src/http/upstream.ts";
import { compileConditions, type Conditions } from "./conditions.ts";
import { headerEdits, ResponseHeaderStage } from "./header-modifier.ts";
import { HostTable } from "./host-table.ts";
import { compilePath } from "./path-modifier.ts";
import { PathTable } from "./path-table.ts";
import { byPrecedence, type Ranked } from "./precedence.ts";
import { RedirectStage } from "./redirect.ts";
import { RelayStage } from "./relay-stage.ts";
import type { RelayServices } from "./relay.ts";
import { RouteStage, type ListenerRoutes, type RouteMatch } from "./route-stage.ts";
import { RuleUpstream, type RuleChanges } from "./rule-upstream.ts";
import { WeightedChoice } from "./weighted-choice.ts";

export interface RouteSources {
  /** Those of HTTP and HTTPS count. */
  readonly ports: readonly PortConfig[];
  readonly routes: readonly HttpRouteConfig[];
  /** The pool of a backend entry's key; undefined when there is no such entry. */
  readonly upstreamOf: (backendKey: string) => UpstreamPool | undefined;
  readonly relay: RelayServices;
  /** Makes a stage in front of a rule's relay, such as a cache, which fetches through `upstream`. */
  readonly front?: (route: HttpRouteConfig, rule: HttpRuleConfig, upstream: RuleUpstream) => Stage | undefined;
}

/** What a port's exchanges run through, for HttpPort. */
export interface RoutedPort {
  readonly stages: readonly Stage[];
}

interface RankedMatch extends Ranked, RouteMatch {}

/** By port number. */
export function compileRoutes(sources: RouteSources): ReadonlyMap<number, RoutedPort> {
  const attached = attachmentsByListener(sources.routes);
  const ports = new Map<number, RoutedPort>();
  for (const port of sources.ports) {
    if (port.protocol !== "HTTP" && port.protocol !== "HTTPS") continue;
    ports.set(port.port, { stages: [new RouteStage(listenersOf(port, attached, sources))] });
  }
  return ports;
}

interface Attached {
  readonly route: HttpRouteConfig;
  readonly hostnames: readonly string[];
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
  sources: RouteSources,
): HostTable<ListenerRoutes> {
  const rules = new RuleCompiler(port.port, sources);
  const byHost = Map.groupBy(port.listeners, (listener) => listener.hostname);
  const tables = new Map<string, ListenerRoutes>();
  for (const [hostname, listeners] of byHost) {
    tables.set(hostname, { gateway: listeners[0]!.gateway, hosts: hostsOf(listeners, attached, rules) });
  }
  return new HostTable(tables);
}

function hostsOf(
  listeners: readonly ListenerConfig[],
  attached: ReadonlyMap<string, readonly Attached[]>,
  rules: RuleCompiler,
): HostTable<PathTable<RouteMatch>> {
  const byHost = new Map<string, RankedMatch[]>();
  for (const { id, gateway } of listeners) {
    for (const { route, hostnames } of attached.get(id) ?? []) {
      const matches = rules.matchesOf(route, gateway);
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

/** Makes the stages of rules for one port. */
class RuleCompiler {
  readonly #port: number;
  readonly #sources: RouteSources;
  readonly #choices = new Map<HttpRuleConfig, WeightedChoice>();
  readonly #stages = new Map<HttpRuleConfig, Map<string, readonly Stage[]>>();
  readonly #conditions = new Map<HttpMatchConfig, Conditions>();

  constructor(port: number, sources: RouteSources) {
    this.#port = port;
    this.#sources = sources;
  }

  matchesOf(route: HttpRouteConfig, gateway: string): RankedMatch[] {
    return route.rules.flatMap((rule, ruleIndex) =>
      rule.matches.map((match, place) => ({
        match,
        path: match.path,
        conditions: this.#conditionsOf(match),
        createdAt: route.createdAt,
        route: route.id,
        gateway,
        rule: ruleIndex,
        place,
        stages: this.#stagesOf(route, rule, match.path.value),
      })),
    );
  }

  #conditionsOf(match: HttpMatchConfig): Conditions {
    return remembered(this.#conditions, match, () => compileConditions(match));
  }

  /** The stages of a rule depend on the matched path only where a prefix is to be replaced. */
  #stagesOf(route: HttpRouteConfig, rule: HttpRuleConfig, matched: string): readonly Stage[] {
    const byPath = remembered(this.#stages, rule, () => new Map<string, readonly Stage[]>());
    const key = rule.filters.some(replacesPrefix) ? matched : "";
    return remembered(byPath, key, () => this.#compile(route, rule, matched));
  }

  #compile(route: HttpRouteConfig, rule: HttpRuleConfig, matched: string): readonly Stage[] {
    const stages: Stage[] = [];
    const modifier = rule.filters.find((filter) => filter.type === "ResponseHeaderModifier");
    if (modifier !== undefined) stages.push(new ResponseHeaderStage(headerEdits(modifier)));
    const redirect = rule.filters.find((filter) => filter.type === "RequestRedirect");
    if (redirect !== undefined) return [...stages, new RedirectStage(redirect, this.#port, matched)];
    const { upstreamOf, front, relay } = this.#sources;
    const choice = remembered(this.#choices, rule, () => new WeightedChoice(rule.backends, upstreamOf));
    const upstream = new RuleUpstream(choice, changesOf(rule.filters, matched), relay.changed);
    const stage = front?.(route, rule, upstream);
    if (stage !== undefined) stages.push(stage);
    const timeouts = { requestMs: rule.requestTimeoutMs, headMs: rule.backendTimeoutMs };
    return [...stages, new RelayStage(upstream, timeouts, relay)];
  }
}

/** Gateway API allows each of these filters once in a rule. */
function changesOf(filters: readonly HttpFilterConfig[], matched: string): RuleChanges {
  const modifier = filters.find((filter) => filter.type === "RequestHeaderModifier");
  const rewrite = filters.find((filter) => filter.type === "URLRewrite");
  let edits = modifier === undefined ? undefined : headerEdits(modifier);
  if (rewrite === undefined) return { edits, path: undefined };
  if (rewrite.hostname !== "") {
    edits ??= new FieldEdits();
    edits.authority = Buffer.from(rewrite.hostname, "latin1");
  }
  return { edits, path: rewrite.path === undefined ? undefined : compilePath(rewrite.path, matched) };
}

const replacesPrefix = (filter: HttpFilterConfig): boolean =>
  (filter.type === "URLRewrite" || filter.type === "RequestRedirect") && filter.path?.type === "ReplacePrefixMatch";

function remembered<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
