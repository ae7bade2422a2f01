import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpMatchConfig, HttpRouteConfig, PortConfig } from "#src/config/model.ts";
import { Message } from "#src/http/message.ts";
import { TableCompiler } from "./compile-tables.ts";
import { explainRoute, type RouteExplanation } from "./explain-route.ts";

const port = (number: number, hosts: readonly string[]): PortConfig => ({
  kind: "port",
  engine: "balancer",
  port: number,
  publicPort: number,
  protocol: "HTTP",
  addresses: [],
  listeners: hosts.map((hostname) => ({
    id: `d/g/${hostname || "any"}${number}`,
    gateway: "d/g",
    hostname,
    certificates: [],
  })),
});

const match = (value: string, changed: Partial<HttpMatchConfig> = {}): HttpMatchConfig => ({
  path: { type: "PathPrefix", value },
  method: "",
  headers: [],
  queryParams: [],
  ...changed,
});

const route = (
  id: string,
  listener: string,
  hostnames: readonly string[],
  rules: readonly (readonly HttpMatchConfig[])[],
): HttpRouteConfig => ({
  kind: "httpRoute",
  id,
  createdAt: "",
  attachments: [{ listener, hostnames }],
  rules: rules.map((matches) => ({
    name: "",
    matches,
    filters: [],
    backends: [],
    requestTimeoutMs: 0,
    backendTimeoutMs: 0,
  })),
});

const PORTS = [port(80, ["", "*.w.test"]), port(81, [""])];
const ROUTES = [
  route(
    "d/shop",
    "d/g/any80",
    ["shop.test"],
    [
      [match("/old"), match("/cart", { method: "POST" })],
      [match("/", { headers: [{ name: "x-canary", value: "yes" }] })],
      [match("/list", { queryParams: [{ name: "q", value: "1" }] })],
    ],
  ),
  route("d/all", "d/g/any80", [""], [[match("/old")], [match("/exact", { path: { type: "Exact", value: "/exact" } })]]),
  route("d/wild", "d/g/*.w.test80", ["*.w.test"], [[match("/in")]]),
  route("d/other", "d/g/any81", ["shop.test"], [[match("/")]]),
];

const NO_STAGES = { parts: [], stagesOf: () => [] };

/** A head over bytes of its own, for IPv4 and IPv6 hosts as for names. */
function request(method: string, host: string, target: string, header = ""): Message {
  const message = new Message();
  const text = `${method} ${host} ${target} ${header}`;
  message.reset(new Uint8Array(Buffer.from(text, "latin1")));
  message.methodEnd = method.length;
  message.authorityStart = method.length + 1;
  message.authorityEnd = message.hostEnd = message.authorityStart + host.length;
  message.targetStart = message.hostEnd + 1;
  message.targetEnd = message.targetStart + target.length;
  message.pathEnd = target.includes("?") ? message.targetStart + target.indexOf("?") : message.targetEnd;
  const [name = "", value = ""] = header.split(":");
  const at = message.targetEnd + 1;
  if (name !== "") message.addField(0, at, at + name.length, at + name.length + 1, at + name.length + 1 + value.length);
  return message;
}

function explain(asked: Message, serverName?: string): RouteExplanation {
  const table = new TableCompiler(() => NO_STAGES).compile(PORTS, ROUTES).get(80)!;
  return explainRoute(PORTS[0]!, PORTS, ROUTES, table, asked, serverName);
}

