/** The journey of a request as steps for a person, from what the DNS service, the planes and the real answer have said. Pure. */
import type { RejectedMatch } from "#src/balance/l7/explain-route.ts";
import type { HttpFilterConfig, HttpMatchConfig } from "#src/config/model.ts";
import type { AskedRequest } from "#src/plane/asked-request.ts";
import type { ExplainedBackend, ExplainedPort, PlaneExplanation } from "#src/plane/explanation.ts";
import type { LookupResponse } from "./lookup.ts";
import type { Sent } from "./send-once.ts";

export interface Journey {
  readonly asked: AskedRequest;
  /** `ADDRESS@PORT` of the DNS service. */
  readonly server: string;
  /** Empty when DNS was not asked; a sentence for a question that was not answered. */
  readonly lookups: readonly (LookupResponse | string)[];
  /** By service: its explanation, or why there is none. */
  readonly planes: Readonly<Record<string, PlaneExplanation | string>>;
  /** Undefined when nothing was sent. */
  readonly sent: Sent | undefined;
}

export interface Step {
  readonly step: "dns" | "listener" | "tls" | "route" | "filters" | "cache" | "backend" | "response";
  readonly ok: boolean;
  /** Milliseconds; undefined for a step that has no time of its own. */
  readonly ms: number | undefined;
  /** The first is the step's line. */
  readonly lines: readonly string[];
}

/** The plane that has the URL's port. */
export function ownerOf(planes: Journey["planes"]): PlaneExplanation | undefined {
  return Object.values(planes).find(
    (plane): plane is PlaneExplanation => typeof plane !== "string" && plane.port !== null,
  );
}

export function describeJourney(journey: Journey): Step[] {
  const owner = ownerOf(journey.planes);
  return [
    dnsStep(journey),
    listenerStep(journey, owner),
    ...tlsSteps(journey),
    ...(owner?.route == null && owner?.refused == null ? [] : [routeStep(owner)]),
    ...filterSteps(owner),
    ...(owner?.engine === "edge" ? cacheSteps(journey) : []),
    ...backendSteps(owner, journey.sent),
    ...responseSteps(journey, owner),
  ];
}

const dnsLine = (ok: boolean, lines: readonly string[], ms?: number): Step => ({ step: "dns", ok, ms, lines });

function dnsStep({ asked, server, lookups, sent }: Journey): Step {
  if (asked.hostIsAddress) return dnsLine(true, [`not asked: ${asked.host} is an address`]);
  const answers = lookups.filter((each) => typeof each !== "string");
  const ms = answers.reduce((sum, each) => sum + each.ms, 0);
  const goesOn = sent === undefined ? [] : [`the journey goes on at ${sent.address}`];
  const records = [
    ...new Set(
      answers.flatMap(({ answer }) =>
        answer.map(({ name, type, data, ttl }) => `${name} ${type} ${data} (ttl ${ttl})`),
      ),
    ),
  ];
  if (records.length > 0) return dnsLine(true, [`${answers[0]!.rcode} from ${server}`, ...records], ms);
  if (answers.length > 0) {
    const what = answers[0]!.rcode === "NOERROR" ? "NODATA" : answers[0]!.rcode;
    return dnsLine(
      false,
      [
        `${what} from ${server}: no address`,
        ...goesOn,
        `next: add ${asked.host} to a Zone, or skip DNS with --connect`,
      ],
      ms,
    );
  }
  const reason = lookups.find((each) => typeof each === "string") ?? "no answer";
  return dnsLine(false, [reason, ...goesOn, "next: start `fairway up`, or name the server with --dns ADDRESS@PORT"]);
}

function listenerStep({ asked, planes, sent }: Journey, owner: PlaneExplanation | undefined): Step {
  const ms = sent?.connectMs;
  if (owner?.port == null) return { step: "listener", ok: false, ms, lines: unknownPort(asked, planes) };
  const { port, route, engine } = owner;
  const own = route === null ? port.listeners : port.listeners.filter(({ hostname }) => hostname === route.hostname);
  const at = `${port.protocol} port ${port.port} of ${engine} at ${port.addresses.join(", ")}`;
  const names = own.map(({ id, hostname }) => `${id} (${hostname === "" ? "every host" : hostname})`).join(", ");
  const lines = [names === "" ? `no listener of ${at} is for ${asked.host}` : `${names}, ${at}`];
  if (port.protocol === "TCP") lines.push("a TCP listener passes bytes on unread: there is no route by host or path");
  const wrong =
    port.protocol === "HTTPS" && !asked.secure ? "https" : port.protocol === "HTTP" && asked.secure ? "http" : "";
  if (wrong !== "") lines.push(`next: the listener speaks ${port.protocol}: use ${wrong}://`);
  if (names === "") lines.push("next: give a listener that host name, or none for every host");
  if (sent?.failed?.step === "connect") {
    lines.push(`cannot connect to ${sent.address}: ${sent.failed.reason}`);
    lines.push("next: let the name's address be one of the listener's, or choose one with --connect");
  } else if (sent !== undefined) lines.push(`connected to ${sent.address}`);
  return { step: "listener", ok: wrong === "" && names !== "" && sent?.failed?.step !== "connect", ms, lines };
}

