/** Makes the route stage of every HTTP port from the configuration: once per change, never per request. */
import type { HttpFilterConfig, HttpRouteConfig, HttpRuleConfig, PortConfig } from "#src/config/model.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import type { Stage } from "#src/http/stage.ts";
import type { UpstreamPool } from "#src/http/upstream.ts";
import { type RouteStages, TableCompiler } from "./compile-tables.ts";
import { headerEdits, ResponseHeaderStage } from "./header-modifier.ts";
import { compilePath } from "./path-modifier.ts";
import { RedirectStage } from "./redirect.ts";
import { RelayStage } from "./relay-stage.ts";
import type { RelayServices } from "./relay.ts";
import { remembered } from "./remembered.ts";
import { RouteStage } from "./route-stage.ts";
import { RuleUpstream, type RuleChanges } from "./rule-upstream.ts";
import { WeightedChoice } from "./weighted-choice.ts";

/** What stages are made from, besides the configuration. */
export interface RouteSources {
  /** The pool that a backend entry's key has now; undefined when there is no such entry. */
  readonly upstreamOf: (backendKey: string) => UpstreamPool | undefined;
  readonly relay: RelayServices;
  /** Makes a stage in front of a rule's relay, such as a cache, which fetches through `upstream`. */
  readonly front?: (route: HttpRouteConfig, rule: HttpRuleConfig, upstream: RuleUpstream) => Stage | undefined;
}

/** What a port's exchanges run through, for HttpPort. */
export interface RoutedPort {
  readonly stages: readonly Stage[];
}

/** Compiles one configuration after another. A route keeps its stages as long as it and the pools of its backends stay. */
export class RouteCompiler {
  readonly #tables: TableCompiler;

  constructor(sources: RouteSources) {
    this.#tables = new TableCompiler((port, route) => new RuleCompiler(port, route, sources));
  }

  /** By port number; `ports` of HTTP and HTTPS count. */
  compile(ports: readonly PortConfig[], routes: readonly HttpRouteConfig[]): ReadonlyMap<number, RoutedPort> {
    const tables = this.#tables.compile(ports, routes);
    return new Map(Array.from(tables, ([port, table]) => [port, { stages: [new RouteStage(table)] }]));
  }
}

/** Makes the stages of a route's rules for one port. */
class RuleCompiler implements RouteStages {
  readonly parts: readonly unknown[];
  readonly #port: number;
  readonly #route: HttpRouteConfig;
  readonly #sources: RouteSources;
  readonly #choices = new Map<HttpRuleConfig, WeightedChoice>();
  readonly #stages = new Map<HttpRuleConfig, Map<string, readonly Stage[]>>();

  constructor(port: number, route: HttpRouteConfig, sources: RouteSources) {
    this.#port = port;
    this.#route = route;
    this.#sources = sources;
    this.parts = route.rules.flatMap(({ backends }) => backends.map(({ backend }) => sources.upstreamOf(backend)));
  }

  /** The stages of a rule depend on the matched path only where a prefix is to be replaced. */
  stagesOf(rule: HttpRuleConfig, matched: string): readonly Stage[] {
    const byPath = remembered(this.#stages, rule, () => new Map<string, readonly Stage[]>());
    const key = rule.filters.some(replacesPrefix) ? matched : "";
    return remembered(byPath, key, () => this.#compile(rule, matched));
  }

  #compile(rule: HttpRuleConfig, matched: string): readonly Stage[] {
    const stages: Stage[] = [];
    const modifier = rule.filters.find((filter) => filter.type === "ResponseHeaderModifier");
    if (modifier !== undefined) stages.push(new ResponseHeaderStage(headerEdits(modifier)));
    const redirect = rule.filters.find((filter) => filter.type === "RequestRedirect");
    if (redirect !== undefined) return [...stages, new RedirectStage(redirect, this.#port, matched)];
    const { upstreamOf, front, relay } = this.#sources;
    const choice = remembered(this.#choices, rule, () => new WeightedChoice(rule.backends, upstreamOf));
    const upstream = new RuleUpstream(choice, changesOf(rule.filters, matched), relay.changed);
    const stage = front?.(this.#route, rule, upstream);
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
