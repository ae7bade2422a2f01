/**
 * Why a request takes the route that it takes. The choice itself is the table's (route-table.ts); every match that was not
 * chosen is held against the request by the same tables and conditions, one at a time, up to the first step that it fails.
 */
import type { HttpMatchConfig, HttpRouteConfig, ListenerConfig, PortConfig } from "#src/config/model.ts";
import type { Message } from "#src/http/message.ts";
import { compileConditions, conditionsHold } from "./conditions.ts";
import { HostTable } from "./host-table.ts";
import { PathTable } from "./path-table.ts";
import { precedenceReason } from "./precedence.ts";
import type { ListenerRoutes, RouteTable } from "./route-table.ts";

/** What a match failed at, in the order in which it is looked at; "precedence": it holds too, but another goes first. */
type Step = "listener" | "host" | "path" | "method" | "header" | "query" | "precedence";

/** How near a match is that failed at a step; among equals its path decides. */
const NEARNESS: Readonly<Record<Step, number>> = {
  listener: 0,
  host: 1,
  path: 2,
  method: 3,
  header: 3,
  query: 3,
  precedence: 4,
};

export interface ExplainedMatch {
  /** `NAMESPACE/NAME`. */
  readonly route: string;
  /** Place of the rule in its route, and of the match in its rule. */
  readonly rule: number;
  readonly match: number;
  /** ListenerConfig.id. */
  readonly listener: string;
  /** The route's host name that stands for the request's host; "" is every host; undefined when none does. */
  readonly hostname: string | undefined;
  readonly wants: HttpMatchConfig;
}

export interface RejectedMatch extends ExplainedMatch {
  readonly step: Step;
  readonly reason: string;
}

export interface RouteExplanation {
  /** Host name of the listeners that take the request, "" for every host; undefined: none does. */
  readonly hostname: string | undefined;
  /** Host name of the listeners that the TLS connection is for; undefined when they are those that take the request. */
  readonly misdirectedFrom: string | undefined;
  /** Undefined: the request is answered with 404, or with 421 when it is misdirected. */
  readonly chosen: ExplainedMatch | undefined;
  /** The nearest first, at most MAX_REJECTED. */
  readonly rejected: readonly RejectedMatch[];
  readonly moreRejected: number;
  /** Routes for the request's host that are attached to other ports alone, as `NAMESPACE/NAME`. */
  readonly elsewhere: readonly { readonly route: string; readonly listener: string; readonly port: number }[];
}

const MAX_REJECTED = 5;
const MAX_ELSEWHERE = 5;
/** Longest text of the request that is repeated. */
const MAX_SHOWN = 80;

const ANY: HttpMatchConfig = { path: { type: "PathPrefix", value: "/" }, method: "", headers: [], queryParams: [] };
const NO_CONDITIONS = compileConditions(ANY);

interface Candidate extends ExplainedMatch {
  readonly config: HttpRouteConfig;
  readonly attached: ListenerConfig;
  readonly hostnames: readonly string[];
}

/**
 * `ports` are those of HTTP and HTTPS, among them `port`, whose table is `table`. `serverName` is the SNI of the request's
 * connection, "" when there is none, undefined without TLS.
 */
export function explainRoute(
  port: PortConfig,
  ports: readonly PortConfig[],
  routes: readonly HttpRouteConfig[],
  table: RouteTable,
  request: Message,
  serverName: string | undefined,
): RouteExplanation {
  const listener = table.listenerOf(request);
  const misdirectedFrom = listener && otherListener(listener, table, request, serverName);
  const winner = listener === undefined || misdirectedFrom !== undefined ? undefined : table.matchOf(listener, request);
  const candidates = candidatesOf(port, routes, request);
  const chosen =
    winner &&
    candidates.find(
      ({ route, rule, match, attached, hostname }) =>
        route === winner.route &&
        rule === winner.rule &&
        match === winner.place &&
        attached.hostname === listener?.hostname &&
        hostname !== undefined,
    );
  const others = nearestOfEach(candidates, request, listener?.hostname, chosen);
  return {
    hostname: listener?.hostname,
    misdirectedFrom,
    chosen: chosen && shown(chosen),
    rejected: others.slice(0, MAX_REJECTED),
    moreRejected: Math.max(0, others.length - MAX_REJECTED),
    elsewhere: elsewhereOf(port, ports, routes, request),
  };
}

