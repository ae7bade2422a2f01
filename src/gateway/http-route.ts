import type { HttpRoute, HttpRouteFilter, HttpRouteMatch, HttpRouteRule } from "#src/resource/http-route.ts";
import type { Parents } from "./attachment.ts";
import type { Condition, Refusal } from "./condition.ts";
import { type JudgedBackend, judgeBackends, type JudgedParents, judgeParents } from "./route.ts";

/** An HTTPRoute with what is honoured of it. */
export interface JudgedHttpRoute extends JudgedParents {
  readonly route: HttpRoute;
  /** Rules that can be matched; a refused one is left out. */
  readonly rules: readonly JudgedHttpRule[];
}

export interface JudgedHttpRule {
  readonly rule: HttpRouteRule;
  /** A filter must not be skipped: requests of a rule with one that is not supported are answered with an error. */
  readonly fails: boolean;
  /** Empty for a rule that fails. */
  readonly backends: readonly JudgedBackend[];
}

const FILTERS = new Set(["RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite"]);
const RULE_FIELDS = new Set(["name", "matches", "filters", "backendRefs", "timeouts"]);
const ROUTE_FIELDS = new Set(["parentRefs", "hostnames", "rules"]);

/**
 * Judges an HTTPRoute. A rule whose matching is not supported is dropped, one with a filter that is not supported
 * fails its requests; the route is then accepted in part, or not at all when nothing is left.
 */
export function judgeHttpRoute(parents: Parents, route: HttpRoute): JudgedHttpRoute {
  const { metadata, spec } = route;
  const refused: Refusal[] = unknownFields(spec, ROUTE_FIELDS, "spec");
  const partly: Refusal[] = [];
  const unresolved: Refusal[] = [];
  const rules: JudgedHttpRule[] = [];
  let sound = 0;
  spec.rules.forEach((rule, index) => {
    const at = `spec.rules[${index}]`;
    const matching = [...unknownFields(rule, RULE_FIELDS, at), ...unsupportedMatches(rule.matches, at)];
    const filters = unsupportedFilters(rule, at);
    partly.push(...matching.map(dropped), ...filters);
    if (matching.length > 0) return;
    const backends = judgeBackends(
      parents.objects,
      "HTTPRoute",
      metadata.namespace,
      rule.backendRefs ?? [],
      unresolved,
    );
    const fails = filters.length > 0;
    if (!fails) sound++;
    rules.push({ rule, fails, backends: fails ? [] : backends });
  });
  if (sound === 0) refused.push(...partly);
  const facts = {
    kind: "HTTPRoute",
    namespace: metadata.namespace,
    parentRefs: spec.parentRefs ?? [],
    hostnames: spec.hostnames ?? [],
    refused,
    unresolved,
  } as const;
  const judged = judgeParents(parents, facts, () => partlyInvalid(partly));
  return { route, rules, ...judged };
}

/** RouteConditionPartiallyInvalid: its message begins with "Dropped Rule" where rules are dropped. */
function partlyInvalid(refusals: readonly Refusal[]): Condition[] {
  if (refusals.length === 0) return [];
  const message = refusals.map((refusal) => refusal.message).join("; ");
  return [{ type: "PartiallyInvalid", status: "True", reason: "UnsupportedValue", message }];
}

function dropped({ reason, message }: Refusal): Refusal {
  return { reason, message: `Dropped Rule: ${message}` };
}

function unsupported(message: string): Refusal {
  return { reason: "UnsupportedValue", message: `${message} is not supported` };
}

function unknownFields(value: object, honoured: ReadonlySet<string>, at: string): Refusal[] {
  return Object.keys(value)
    .filter((field) => !honoured.has(field))
    .map((field) => unsupported(`${at}.${field}`));
}

function unsupportedMatches(matches: readonly HttpRouteMatch[], at: string): Refusal[] {
  return matches.flatMap(({ path, headers = [], queryParams = [] }, index) => {
    const here = `${at}.matches[${index}]`;
    const refusals: Refusal[] = [];
    if (path.type === "RegularExpression") refusals.push(unsupported(`${here}.path of type RegularExpression`));
    if (headers.some(({ type }) => type !== "Exact"))
      refusals.push(unsupported(`${here}.headers of type RegularExpression`));
    if (queryParams.some(({ type }) => type !== "Exact"))
      refusals.push(unsupported(`${here}.queryParams of type RegularExpression`));
    return refusals;
  });
}

function unsupportedFilters({ filters = [], backendRefs = [] }: HttpRouteRule, at: string): Refusal[] {
  const refusals = filters.flatMap((filter, index) => unsupportedFilter(filter, `${at}.filters[${index}]`));
  backendRefs.forEach((ref, index) => {
    if ((ref.filters ?? []).length > 0) refusals.push(unsupported(`${at}.backendRefs[${index}].filters`));
  });
  return refusals;
}

function unsupportedFilter(filter: HttpRouteFilter, at: string): Refusal[] {
  return FILTERS.has(filter.type) ? [] : [unsupported(`${at} of type ${filter.type}`)];
}
