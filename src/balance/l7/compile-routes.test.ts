/** Route choice and filters through the real HTTP/1.1 engine over fake streams; backends are fakes that write down what they get. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  HttpFilterConfig,
  HttpMatchConfig,
  HttpRouteConfig,
  HttpRuleConfig,
  ListenerConfig,
  PortConfig,
  WeightedBackend,
} from "#src/config/model.ts";
import { HttpDate } from "#src/http/engine/http-date.ts";
import { DEFAULT_LIMITS } from "#src/http/engine/limits.ts";
import { OutBuffer } from "#src/http/engine/out-buffer.ts";
import type { EngineServices, HttpPort } from "#src/http/engine/services.ts";
import type { Exchange } from "#src/http/exchange.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import { makeOpenH1 } from "#src/http/h1/open.ts";
import { parseResponse } from "#src/http/h1/parse.ts";
import { writeRequestHead } from "#src/http/h1/write.ts";
import { Message } from "#src/http/message.ts";
import { METHOD } from "#src/http/method.ts";
import type { UpstreamCall, UpstreamPool, UpstreamReceiver, UpstreamRequest } from "#src/http/upstream.ts";
import { Slab } from "#src/reactor/slab.ts";
import { TimerWheel } from "#src/reactor/timer-wheel.ts";
import { FakeParts, FakeStream } from "#src/testing/fake-stream.ts";
import { RouteCompiler, type RouteSources } from "./compile-routes.ts";
import { RelayServices } from "./relay.ts";
import { RelayStage } from "./relay-stage.ts";
import { RuleUpstream } from "./rule-upstream.ts";
import { WeightedChoice } from "./weighted-choice.ts";

const HEADS = { headBytes: 65_536, fields: 256 };

/** Answers 200 in parts that the test asks for, and keeps the heads that it was sent. */
class FakeUpstream implements UpstreamPool {
  readonly sent: string[] = [];
  readonly upgrades: boolean[] = [];
  receiver: UpstreamReceiver | undefined = undefined;
  cancelled = 0;
  readonly #answer: string | undefined;
  readonly #call: UpstreamCall = {
    endpoint: "192.0.2.9:80",
    retries: 0,
    write: () => true,
    end: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    cancel: () => void this.cancelled++,
  };

  constructor(answer: string | undefined = "HTTP/1.1 204 No Content\r\nx-from: backend\r\n\r\n") {
    this.#answer = answer;
  }

  request(request: UpstreamRequest, receiver: UpstreamReceiver): UpstreamCall {
    const out = new Uint8Array(8192);
    const length = writeRequestHead(out, 0, request.head, request.edits, "implied");
    this.sent.push(Buffer.from(out.subarray(0, length)).toString("latin1"));
    this.upgrades.push(request.head.upgrade);
    this.receiver = receiver;
    return this.#call;
  }

  /** As a pool would, in a later event. */
  answer(): void {
    if (this.#answer === undefined || this.receiver === undefined) return;
    const bytes = Buffer.from(this.#answer, "latin1");
    const head = new Message();
    assert.ok(parseResponse(bytes, 0, bytes.length, head, METHOD.GET, HEADS) > 0);
    const { receiver } = this;
    this.receiver = undefined;
    receiver.onResponse(this.#call, head);
    receiver.onBodyEnd(this.#call, undefined);
  }
}

const listener = (hostname: string, id = `default/gw/${hostname}`): ListenerConfig => ({
  id,
  gateway: "default/gw",
  hostname,
  certificates: [],
});

const prefix = (value: string): HttpMatchConfig => ({
  path: { type: "PathPrefix", value },
  method: "",
  headers: [],
  queryParams: [],
});
const exact = (value: string): HttpMatchConfig => ({ ...prefix(value), path: { type: "Exact", value } });

const rule = (changed: Partial<HttpRuleConfig> = {}): HttpRuleConfig => ({
  name: "",
  matches: [prefix("/")],
  filters: [],
  backends: [{ backend: "backend/default/Service/web/80", weight: 1 }],
  requestTimeoutMs: 0,
  backendTimeoutMs: 0,
  ...changed,
});

const route = (
  id: string,
  rules: readonly HttpRuleConfig[],
  attachments: readonly (readonly [listener: string, hostnames: readonly string[]])[] = [["default/gw/", [""]]],
  createdAt = "",
): HttpRouteConfig => ({
  kind: "httpRoute",
  id,
  createdAt,
  attachments: attachments.map(([name, hostnames]) => ({ listener: name, hostnames })),
  rules,
});

interface Set {
  readonly listeners?: readonly ListenerConfig[];
  readonly routes: readonly HttpRouteConfig[];
  readonly upstreamOf?: RouteSources["upstreamOf"];
  readonly front?: RouteSources["front"];
  readonly port?: number;
  readonly secure?: boolean;
  /** What makes backends answer that have been asked. */
  readonly answer?: () => void;
}

function serve(set: Set) {
  const upstream = new FakeUpstream();
  const wheelLoop = {
    now: 1000,
    startTick: () => {},
    cancelTick: () => {},
    fault: (error: unknown) => assert.fail(String(error)),
  };
  const deadlines = new TimerWheel(wheelLoop);
  const loop = {
    get now() {
      return wheelLoop.now;
    },
    deadlines,
  };
  const notes: string[] = [];
  const services: EngineServices = {
    loop,
    limits: DEFAULT_LIMITS,
    date: new HttpDate(() => 0),
    observer: {
      onConnection: () => undefined,
      onConnectionEnd: () => undefined,
      onRequest: () => undefined,
      onFinish: ({ status, notes: { gateway, route: name, backend, endpoint, reason } }) =>
        notes.push([status, gateway, name, backend, endpoint, reason].join(" ").trimEnd()),
      onRefused: (reason) => notes.push(`refused ${reason}`),
    },
    out: new OutBuffer(new Slab(65_536)),
    parts: new FakeParts(),
    edits: new FieldEdits(),
  };
  const number = set.port ?? 80;
  const compiler = new RouteCompiler({
    upstreamOf: set.upstreamOf ?? (() => upstream),
    relay: new RelayServices(loop, 1000),
    ...(set.front === undefined ? {} : { front: set.front }),
  });
  const compile = (routes: readonly HttpRouteConfig[], listeners = set.listeners ?? [listener("")]): HttpPort => {
    const secure = set.secure ?? false;
    const config: PortConfig = {
      kind: "port",
      engine: "balancer",
      // As in a cluster: nothing that clients see may be the bound port.
      port: 10_000 + number,
      publicPort: number,
      protocol: secure ? "HTTPS" : "HTTP",
      addresses: [],
      listeners,
    };
    return { secure, stages: compiler.compile([config], routes).get(10_000 + number)!.stages };
  };
  const port = { current: compile(set.routes) };
  /** What follows meets these routes. */
  const apply = (routes: readonly HttpRouteConfig[], listeners?: readonly ListenerConfig[]): void => {
    port.current = compile(routes, listeners);
  };
  const open = makeOpenH1(services);
  const connect = (): FakeStream => {
    const stream = new FakeStream();
    stream.handler = open(stream, port, services);
    return stream;
  };
  /** One request on a connection of its own; what came back. */
  const ask = (target: string, host = "a.example", fields = "", method = "GET"): string => {
    const stream = connect();
    stream.receive(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);
    if (set.answer === undefined) upstream.answer();
    else set.answer();
    services.out.flush();
    return stream.takeSent();
  };
  const advance = (ms: number): void => {
    wheelLoop.now += ms;
    deadlines.tick();
    services.out.flush();
  };
  /** The route that a request takes, from the notes. */
  const routeOf = (target: string, host?: string, fields?: string, method?: string): string => {
    ask(target, host, fields, method);
    return notes.pop()!.split(" ")[2] ?? "";
  };
  return { apply, ask, routeOf, connect, upstream, notes, advance, services };
}

const idleLoop = { now: 0, startTick: () => {}, cancelTick: () => {}, fault: () => {} };

const statusOf = (response: string): number => Number(response.slice(9, 12));
const fieldOf = (head: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)\r$`, "im").exec(head)?.[1];

test("the most specific listener, then the most specific host, then Gateway API's precedence", () => {
  const one = (value: HttpMatchConfig): HttpRuleConfig => rule({ matches: [value] });
  const { routeOf } = serve({
    listeners: [listener(""), listener("*.example.com"), listener("*.b.example.com"), listener("www.example.com")],
    routes: [
      route("ns/any", [one(prefix("/"))]),
      route("ns/any-host", [one(prefix("/only"))], [["default/gw/", ["exact.test"]]]),
      route("ns/wild", [one(prefix("/"))], [["default/gw/*.example.com", ["*.example.com"]]]),
      route("ns/wild-exact", [one(prefix("/shop"))], [["default/gw/*.example.com", ["x.example.com"]]]),
      route("ns/deep", [one(prefix("/deep"))], [["default/gw/*.b.example.com", ["*.b.example.com"]]]),
      route("ns/www", [one(exact("/a")), one(prefix("/a/b"))], [["default/gw/www.example.com", ["www.example.com"]]]),
    ],
  });
  const table: readonly (readonly [host: string, target: string, route: string])[] = [
    ["other.test", "/", "ns/any"],
    ["example.com", "/", "ns/any"],
    ["EXACT.test:8080", "/only/x", "ns/any-host"],
    ["exact.test", "/onlyx", "ns/any"],
    ["q.example.com", "/", "ns/wild"],
    ["x.example.com", "/shop", "ns/wild-exact"],
    ["x.example.com", "/shopping", "ns/wild"],
    ["c.b.example.com", "/deep/1", "ns/deep"],
    // No help from a less specific listener.
    ["c.b.example.com", "/", "noRoute"],
    ["www.example.com", "/a", "ns/www"],
    ["www.example.com", "/a/", "noRoute"],
    ["www.example.com.", "/a/b/c", "ns/www"],
    ["www.example.com", "/x/../a", "ns/www"],
    ["www.example.com", "/a/b/%2e%2E/c", "noRoute"],
    ["[2001:db8::1]:80", "/", "ns/any"],
  ];
  for (const [host, target, wanted] of table) {
    const name = routeOf(target, host);
    assert.equal(name === "" ? "noRoute" : name, wanted, `${host}${target}`);
  }
});

test("method, headers, query parameters, age and name decide among matches of one path", () => {
  const old = "2026-01-01T00:00:00Z";
  const late = "2026-02-01T00:00:00Z";
  const to = (id: string, match: Partial<HttpMatchConfig>, createdAt: string): HttpRouteConfig =>
    route(id, [rule({ matches: [{ ...prefix("/"), ...match }] })], undefined, createdAt);
  const header = (name: string) => ({ name, value: "1" });
  const { routeOf } = serve({
    routes: [
      to("ns/b", {}, old),
      to("ns/a", {}, old),
      to("ns/0", {}, late),
      to("ns/method", { method: "POST" }, late),
      to("ns/header", { headers: [header("x-a")] }, late),
      to("ns/headers", { headers: [header("x-a"), header("x-b")] }, late),
      to("ns/query", { queryParams: [{ name: "q", value: "1" }] }, old),
      to("ns/long", { path: { type: "PathPrefix", value: "/long" } }, late),
      to("ns/exact", { path: { type: "Exact", value: "/long/x" } }, late),
    ],
  });
  assert.equal(routeOf("/"), "ns/a");
  assert.equal(routeOf("/", "h", "x-a: 1\r\n", "POST"), "ns/method");
  assert.equal(routeOf("/?q=1", "h", "X-A: 1\r\n"), "ns/header");
  assert.equal(routeOf("/", "h", "x-a: 1\r\nx-b: 1\r\n"), "ns/headers");
  assert.equal(routeOf("/?q=1"), "ns/query");
  assert.equal(routeOf("/?q=2"), "ns/a");
  assert.equal(routeOf("/long/y", "h", "x-a: 1\r\n", "POST"), "ns/long");
  assert.equal(routeOf("/long/x"), "ns/exact");
});

test("without a listener or a route 404, CONNECT 501", () => {
  const { ask, notes } = serve({ listeners: [listener("a.test")], routes: [] });
  assert.equal(statusOf(ask("/", "b.test")), 404);
  assert.equal(statusOf(ask("/", "a.test")), 404);
  assert.equal(statusOf(ask("a.test:443", "a.test:443", "", "CONNECT")), 501);
  assert.deepEqual(notes, ["404     noListener", "404 default/gw    noRoute", "501     connectMethod"]);
});

type Redirect = Extract<HttpFilterConfig, { readonly type: "RequestRedirect" }>;
const redirects: readonly (readonly [
  port: number,
  secure: boolean,
  change: Partial<Redirect>,
  matched: string,
  target: string,
  location: string,
])[] = [
  [80, false, { scheme: "https" }, "/", "/a?b=c", "https://a.example/a?b=c"],
  [8080, false, { scheme: "https" }, "/", "/a", "https://a.example/a"],
  [8080, false, { scheme: "https", port: 8443 }, "/", "/a", "https://a.example:8443/a"],
  [8080, false, { hostname: "b.example" }, "/", "/a", "http://b.example:8080/a"],
  [80, false, { hostname: "b.example" }, "/", "/", "http://b.example/"],
  [443, true, { hostname: "b.example" }, "/", "/", "https://b.example/"],
  [8443, true, { scheme: "http" }, "/", "/", "http://a.example/"],
  [443, true, { port: 80 }, "/", "/", "https://a.example:80/"],
  [80, false, { path: { type: "ReplaceFullPath", value: "/new" } }, "/", "/a/b?q", "http://a.example/new?q"],
  [80, false, { path: { type: "ReplacePrefixMatch", value: "/xyz" } }, "/foo", "/foo/bar", "http://a.example/xyz/bar"],
  [
    80,
    false,
    { path: { type: "ReplacePrefixMatch", value: "/xyz/" } },
    "/foo/",
    "/foo/bar",
    "http://a.example/xyz/bar",
  ],
  [80, false, { path: { type: "ReplacePrefixMatch", value: "/xyz" } }, "/foo", "/foo", "http://a.example/xyz"],
  [80, false, { path: { type: "ReplacePrefixMatch", value: "/xyz" } }, "/foo", "/foo/", "http://a.example/xyz/"],
  [80, false, { path: { type: "ReplacePrefixMatch", value: "" } }, "/foo", "/foo/bar?x", "http://a.example/bar?x"],
  [80, false, { path: { type: "ReplacePrefixMatch", value: "" } }, "/foo", "/foo", "http://a.example/"],
  [80, false, { path: { type: "ReplacePrefixMatch", value: "/" } }, "/foo", "/foo/", "http://a.example/"],
  [80, false, { path: { type: "ReplacePrefixMatch", value: "/" } }, "/foo", "/foo", "http://a.example/"],
];
for (const [port, secure, change, matched, target, location] of redirects) {
  test(`redirect ${JSON.stringify(change)} of ${target} on ${port} goes to ${location}`, () => {
    const filter: Redirect = {
      type: "RequestRedirect",
      scheme: "",
      hostname: "",
      port: 0,
      path: undefined,
      status: 302,
      ...change,
    };
    const only = rule({ matches: [prefix(matched)], filters: [filter], backends: [] });
    const { ask } = serve({ port, secure, routes: [route("ns/r", [only])] });
    const response = ask(target, "a.example:9999");
    assert.equal(statusOf(response), 302);
    assert.equal(fieldOf(response, "location"), location);
  });
}

test("a prefix is replaced by the prefix that matched, of several in one rule", () => {
  const path = { type: "ReplacePrefixMatch", value: "/new" } as const;
  const filters = [{ type: "URLRewrite", hostname: "in.example", path }] as const;
  const only = rule({ matches: [prefix("/a"), prefix("/longer/b")], filters });
  const { ask, upstream } = serve({ routes: [route("ns/r", [only])] });
  for (const target of ["/a/x?q=/a", "/longer/b/x"]) ask(target);
  assert.deepEqual(
    upstream.sent.map((head) => head.split("\r\n").slice(0, 2).join(" ")),
    ["GET /new/x?q=/a HTTP/1.1 host: in.example", "GET /new/x HTTP/1.1 host: in.example"],
  );
  assert.equal(fieldOf(upstream.sent[0]!, "x-forwarded-host"), "a.example");
});

test("a backend is told about the client; forged fields do not survive, a chain does", () => {
  const { ask, upstream } = serve({ routes: [route("ns/r", [rule()])] });
  ask("/", "a.example:81", "x-forwarded-proto: https\r\nx-forwarded-host: evil\r\nvia: 1.0 p\r\n");
  ask("/", "a.example", "x-forwarded-for: 198.51.100.1\r\nx-forwarded-for: 198.51.100.2\r\n");
  const [first = "", second = ""] = upstream.sent;
  assert.equal(fieldOf(first, "x-forwarded-for"), "192.0.2.7");
  assert.equal(fieldOf(first, "x-forwarded-proto"), "http");
  assert.equal(fieldOf(first, "x-forwarded-host"), "a.example:81");
  assert.deepEqual(first.match(/via: .*/g), ["via: 1.0 p", "via: 1.1 fairway"]);
  assert.equal(first.match(/x-forwarded-/g)!.length, 3);
  assert.deepEqual(second.match(/x-forwarded-for: .*/g), ["x-forwarded-for: 198.51.100.1, 198.51.100.2, 192.0.2.7"]);
});

test("header filters change requests and responses, our own fields too, but never framing", () => {
  const filters: readonly HttpFilterConfig[] = [
    {
      type: "RequestHeaderModifier",
      set: [
        { name: "X-Set", value: "new" },
        { name: "Host", value: "set.example" },
        { name: "Transfer-Encoding", value: "chunked" },
      ],
      add: [{ name: "X-Add", value: "b" }],
      remove: ["X-Gone", "X-Forwarded-For"],
    },
    {
      type: "ResponseHeaderModifier",
      set: [{ name: "x-from", value: "us" }],
      add: [{ name: "x-more", value: "1" }],
      remove: ["via"],
    },
  ];
  const { ask, upstream } = serve({ routes: [route("ns/r", [rule({ filters })])] });
  const response = ask("/", "a.example", "x-set: old\r\nX-Add: a\r\nx-gone: 1\r\n");
  const head = upstream.sent[0]!;
  assert.deepEqual(head.match(/^(?:host|x-set|x-add|x-gone|x-forwarded-for|transfer-encoding): .*$/gim), [
    "host: set.example",
    "X-Add: a",
    "x-set: new",
    "x-add: b",
  ]);
  assert.equal(fieldOf(response, "x-from"), "us");
  assert.equal(fieldOf(response, "x-more"), "1");
  assert.equal(fieldOf(response, "via"), undefined);
});

test("weights are kept exactly over a round; a share without a backend answers 500", () => {
  const backends: readonly WeightedBackend[] = [
    { backend: "backend/ns/Service/a/80", weight: 5 },
    { backend: "backend/ns/Service/b/81", weight: 3 },
    { backend: "backend/ns/Backend/c/0", weight: 1 },
    { backend: "", weight: 1 },
    { backend: "backend/ns/Service/never/80", weight: 0 },
  ];
  const upstream = new FakeUpstream();
  const set = serve({ routes: [route("ns/r", [rule({ backends })])], upstreamOf: () => upstream });
  for (let i = 0; i < 100; i++) {
    const stream = set.connect();
    stream.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    upstream.answer();
  }
  const counts = Map.groupBy(set.notes, (line) => line);
  assert.deepEqual(Object.fromEntries([...counts].map(([line, list]) => [line, list.length])), {
    "204 default/gw ns/r ns/a:80 192.0.2.9:80": 50,
    "204 default/gw ns/r ns/b:81 192.0.2.9:80": 30,
    "204 default/gw ns/r ns/c 192.0.2.9:80": 10,
    "500 default/gw ns/r   noBackend: the backend is not resolved": 10,
  });
});

test("no backends, only weights of 0, and unknown keys answer 500", () => {
  const weightless = [{ backend: "backend/ns/Service/a/80", weight: 0 }];
  for (const backends of [[], weightless]) {
    assert.equal(statusOf(serve({ routes: [route("ns/r", [rule({ backends })])] }).ask("/")), 500);
  }
  const { ask, notes } = serve({ routes: [route("ns/r", [rule()])], upstreamOf: () => undefined });
  assert.equal(statusOf(ask("/")), 500);
  assert.match(notes[0]!, /default\/web:80 .*not resolved/);
});

test("a failure at once within pipelined requests answers each of them", () => {
  const { connect, notes, services } = serve({ routes: [route("ns/r", [rule()])], upstreamOf: () => undefined });
  const stream = connect();
  stream.receive("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3));
  services.out.flush();
  assert.equal(stream.sent.match(/HTTP\/1\.1 500/g)!.length, 3);
  assert.equal(notes.length, 3);
});

test("a relay that fails at once has answered, and is free again", () => {
  const { services } = serve({ routes: [] });
  const relay = new RelayServices({ now: 0, deadlines: new TimerWheel(idleLoop) }, 1000);
  const upstream = new RuleUpstream(
    new WeightedChoice([], () => undefined),
    { edits: undefined, path: undefined },
    relay.changed,
  );
  const stage = new RelayStage(upstream, { requestMs: 0, headMs: 0 }, relay);
  const outcomes: string[] = [];
  const stages = [
    {
      onRequest(exchange: Exchange) {
        const outcome = stage.onRequest(exchange);
        outcomes.push(outcome);
        return outcome;
      },
    },
  ];
  const stream = new FakeStream();
  stream.handler = makeOpenH1(services)(stream, { current: { secure: false, stages } }, services);
  for (let i = 0; i < 2; i++) {
    stream.receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
    services.out.flush();
    assert.equal(statusOf(stream.takeSent()), 500);
  }
  assert.deepEqual(outcomes, ["done", "done"]);
  assert.equal(relay.spare.length, 1);
});

test("a stage in front gets the rule's own upstream and may answer instead", () => {
  const seen: string[] = [];
  const { ask, upstream } = serve({
    routes: [route("ns/r", [rule({ matches: [prefix("/hit"), prefix("/")] })])],
    front: (config, _rule, rules) => ({
      onRequest(exchange) {
        seen.push(`${config.id} ${rules.backend}`);
        if (!exchange.request.path.startsWith("/hit")) return "next";
        exchange.respondText(200, "front", undefined);
        return "done";
      },
    }),
  });
  assert.match(ask("/hit"), /front$/);
  assert.equal(statusOf(ask("/miss")), 204);
  assert.equal(upstream.sent.length, 1);
  assert.deepEqual(seen, ["ns/r ", "ns/r "]);
});

test("a request that takes too long is cancelled and answered 504; one whose client goes is cancelled", () => {
  const { connect, upstream, notes, advance } = serve({ routes: [route("ns/r", [rule({ requestTimeoutMs: 500 })])] });
  const slow = connect();
  slow.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  advance(450);
  assert.equal(slow.sent, "");
  advance(200);
  assert.equal(statusOf(slow.sent), 504);
  assert.equal(upstream.cancelled, 1);
  const gone = connect();
  gone.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  gone.reset();
  assert.equal(upstream.cancelled, 2);
  advance(1000);
  assert.match(notes[0]!, /^504 .*timeout: no complete response in time$/);
  assert.equal(notes.length, 2);
});

test("h2c is no upgrade that is passed on", () => {
  const { ask, upstream } = serve({ routes: [route("ns/r", [rule()])] });
  ask("/", "x", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n");
  ask("/", "x", "Connection: upgrade\r\nUpgrade: websocket\r\n");
  assert.deepEqual(upstream.upgrades, [false, true]);
});

test("1,000 routes compile quickly, on one host and on a thousand", () => {
  for (const hostOf of [() => "", (i: number) => `h${i}.example.com`]) {
    const routes = Array.from({ length: 1000 }, (_, i) =>
      route(
        `ns/r${i}`,
        [rule({ matches: [prefix(`/p${i}`)] })],
        [["default/gw/", [hostOf(i)]]],
        "2026-01-01T00:00:00Z",
      ),
    );
    const { routeOf } = serve({ routes });
    assert.equal(routeOf("/p777/x", "h777.example.com"), "ns/r777");
  }
});

const webKey = (name: number | string): string => `backend/ns/Service/web${name}/80`;

/** Routes of many hosts, each to a backend of its own, served with a front that writes down which of them were compiled. */
function serveMany(count: number) {
  const compiled: string[] = [];
  const pools = new Map<string, FakeUpstream>(Array.from({ length: count }, (_, i) => [webKey(i), new FakeUpstream()]));
  const routes = Array.from({ length: count }, (_, i) => toBackend(i));
  const served = serve({
    routes,
    listeners: [listener(""), listener("*.wild.test")],
    upstreamOf: (key) => pools.get(key),
    front: ({ id }) => void compiled.push(id),
    answer: () => pools.forEach((pool) => pool.answer()),
  });
  /** What was compiled for these routes. */
  const applied = (next: readonly HttpRouteConfig[], listeners?: readonly ListenerConfig[]): readonly string[] => {
    compiled.length = 0;
    served.apply(next, listeners ?? [listener(""), listener("*.wild.test")]);
    return compiled.toSorted();
  };
  return { ...served, compiled, pools, routes, applied };
}

function toBackend(number: number, changed: Partial<HttpRuleConfig> = {}): HttpRouteConfig {
  const backends = [{ backend: webKey(number), weight: 1 }];
  return route(`ns/r${number}`, [rule({ backends, ...changed })], [["default/gw/", [`h${number}.test`]]]);
}

test("of a thousand routes only those are compiled again that have changed", () => {
  const { compiled, applied, routes, routeOf } = serveMany(1000);
  assert.equal(compiled.length, 1000);
  assert.deepEqual(applied(routes.slice()), []);
  const changed = routes.with(500, toBackend(500, { matches: [prefix("/a")] }));
  assert.deepEqual(applied(changed), ["ns/r500"]);
  assert.deepEqual([routeOf("/a", "h500.test"), routeOf("/", "h500.test")], ["ns/r500", ""]);
  assert.equal(routeOf("/", "h501.test"), "ns/r501");
  assert.deepEqual(applied(changed.toSpliced(3, 1)), []);
  assert.equal(routeOf("/", "h3.test"), "");
  assert.deepEqual(applied(changed), ["ns/r3"]);
  assert.equal(routeOf("/", "h3.test"), "ns/r3");
});

test("a route is compiled again when the pool of its backend is another, gone or back", () => {
  const { applied, ask, routes, pools } = serveMany(3);
  const [before, after] = [pools.get(webKey(1))!, new FakeUpstream()];
  ask("/old", "h1.test");
  pools.set(webKey(1), after);
  assert.deepEqual(applied(routes), ["ns/r1"]);
  ask("/new", "h1.test");
  assert.deepEqual([before.sent.length, after.sent.length], [1, 1]);
  pools.delete(webKey(1));
  assert.deepEqual(applied(routes), ["ns/r1"]);
  assert.equal(statusOf(ask("/", "h1.test")), 500);
  assert.deepEqual(applied(routes), []);
  pools.set(webKey(1), after);
  assert.deepEqual(applied(routes), ["ns/r1"]);
  ask("/back", "h1.test");
  assert.deepEqual([before.sent.length, after.sent.length], [1, 2]);
});

test("routes are kept when listeners change, and go where they are attached now", () => {
  const { applied, routes, routeOf, notes, ask } = serveMany(3);
  assert.deepEqual(applied(routes, [listener("")]), []);
  assert.equal(routeOf("/", "h1.test"), "ns/r1");
  const other = { ...listener("", "default/gw/"), gateway: "default/other" };
  assert.deepEqual(applied(routes, [other]), ["ns/r0", "ns/r1", "ns/r2"]);
  ask("/", "h1.test");
  assert.match(notes.pop()!, /^204 default\/other ns\/r1/);
  assert.deepEqual(applied(routes, [listener("*.wild.test")]), []);
  assert.equal(routeOf("/", "h1.test"), "");
  const moved = { ...routes[1]!, attachments: [{ listener: "default/gw/*.wild.test", hostnames: ["h1.wild.test"] }] };
  assert.deepEqual(applied(routes.with(1, moved), [listener(""), listener("*.wild.test")]), [
    "ns/r0",
    "ns/r1",
    "ns/r2",
  ]);
  assert.deepEqual([routeOf("/", "h1.test"), routeOf("/", "h1.wild.test")], ["", "ns/r1"]);
});

test("routes of one host share a table, which is made anew when one of them is", () => {
  const hosts = [["default/gw/", ["a.test"]]] as const;
  const one = (id: string, path: string) => route(id, [rule({ matches: [prefix(path)] })], hosts);
  const { apply, routeOf } = serve({ routes: [one("ns/a", "/a"), one("ns/b", "/b")] });
  apply([one("ns/a", "/c"), one("ns/b", "/b")]);
  assert.deepEqual([routeOf("/a", "a.test"), routeOf("/b", "a.test"), routeOf("/c", "a.test")], ["", "ns/b", "ns/a"]);
  apply([one("ns/b", "/b")]);
  assert.deepEqual([routeOf("/b", "a.test"), routeOf("/c", "a.test")], ["ns/b", ""]);
});

test("the shares of an unchanged rule go on where they were", () => {
  const [a, b] = [new FakeUpstream(), new FakeUpstream()];
  const backends = ["a", "b"].map((name) => ({ backend: webKey(name), weight: 1 }));
  const routes = [route("ns/r", [rule({ backends })])];
  const { apply, ask } = serve({ routes, upstreamOf: (key) => (key === webKey("a") ? a : b) });
  for (let i = 0; i < 4; i++) {
    ask("/");
    apply(routes.slice());
  }
  assert.deepEqual([a.sent.length, b.sent.length], [2, 2]);
});