function unknownPort({ port }: AskedRequest, planes: Journey["planes"]): string[] {
  const silent = Object.entries(planes).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const ports = Object.values(planes).flatMap((plane) =>
    typeof plane === "string" ? [] : plane.ports.map((each) => portText(plane, each)),
  );
  return [
    `no listener has TCP port ${port}`,
    ...(ports.length > 0 ? [`there are: ${ports.join(", ")}`] : []),
    ...silent.map(([name, reason]) => `${name} did not answer: ${reason}`),
    silent.length > 0
      ? "next: start `fairway up`, or name the admin endpoints with --admin SERVICE=ADDRESS@PORT"
      : "next: use one of these ports, or add a listener to a Gateway (`fairway check -f DIR` says why one is not served)",
  ];
}

const portText = ({ engine }: PlaneExplanation, { port, protocol }: ExplainedPort): string =>
  `${port} (${engine}, ${protocol})`;

function tlsSteps({ sent }: Journey): Step[] {
  if (sent?.failed?.step === "tls") {
    return [
      {
        step: "tls",
        ok: false,
        ms: undefined,
        lines: [sent.failed.reason, "next: see that a listener of the port is for this name and has a certificate"],
      },
    ];
  }
  const tls = sent?.tls;
  if (tls === undefined) return [];
  const { serverName, version, alpn, subject, names, expires, expired, mismatch, untrusted, ms } = tls;
  const lines = [
    `${version}, ALPN ${alpn}, SNI ${serverName === "" ? "not sent: the host is an address" : serverName}`,
    `certificate ${subject}${names === "" ? "" : ` (${names})`}, ${expired ? "EXPIRED" : "expires"} ${expires}`,
  ];
  if (untrusted !== "") lines.push(`this machine does not trust it: ${untrusted}`);
  if (mismatch !== "") lines.push(mismatch);
  if (expired || mismatch !== "") lines.push("next: save a certificate for this name in the listener's Secret");
  return [{ step: "tls", ok: !expired && mismatch === "", ms, lines }];
}

function routeStep({ route, refused, ms }: PlaneExplanation): Step {
  if (route === null)
    return {
      step: "route",
      ok: false,
      ms,
      lines: [`none: the head is refused with ${refused}`, "next: correct the request"],
    };
  const { chosen, misdirectedFrom, rejected, moreRejected, elsewhere } = route;
  if (misdirectedFrom !== undefined) return misdirectedStep(route.hostname ?? "", misdirectedFrom, ms);
  const lines = [
    chosen === undefined
      ? "none matches: 404"
      : `${chosen.route} rule ${chosen.rule} match ${chosen.match}: ${wantsText(chosen.wants, chosen.hostname ?? "")}`,
    ...rejected.map((each) => rejectedText(each)),
    ...(moreRejected > 0 ? [`and ${moreRejected} more that are further away`] : []),
    ...elsewhere.map(
      ({ route: name, listener, port }) => `${name} is for this host, but on port ${port} (${listener})`,
    ),
  ];
  if (chosen === undefined)
    lines.push(
      "next: change what the nearest asks for, or the request; a route that is not listed is not attached (`fairway check -f DIR`)",
    );
  return { step: "route", ok: chosen !== undefined, ms, lines };
}

function misdirectedStep(hostname: string, from: string, ms: number): Step {
  return {
    step: "route",
    ok: false,
    ms,
    lines: [
      `none is asked: 421, ${listenerFor(hostname)} takes the request, but the TLS connection is for ${listenerFor(from)}`,
      "next: send the request on a connection of its own, whose SNI is its host",
    ],
  };
}

const listenerFor = (hostname: string): string => `the listener for ${hostname === "" ? "every host" : hostname}`;

const rejectedText = ({ route, rule, match, step, reason }: RejectedMatch): string =>
  step === "host" || step === "listener"
    ? `not ${route} (${step}): ${reason}`
    : `not ${route} rule ${rule} match ${match} (${step}): ${reason}`;

function wantsText({ path, method, headers, queryParams }: HttpMatchConfig, hostname: string): string {
  return [
    hostname === "" ? "every host" : `host ${hostname}`,
    `${path.type === "Exact" ? "exact path" : "path prefix"} ${path.value}`,
    ...(method === "" ? [] : [`method ${method}`]),
    ...headers.map(({ name, value }) => `header ${name}: ${value}`),
    ...queryParams.map(({ name, value }) => `query ${name}=${value}`),
  ].join(", ");
}

