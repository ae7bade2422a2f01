/** What a change leaves as it was: matches and path tables are the same objects from one compilation to the next. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpRouteConfig, PortConfig } from "#src/config/model.ts";
import { Message } from "#src/http/message.ts";
import { TableCompiler } from "./compile-tables.ts";
import type { PathTable } from "./path-table.ts";
import type { RouteMatch, RouteTable } from "./route-table.ts";

const COUNT = 1000;
const port = (number: number): PortConfig => ({
  kind: "port",
  engine: "balancer",
  port: number,
  publicPort: number,
  protocol: "HTTP",
  addresses: [],
  listeners: [{ id: `d/g/${number}`, gateway: "d/g", hostname: "", certificates: [] }],
});
const PORTS = [port(80), port(81)];

/** Attached to both ports. */
const route = (number: number, path = "/"): HttpRouteConfig => ({
  kind: "httpRoute",
  id: `d/r${number}`,
  createdAt: "",
  attachments: [80, 81].map((each) => ({ listener: `d/g/${each}`, hostnames: [`h${number}.test`] })),
  rules: [
    {
      name: "",
      matches: [{ path: { type: "PathPrefix", value: path }, method: "", headers: [], queryParams: [] }],
      filters: [],
      backends: [],
      requestTimeoutMs: 0,
      backendTimeoutMs: 0,
    },
  ],
});

/** The path table of every host on the port. */
function pathTables(table: RouteTable): (PathTable<RouteMatch> | undefined)[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const message = new Message();
    const host = `h${i}.test`;
    message.reset(new Uint8Array(Buffer.from(host)));
    message.authorityEnd = message.hostEnd = host.length;
    const found: PathTable<RouteMatch>[] = [];
    table.listenerOf(message)?.hosts.collect(message.bytes, 0, host.length, found);
    return found.at(-1);
  });
}

test("one changed route among a thousand: its rules and its host's table on each port, nothing else", () => {
  let compiled = 0;
  const compiler = new TableCompiler(() => ({ parts: [], stagesOf: () => (compiled++, []) }));
  const routes = Array.from({ length: COUNT }, (_, i) => route(i));
  const before = compiler.compile(PORTS, routes);
  assert.equal(compiled, 2 * COUNT);
  const after = compiler.compile(PORTS, routes.with(7, route(7, "/a")));
  assert.equal(compiled, 2 * COUNT + 2);
  for (const { port: number } of PORTS) {
    const old = pathTables(before.get(number)!);
    const remade = pathTables(after.get(number)!).flatMap((table, i) => (table === old[i] ? [] : [i]));
    assert.deepEqual(remade, [7]);
  }
});

test("a part that is another object makes the rules of its routes anew; what was dropped is not remembered", () => {
  const compiled: string[] = [];
  const pools = new Map<string, object>();
  const compiler = new TableCompiler((_port, { id }) => ({
    parts: [pools.get(id)],
    stagesOf: () => (compiled.push(id), []),
  }));
  const routes = [route(0), route(1)];
  const compile = (next: readonly HttpRouteConfig[]): readonly string[] => {
    compiled.length = 0;
    compiler.compile([port(80)], next);
    return compiled.slice();
  };
  assert.deepEqual(compile(routes), ["d/r0", "d/r1"]);
  pools.set("d/r1", {});
  assert.deepEqual(compile(routes), ["d/r1"]);
  assert.deepEqual(compile(routes), []);
  assert.deepEqual(compile([routes[0]!]), []);
  assert.deepEqual(compile(routes), ["d/r1"]);
});