const CASES: readonly [asked: Message, chosen: string, nearest: string][] = [
  [
    request("GET", "shop.test", "/old/shoes"),
    "d/shop 0 0",
    "d/all precedence: the host of d/shop rule 0 is more specific",
  ],
  [request("GET", "shop.test", "/a/../old"), "d/shop 0 0", "d/all precedence: more specific"],
  [request("GET", "shop.test", "/cart"), "none", 'd/shop method: wants method POST, the request has "GET"'],
  [request("POST", "shop.test", "/cart"), "d/shop 0 1", "d/shop header: the request has none"],
  [
    request("GET", "shop.test", "/x", "x-canary:no"),
    "none",
    'd/shop header: wants x-canary: "yes", the request has "no"',
  ],
  [request("GET", "shop.test", "/x", "X-Canary:yes"), "d/shop 1 0", ""],
  [request("GET", "shop.test", "/list?q=2"), "none", 'd/shop query: q="1", the query is "?q=2"'],
  [request("GET", "else.test", "/ol"), "none", 'd/all path: the path prefix /old is not that of "/ol"'],
  [request("GET", "else.test", "/exact"), "d/all 1 0", ""],
  [request("GET", "[::1]", "/exact/"), "none", 'd/all path: the exact path /exact is not that of "/exact/"'],
  [request("GET", "192.0.2.1", "/exact"), "d/all 1 0", ""],
  [request("GET", "a.w.test", "/in"), "d/wild 0 0", ""],
  [request("GET", "a.w.test", "/old"), "none", "d/wild path: the path prefix /in"],
];
for (const [asked, chosen, nearest] of CASES) {
  test(`${asked.methodText} ${asked.host}${asked.target}: ${chosen}`, () => {
    const explained = explain(asked);
    const { chosen: found, rejected } = explained;
    assert.equal(found === undefined ? "none" : `${found.route} ${found.rule} ${found.match}`, chosen);
    const [name, words] = nearest.split(": ", 1).concat(nearest.slice(nearest.indexOf(": ") + 2));
    const first = rejected[0]!;
    if (nearest === "") return;
    assert.equal(`${first.route} ${first.step}`, name);
    assert.ok(first.reason.includes(words!), first.reason);
  });
}

test("a route of a less specific listener does not help out, a shorter path comes later, another port is told", () => {
  const { rejected, hostname } = explain(request("GET", "a.w.test", "/old"));
  assert.equal(hostname, "*.w.test");
  assert.match(rejected.find(({ route: id }) => id === "d/all")!.reason, /listener for \*\.w\.test is more specific/);
  const { rejected: later } = explain(request("GET", "shop.test", "/old", "x-canary:yes"));
  assert.match(later.find(({ rule }) => rule === 1)!.reason, /the path of d\/shop rule 0 is longer/);
  const { elsewhere } = explain(request("GET", "shop.test", "/"));
  assert.deepEqual(elsewhere, [{ route: "d/other", listener: "d/g/any81", port: 81 }]);
});

test("a TLS connection that is for another listener: no match is asked, and which listener it is for is told", () => {
  const from = (host: string, serverName?: string): readonly [string | undefined, string | undefined] => {
    const { misdirectedFrom, chosen } = explain(request("GET", host, "/in"), serverName);
    return [misdirectedFrom, chosen?.route];
  };
  assert.deepEqual(from("a.w.test", "shop.test"), ["", undefined]);
  assert.deepEqual(from("A.w.test", ""), ["", undefined]);
  assert.deepEqual(from("shop.test", "a.w.test"), ["*.w.test", undefined]);
  assert.deepEqual(from("A.w.test", "b.w.test"), [undefined, "d/wild"]);
  assert.deepEqual(from("a.w.test"), [undefined, "d/wild"]);
});

test("of many only the nearest are told", () => {
  const many = Array.from({ length: 50 }, (_, i) => route(`d/r${i}`, "d/g/any80", [`h${i}.test`], [[match("/")]]));
  const table = new TableCompiler(() => NO_STAGES).compile(PORTS, many).get(80)!;
  const { rejected, moreRejected } = explainRoute(
    PORTS[0]!,
    PORTS,
    many,
    table,
    request("GET", "h7.tests", "/"),
    undefined,
  );
  assert.equal(rejected.length + moreRejected, 50);
  assert.equal(rejected.length, 5);
  assert.equal(rejected[0]!.step, "host");
});
