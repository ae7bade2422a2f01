import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry, HttpRouteConfig, PortConfig } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { Segment } from "#src/memory/segment.ts";
import { Explainer } from "./explain.ts";

const port = (bound: number, gateway: string): Entry => {
  const value: PortConfig = {
    kind: "port",
    engine: "balancer",
    port: bound,
    publicPort: 80,
    protocol: "HTTP",
    addresses: [],
    listeners: [{ id: `shop/${gateway}/http`, gateway: `shop/${gateway}`, hostname: "", certificates: [] }],
  };
  return toEntry(`port/balancer/TCP/${bound}`, value);
};

const route = (gateway: string, host: string): Entry => {
  const value: HttpRouteConfig = {
    kind: "httpRoute",
    id: `shop/${gateway}`,
    createdAt: "",
    attachments: [{ listener: `shop/${gateway}/http`, hostnames: [host] }],
    rules: [
      {
        name: "",
        matches: [{ path: { type: "PathPrefix", value: "/" }, method: "", headers: [], queryParams: [] }],
        filters: [],
        backends: [],
        requestTimeoutMs: 0,
        backendTimeoutMs: 0,
      },
    ],
  };
  return toEntry(`httproute/${value.id}`, value);
};

test("of Gateways that have the URL's port each for itself the one that has a route for it is explained", () => {
  const segment = Segment.local({ processes: 1, counters: 0, gauges: 0, healthTargets: 8, slots: 0, arenaBytes: 0 });
  const explainer = new Explainer("balancer", { options: { bind: [] }, segment, addAdminPath: () => undefined });
  const entries = [port(10_000, "a"), port(10_001, "b"), route("a", "a.test"), route("b", "b.test")];
  const map = new Map(entries.map((entry) => [entry.key, entry]));
  explainer.apply({ upsert: entries, remove: [], entries: map, digest: "" });
  for (const name of ["a", "b"]) {
    const answer = explainer.answer(new URLSearchParams({ url: `http://${name}.test/` }));
    assert.ok("port" in answer);
    assert.deepEqual([answer.port?.port, answer.route?.chosen?.route], [80, `shop/${name}`]);
  }
  const bound = explainer.answer(new URLSearchParams({ url: "http://a.test:10000/" }));
  assert.ok("port" in bound);
  assert.equal(bound.port, null);
});