function filterSteps(owner: PlaneExplanation | undefined): Step[] {
  const filters = owner?.rule?.filters ?? [];
  return filters.length === 0
    ? []
    : [{ step: "filters", ok: true, ms: undefined, lines: filters.map((filter) => filterText(filter)) }];
}

function filterText(filter: HttpFilterConfig): string {
  if (filter.type === "RequestHeaderModifier" || filter.type === "ResponseHeaderModifier") {
    const changes = [
      ...filter.set.map(({ name, value }) => `set ${name}: ${value}`),
      ...filter.add.map(({ name, value }) => `add ${name}: ${value}`),
      ...filter.remove.map((name) => `remove ${name}`),
    ];
    return `${filter.type}: ${changes.join(", ")}`;
  }
  const { hostname, path } = filter;
  const changes = [
    ...(filter.type === "RequestRedirect" ? [`status ${filter.status}`] : []),
    ...(filter.type === "RequestRedirect" && filter.scheme !== "" ? [`scheme ${filter.scheme}`] : []),
    ...(filter.type === "RequestRedirect" && filter.port !== 0 ? [`port ${filter.port}`] : []),
    ...(hostname === "" ? [] : [`host ${hostname}`]),
    ...(path === undefined
      ? []
      : [path.type === "ReplaceFullPath" ? `path ${path.value}` : `path prefix becomes ${path.value}`]),
  ];
  return `${filter.type}: ${changes.join(", ")}`;
}

function cacheSteps({ sent }: Journey): Step[] {
  if (sent?.fields === undefined) return [];
  const verdict = sent.fields["cache-status"];
  const age = sent.fields["age"];
  const line =
    verdict === undefined
      ? "not asked: the answer has no Cache-Status"
      : `${verdict}${age === undefined ? "" : `, age ${age} s`}`;
  return [{ step: "cache", ok: true, ms: undefined, lines: [line] }];
}

const isRedirect = ({ filters }: { readonly filters: readonly HttpFilterConfig[] }): boolean =>
  filters.some(({ type }) => type === "RequestRedirect");

function backendSteps(owner: PlaneExplanation | undefined, sent: Sent | undefined): Step[] {
  const rule = owner?.rule;
  if (rule == null) return [];
  if (isRedirect(rule)) return [{ step: "backend", ok: true, ms: undefined, lines: ["not asked: the rule redirects"] }];
  const fromCache = owner?.engine === "edge" && /\bhit\b/.test(sent?.fields?.["cache-status"] ?? "");
  const weighted = rule.backends.filter(({ weight }) => weight > 0);
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  const head = fromCache ? "not asked: the answer came from the cache; else" : "";
  const lines = [
    `${head} ${weighted.length > 1 ? "one of" : "only"}`.trim(),
    ...weighted.flatMap((each) => backendLines(each, total)),
  ];
  const usable = weighted.some(({ endpoints }) => endpoints.some(({ ready, health }) => ready && health !== "down"));
  if (weighted.length === 0)
    lines.splice(0, 1, "none: the rule has no backend with a weight", "next: give the rule a backendRef");
  else if (!usable) lines.push("next: start an endpoint, or see what its health check asks for");
  return [{ step: "backend", ok: usable, ms: undefined, lines }];
}

function backendLines({ backend, weight, tls, endpoints }: ExplainedBackend, total: number): string[] {
  const share = `weight ${weight} of ${total}`;
  if (backend === "") return [`a reference that is not resolved, ${share}: answered with 500`];
  return [
    `${backend}, ${share}${tls ? ", over TLS" : ""}${endpoints.length === 0 ? ", without endpoints" : ""}`,
    ...endpoints.map(
      ({ endpoint, weight: own, ready, health }) => `  ${endpoint} weight ${own}, ${ready ? health : "not ready"}`,
    ),
  ];
}

function responseSteps({ sent, asked }: Journey, owner: PlaneExplanation | undefined): Step[] {
  if (sent === undefined || sent.failed?.step === "connect" || sent.failed?.step === "tls") return [];
  const { headMs, endMs, status = 0, bytes = 0, fields = {}, failed } = sent;
  if (failed !== undefined) {
    return [
      {
        step: "response",
        ok: false,
        ms: headMs,
        lines: [`no complete response to ${asked.method}: ${failed.reason}`, "next: look at the service's log"],
      },
    ];
  }
  const lines = [`${status}, ${bytes} bytes; head after ${timeText(headMs)} ms, end ${timeText(endMs)} ms later`];
  if (fields["location"] !== undefined) lines.push(`location: ${fields["location"]}`);
  if (status >= 500)
    lines.push(
      owner?.rule == null
        ? "next: look at the service's log"
        : "next: look at the backend's endpoints above, and at their log",
    );
  return [{ step: "response", ok: status < 500, ms: (headMs ?? 0) + (endMs ?? 0), lines }];
}

export const timeText = (ms: number | undefined): string => (ms === undefined ? "-" : ms.toFixed(ms < 1 ? 2 : 1));