/** Where no listener stands for the SNI, the handshake is refused, and there is nothing to say of its requests. */
function otherListener(
  listener: ListenerRoutes,
  table: RouteTable,
  request: Message,
  serverName: string | undefined,
): string | undefined {
  if (serverName === undefined || !table.isMisdirected(listener, request, serverName)) return undefined;
  return table.listenerNamed(serverName)?.hostname;
}

function candidatesOf(port: PortConfig, routes: readonly HttpRouteConfig[], request: Message): Candidate[] {
  const listeners = new Map(port.listeners.map((listener) => [listener.id, listener]));
  return routes.flatMap((config) =>
    config.attachments.flatMap(({ listener, hostnames }): Candidate[] => {
      const attached = listeners.get(listener);
      if (attached === undefined) return [];
      const hostname = hostnameFor(hostnames, request);
      return config.rules.flatMap(({ matches }, rule) =>
        matches.map((wants, match) => ({
          route: config.id,
          rule,
          match,
          listener,
          hostname,
          wants,
          config,
          attached,
          hostnames,
        })),
      );
    }),
  );
}

function hostnameFor(hostnames: readonly string[], request: Message): string | undefined {
  const found: string[] = [];
  new HostTable(new Map(hostnames.map((name) => [name, name]))).collect(
    request.bytes,
    request.authorityStart,
    request.hostEnd,
    found,
  );
  return found.at(-1);
}

/** A match may be there by several listeners: only what brings it nearest counts. Of a route for other hosts one is enough. */
function nearestOfEach(
  candidates: readonly Candidate[],
  request: Message,
  hostname: string | undefined,
  chosen: Candidate | undefined,
): RejectedMatch[] {
  const nearest = new Map<string, { readonly rejected: RejectedMatch; readonly nearness: number }>();
  for (const candidate of candidates) {
    const key = `${candidate.route} ${candidate.rule} ${candidate.match}`;
    if (chosen !== undefined && key === `${chosen.route} ${chosen.rule} ${chosen.match}`) continue;
    const { step, reason } = firstFailure(candidate, request, hostname, chosen);
    const rejected = { ...shown(candidate), step, reason };
    const name = step === "host" || step === "listener" ? `${candidate.route} ${step}` : key;
    const nearness = NEARNESS[step] + likeness(candidate, step, request);
    if ((nearest.get(name)?.nearness ?? -1) < nearness) nearest.set(name, { rejected, nearness });
  }
  return Array.from(nearest.values())
    .toSorted((a, b) => b.nearness - a.nearness)
    .map(({ rejected }) => rejected);
}

const shown = ({ route, rule, match, listener, hostname, wants }: Candidate): ExplainedMatch => ({
  route,
  rule,
  match,
  listener,
  hostname,
  wants,
});

interface Failure {
  readonly step: Step;
  readonly reason: string;
}

function firstFailure(
  candidate: Candidate,
  request: Message,
  hostname: string | undefined,
  chosen: Candidate | undefined,
): Failure {
  const { attached, wants } = candidate;
  if (attached.hostname !== hostname) return { step: "listener", reason: listenerReason(candidate, request, hostname) };
  if (candidate.hostname === undefined) {
    return {
      step: "host",
      reason: `is for ${namesOf(candidate.hostnames)}, the request's host is ${quote(request.host)}`,
    };
  }
  if (new PathTable([{ path: wants.path, conditions: NO_CONDITIONS }]).find(request) === undefined) {
    return { step: "path", reason: `${pathText(wants.path)} is not that of ${quote(request.path)}` };
  }
  return conditionFailure(wants, request) ?? { step: "precedence", reason: laterReason(candidate, chosen) };
}

