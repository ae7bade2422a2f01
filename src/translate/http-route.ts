import type {
  HeaderModifier,
  HttpFilterConfig,
  HttpMatchConfig,
  HttpRouteConfig,
  HttpRuleConfig,
  PathModifier,
} from "#src/config/model.ts";
import type { BackendTarget } from "#src/gateway/backend-ref.ts";
import type { JudgedHttpRoute, JudgedHttpRule } from "#src/gateway/http-route.ts";
import { compareText, keyOf } from "#src/gateway/object-index.ts";
import { durationMs } from "#src/resource/duration.ts";
import type {
  HttpFieldMatch,
  HttpHeaderFilter,
  HttpPathModifier,
  HttpRouteFilter,
  HttpRouteMatch,
} from "#src/resource/http-route.ts";
import { translateBackends } from "./backend.ts";

/** A judged HTTPRoute's entry; undefined when no listener carries it. */
export function translateHttpRoute(
  judged: JudgedHttpRoute,
  targets: Map<string, BackendTarget>,
): HttpRouteConfig | undefined {
  const attachments = judged.attachments
    .filter(({ listener }) => listener.usable)
    .map(({ listener, hostnames }) => ({ listener: listener.id, hostnames }))
    .toSorted((a, b) => compareText(a.listener, b.listener));
  if (attachments.length === 0) return undefined;
  const { metadata } = judged.route;
  return {
    kind: "httpRoute",
    id: keyOf(metadata),
    createdAt: metadata.creationTimestamp,
    attachments,
    rules: judged.rules.map((rule) => translateRule(rule, targets)),
  };
}

const PREFIX_ROOT: HttpMatchConfig = {
  path: { type: "PathPrefix", value: "/" },
  method: "",
  headers: [],
  queryParams: [],
};

function translateRule({ rule, fails, backends }: JudgedHttpRule, targets: Map<string, BackendTarget>): HttpRuleConfig {
  const matches = rule.matches.map(translateMatch);
  return {
    name: rule.name ?? "",
    matches: matches.length === 0 ? [PREFIX_ROOT] : matches,
    filters: fails ? [] : (rule.filters ?? []).flatMap(translateFilter),
    backends: translateBackends(backends, targets),
    requestTimeoutMs: durationMs(rule.timeouts?.request ?? ""),
    backendTimeoutMs: durationMs(rule.timeouts?.backendRequest ?? ""),
  };
}

function translateMatch({ path, method = "", headers = [], queryParams = [] }: HttpRouteMatch): HttpMatchConfig {
  return {
    path: { type: path.type === "Exact" ? "Exact" : "PathPrefix", value: path.value },
    method,
    headers: firstOfName(headers.map(({ name, value }) => ({ name: name.toLowerCase(), value }))),
    queryParams: firstOfName(queryParams.map(({ name, value }) => ({ name, value }))),
  };
}

/** HTTPRouteMatch.headers: of entries with an equivalent name only the first is considered. */
function firstOfName(
  fields: readonly Pick<HttpFieldMatch, "name" | "value">[],
): Pick<HttpFieldMatch, "name" | "value">[] {
  return fields.filter(({ name }, index) => fields.findIndex((field) => field.name === name) === index);
}

/** Filters that have their configuration; the schema's rules see to it that they do. */
function translateFilter(filter: HttpRouteFilter): HttpFilterConfig[] {
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite } = filter;
  if (requestHeaderModifier !== undefined)
    return [{ type: "RequestHeaderModifier", ...translateModifier(requestHeaderModifier) }];
  if (responseHeaderModifier !== undefined)
    return [{ type: "ResponseHeaderModifier", ...translateModifier(responseHeaderModifier) }];
  if (requestRedirect !== undefined) {
    const { scheme = "", hostname = "", port = 0, path, statusCode } = requestRedirect;
    return [{ type: "RequestRedirect", scheme, hostname, port, path: translatePath(path), status: statusCode }];
  }
  if (urlRewrite === undefined) return [];
  return [{ type: "URLRewrite", hostname: urlRewrite.hostname ?? "", path: translatePath(urlRewrite.path) }];
}

function translateModifier({ set = [], add = [], remove = [] }: HttpHeaderFilter): HeaderModifier {
  return { set, add, remove };
}

function translatePath(path: HttpPathModifier | undefined): PathModifier | undefined {
  if (path === undefined) return undefined;
  const value = path.type === "ReplaceFullPath" ? path.replaceFullPath : path.replacePrefixMatch;
  return { type: path.type, value: value ?? "" };
}
