/** What the HTTP engine counts, in every service that carries HTTP. Its slots are filled by HttpObserver. */
import type { Entry } from "#src/config/model.ts";
import { type CappedDimension, counter, DURATION_SECONDS, gauge, histogram } from "#src/metrics/declaration.ts";
import type { AbortReason } from "../exchange.ts";
import { HEAD_REASONS } from "../h1/head-reason.ts";
import { METHODS } from "../method.ts";

/** Statuses with series of their own. */
export const COUNTED_STATUSES: readonly number[] = [
  101, 200, 201, 202, 203, 204, 206, 207, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409,
  410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 507,
];

/** No response was sent; a status without series of its own. */
export const NO_CODE = COUNTED_STATUSES.length;
export const OTHER_CODE = COUNTED_STATUSES.length + 1;

const CODES: readonly string[] = [...COUNTED_STATUSES.map(String), "none", "other"];

const ABORT_REASONS: Readonly<Record<AbortReason, true>> = {
  clientClosed: true,
  clientReset: true,
  clientTimeout: true,
  badRequest: true,
  bodyTooLarge: true,
  upstreamFailed: true,
  upstreamTimeout: true,
  overloaded: true,
  shutdown: true,
  error: true,
};

/** What EngineObserver.onRefused is told, the last one standing for anything else. */
export const REFUSED_REASONS: readonly string[] = [
  ...HEAD_REASONS.filter((reason) => reason !== "none"),
  "truncatedHead",
  "headTimeout",
  "bodyTimeout",
  "badChunk",
  "bodyTooLarge",
  "pseudoField",
  "pseudoFieldMissing",
  "fieldName",
  "fieldValue",
  "connectionField",
  "contentLength",
  "method",
  "scheme",
  "path",
  "authority",
  "trailers",
  "streamRefused",
  "streamClosed",
  "windowUpdate",
  "flowControl",
  "flood",
  "frame",
  "other",
];

/** Series of so many gateways, routes and backends; further ones share `other`. */
const TARGETS = 128;

/** Who asked what of whom: empty where nothing was chosen (no route matched, a redirect, a request that was refused). */
const target: CappedDimension = { labels: ["gateway", "route", "backend"], cap: TARGETS, tuples: targetsOf };
const version = { label: "version", values: ["h1", "h2"] };
const tls = { label: "tls", values: ["no", "yes"] };

export const HTTP_METRICS = {
  httpRequests: counter(
    "fairway_http_requests_total",
    "Requests that were answered, or whose client went away before. Code none: nothing was sent.",
    target,
    { label: "method", values: METHODS },
    { label: "code", values: CODES },
  ),
  httpDuration: histogram(
    "fairway_http_request_duration_seconds",
    "From the end of the request's head to the end of the response.",
    DURATION_SECONDS,
    target,
  ),
  httpUpstreamDuration: histogram(
    "fairway_http_upstream_duration_seconds",
    "From the end of the request's head to the first byte of the upstream's response.",
    DURATION_SECONDS,
    target,
  ),
  httpRequestBytes: counter("fairway_http_request_bytes_total", "Bytes of request bodies from clients.", target),
  httpResponseBytes: counter("fairway_http_response_bytes_total", "Bytes of response bodies to clients.", target),
  httpRetries: counter("fairway_http_retries_total", "Further attempts at an upstream for one request.", target),
  httpAborted: counter("fairway_http_aborted_total", "Responses that did not reach their end, by why.", {
    label: "reason",
    values: Object.keys(ABORT_REASONS),
  }),
  httpRefused: counter("fairway_http_refused_total", "Input that was no valid request, by what was wrong with it.", {
    label: "reason",
    values: REFUSED_REASONS,
  }),
  httpAccepted: counter("fairway_http_connections_total", "Connections of clients that began.", version, tls),
  httpLogDropped: counter(
    "fairway_http_log_dropped_total",
    "Lines missing from the access log because its reader was slower than the traffic.",
  ),
  httpConnections: gauge("fairway_http_connections", "Connections of clients that are open.", version, tls),
  httpInFlight: gauge("fairway_http_requests_in_flight", "Requests that are not answered yet."),
} as const;

function targetsOf({ value }: Entry): readonly (readonly string[])[] {
  if (value.kind === "port") {
    if (value.protocol !== "HTTP" && value.protocol !== "HTTPS") return [];
    return [["", "", ""], ...value.listeners.map(({ gateway }) => [gateway, "", ""])];
  }
  if (value.kind !== "httpRoute") return [];
  const backends = value.rules.flatMap((rule) => rule.backends.map(({ backend }) => backendId(backend)));
  return value.attachments.flatMap(({ listener }) => {
    const gateway = listener.split("/").slice(0, 2).join("/");
    return ["", ...backends].map((backend) => [gateway, value.id, backend]);
  });
}

/** BackendConfig.id by its entry's key, `backend/NAMESPACE/KIND/NAME/PORT`; "" stays "". */
function backendId(key: string): string {
  const [, namespace, , name, port] = key.split("/");
  if (namespace === undefined || name === undefined) return "";
  return port === undefined || port === "0" ? `${namespace}/${name}` : `${namespace}/${name}:${port}`;
}