function conditionFailure(wants: HttpMatchConfig, request: Message): Failure | undefined {
  const holds = (part: Partial<HttpMatchConfig>): boolean =>
    conditionsHold(compileConditions({ ...ANY, ...part }), request);
  const { method, headers, queryParams } = wants;
  if (!holds({ method })) {
    return { step: "method", reason: `wants method ${method}, the request has ${quote(request.methodText)}` };
  }
  const header = headers.find((each) => !holds({ headers: [each] }));
  if (header !== undefined) {
    const { name, value } = header;
    return { step: "header", reason: `wants ${name}: ${quote(value)}, the request has ${headerText(name, request)}` };
  }
  const parameter = queryParams.find((each) => !holds({ queryParams: [each] }));
  if (parameter === undefined) return undefined;
  const query = quote(request.text(request.pathEnd, request.targetEnd));
  return {
    step: "query",
    reason: `wants the query parameter ${parameter.name}=${quote(parameter.value)}, the query is ${query}`,
  };
}

function listenerReason({ attached, listener }: Candidate, request: Message, hostname: string | undefined): string {
  if (hostnameFor([attached.hostname], request) === undefined) {
    return `its listener ${listener} is for ${attached.hostname}, the request's host is ${quote(request.host)}`;
  }
  return `the listener for ${hostname} is more specific than its own, ${listener}, and takes the host alone`;
}

/** Gateway API's order: host, path, and then that of precedence.ts. */
function laterReason(candidate: Candidate, chosen: Candidate | undefined): string {
  if (chosen === undefined) return "is not reached";
  const winner = `${chosen.route} rule ${chosen.rule}`;
  if (candidate.hostname !== chosen.hostname) return `holds too, but the host of ${winner} is more specific`;
  const { path } = chosen.wants;
  if (candidate.wants.path.type !== path.type) return `holds too, but the path of ${winner} is exact`;
  if (candidate.wants.path.value.length < path.value.length) return `holds too, but the path of ${winner} is longer`;
  return `holds too, but ${winner} ${precedenceReason(ranked(chosen), ranked(candidate))}`;
}

const ranked = ({ wants, config, route, rule, match }: Candidate) => ({
  match: wants,
  createdAt: config.createdAt,
  route,
  rule,
  place: match,
});

function elsewhereOf(
  port: PortConfig,
  ports: readonly PortConfig[],
  routes: readonly HttpRouteConfig[],
  request: Message,
): RouteExplanation["elsewhere"] {
  const portOf = new Map(ports.flatMap((each) => each.listeners.map(({ id }) => [id, each.publicPort] as const)));
  return routes
    .filter(({ attachments }) => attachments.every(({ listener }) => portOf.get(listener) !== port.publicPort))
    .flatMap(({ id, attachments }) =>
      attachments.flatMap(({ listener, hostnames }) => {
        const other = portOf.get(listener);
        if (other === undefined || hostnameFor(hostnames, request) === undefined) return [];
        return [{ route: id, listener, port: other }];
      }),
    )
    .slice(0, MAX_ELSEWHERE);
}

/** 0 to below 1: how much a candidate is like the request, by its host names where they failed, else by its path. */
function likeness({ wants, hostnames }: Candidate, step: Step, request: Message): number {
  if (step === "listener") return 0;
  if (step !== "host") return share(commonStart(wants.path.value, request.path), wants.path.value, request.path);
  const { host } = request;
  return Math.max(
    ...hostnames.map((name) => {
      const ends = commonStart(Array.from(name).toReversed().join(""), Array.from(host).toReversed().join(""));
      return share(Math.min(name.length, commonStart(name, host) + ends), name, host);
    }),
  );
}

const share = (common: number, a: string, b: string): number => common / (Math.max(a.length, b.length) + 1);

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

const namesOf = (hostnames: readonly string[]): string =>
  hostnames.length > 3 ? `${hostnames.slice(0, 3).join(", ")} and ${hostnames.length - 3} more` : hostnames.join(", ");

const pathText = ({ type, value }: HttpMatchConfig["path"]): string =>
  `the ${type === "Exact" ? "exact path" : "path prefix"} ${value}`;

function headerText(name: string, request: Message): string {
  const values: string[] = [];
  for (let i = 0; i < request.fieldCount; i++)
    if (request.name(i).toLowerCase() === name) values.push(request.value(i));
  return values.length === 0 ? "none" : quote(values.join(","));
}

const quote = (text: string): string =>
  JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text);
