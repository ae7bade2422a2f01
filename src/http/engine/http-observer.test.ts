import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { DataPlaneConfig, Entry } from "#src/config/model.ts";
import { bindMetrics } from "#src/metrics/handles.ts";
import { LabelTable } from "#src/metrics/label-table.ts";
import { layoutMetrics } from "#src/metrics/layout.ts";
import { SlotReader } from "#src/metrics/slot-reader.ts";
import { LineWriter } from "#src/process/line-writer.ts";
import { Slab } from "#src/reactor/slab.ts";
import { FakeParts, FakeStream } from "#src/testing/fake-stream.ts";
import type { Exchange } from "../exchange.ts";
import { FieldEdits } from "../field-edits.ts";
import { makeOpenH1 } from "../h1/open.ts";
import { AccessLog } from "./access-log.ts";
import { HttpDate } from "./http-date.ts";
import { HTTP_METRICS } from "./http-metrics.ts";
import { HttpObserver } from "./http-observer.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { OutBuffer } from "./out-buffer.ts";
import type { EngineServices } from "./services.ts";

const WALL = Date.parse("2026-11-24T00:00:00.250Z");

const routeEntry: Entry = {
  key: "httproute/ns/r",
  version: "1",
  value: {
    kind: "httpRoute",
    id: "ns/r",
    createdAt: "",
    attachments: [{ listener: "ns/gw/http", hostnames: [""] }],
    rules: [
      {
        name: "",
        matches: [{ path: { type: "PathPrefix", value: "/" }, method: "", headers: [], queryParams: [] }],
        filters: [],
        backends: [{ backend: "backend/ns/Service/web/80", weight: 1 }],
        requestTimeoutMs: 0,
        backendTimeoutMs: 0,
      },
    ],
  },
};

/** An engine of one port in memory: what it has counted, and its access log's lines. */
function bench(settings: DataPlaneConfig["accessLog"]) {
  const folder = mkdtempSync(join(tmpdir(), "fairway-access-"));
  const fd = openSync(join(folder, "log"), "w");
  const layout = layoutMetrics(HTTP_METRICS);
  const row = new Float64Array(layout.counters + layout.gauges);
  const tables = layout.tables.map((dimension) => new LabelTable(dimension));
  for (const table of tables) table.assign([routeEntry]);
  const reader = new SlotReader({ sum: (slot) => row[slot]!, get: (_, slot) => row[slot]! }, 1, layout, tables);
  const clock = { time: 1000, now: () => clock.time, wall: () => WALL };
  const writer = new LineWriter({ fd });
  const accessLog = new AccessLog({ writer, clock, settings });
  const observer = new HttpObserver({ metrics: bindMetrics(HTTP_METRICS, layout, tables, row), accessLog, clock });
  const services: EngineServices = {
    loop: { now: 1000 },
    limits: DEFAULT_LIMITS,
    date: new HttpDate(() => 0),
    observer,
    out: new OutBuffer(new Slab(32_768)),
    parts: new FakeParts(),
    edits: new FieldEdits(),
  };
  const open = makeOpenH1(services);
  const connect = (onRequest: (exchange: Exchange) => "done" | "wait"): FakeStream => {
    const stream = new FakeStream({ peer: { family: 6, host: "2001:db8::7", port: 1 } });
    stream.handler = open(stream, { current: { secure: false, stages: [{ onRequest }] } }, services);
    return stream;
  };
  const counted = (key: keyof typeof HTTP_METRICS): string[] =>
    [...reader.read(layout.metrics.get(key)!)]
      .map(({ labels, slots }) => `${Object.values(labels).join(" ")} = ${slots.join(" ")}`.trim())
      .filter((line) => !line.endsWith("= 0"));
  const lines = async (): Promise<Record<string, unknown>[]> => {
    await writer[Symbol.asyncDispose]();
    closeSync(fd);
    const text = readFileSync(join(folder, "log"), "utf8");
    rmSync(folder, { recursive: true });
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Record<string, unknown> => JSON.parse(line));
  };
  return { clock, accessLog, connect, counted, lines };
}

const request = (path: string): string => `GET ${path}?secret=1 HTTP/1.1\r\nHost: A.example:8080\r\n\r\n`;
const plain = (exchange: Exchange): "done" => {
  exchange.respondText(200, "ok", undefined);
  return "done";
};

test("an exchange is counted under its target and becomes a line with every field", async () => {
  const { clock, connect, counted, lines } = bench({ mode: "full", sampleEvery: 1 });
  const stream = connect((exchange) => {
    const { notes } = exchange;
    notes.gateway = "ns/gw";
    notes.route = "ns/r";
    notes.backend = "ns/web:80";
    notes.endpoint = "192.0.2.9:80";
    notes.upstreamMs = 4.00049;
    notes.retries = 2;
    notes.cache = "miss";
    assert.deepEqual(counted("httpInFlight"), ["= 1"]);
    clock.time = 1012.5;
    return plain(exchange);
  });
  stream.receive(request("/a%22b"));
  assert.deepEqual(counted("httpInFlight"), []);
  assert.deepEqual(counted("httpRequests"), ["ns/gw ns/r ns/web:80 GET 200 = 1"]);
  assert.deepEqual(counted("httpDuration"), ["ns/gw ns/r ns/web:80 = 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0.0125"]);
  assert.match(counted("httpUpstreamDuration").join(""), / = 0 0 0 0 1 0 .* 0\.00400049$/);
  assert.deepEqual(counted("httpResponseBytes"), ["ns/gw ns/r ns/web:80 = 2"]);
  assert.deepEqual(counted("httpRetries"), ["ns/gw ns/r ns/web:80 = 2"]);
  assert.deepEqual(await lines(), [
    {
      time: "2026-11-24T00:00:00.250Z",
      client: "2001:db8::7",
      method: "GET",
      host: "a.example",
      path: "/a%22b",
      status: 200,
      bytesIn: 0,
      bytesOut: 2,
      durationMs: 12.5,
      gateway: "ns/gw",
      route: "ns/r",
      backend: "ns/web:80",
      endpoint: "192.0.2.9:80",
      upstreamMs: 4,
      cache: "miss",
      retries: 2,
      reason: "",
      version: "1.1",
      tls: "",
    },
  ]);
});

test("what has no target of its own is other; refusals and lost clients are counted by their reason", async () => {
  const { connect, counted, lines } = bench({ mode: "full", sampleEvery: 1 });
  connect((exchange) => {
    exchange.notes.route = "ns/unknown";
    exchange.respondText(418, "", undefined);
    return "done";
  }).receive(request("/").replace("GET", "BREW"));
  connect(plain).receive("GET / HTTP/1.1\r\n\r\n");
  const gone = connect(() => "wait");
  gone.receive(request(`/${"x".repeat(2000)}`));
  assert.deepEqual(counted("httpConnections"), ["h1 no = 2"], "the refused one is closed");
  gone.reset();
  assert.deepEqual(counted("httpConnections"), ["h1 no = 1"]);
  assert.deepEqual(counted("httpAccepted"), ["h1 no = 3"]);
  assert.deepEqual(counted("httpRefused"), ["noHost = 1"]);
  assert.deepEqual(counted("httpAborted"), ["clientReset = 1"]);
  assert.deepEqual(counted("httpRequests"), [
    "other other other OTHER other = 1",
    "other other other GET 400 = 1",
    "other other other GET none = 1",
  ]);
  const written = await lines();
  assert.deepEqual(
    written.map(({ method, status, reason }) => [method, status, reason]),
    [
      ["BREW", 418, ""],
      ["GET", 400, "noHost"],
      ["GET", 0, "clientReset"],
    ],
  );
  assert.equal(String(written[2]!["path"]).length, 1024, "long ones are cut");
});

test("the log's mode and sampling change while it runs", async () => {
  const { accessLog, connect, lines } = bench({ mode: "off", sampleEvery: 1 });
  const stream = connect(plain);
  stream.receive(request("/off"));
  accessLog.configure({ mode: "sampled", sampleEvery: 3 });
  for (let i = 1; i <= 7; i++) stream.receive(request(`/${i}`));
  accessLog.configure({ mode: "full", sampleEvery: 3 });
  stream.receive(request("/full"));
  assert.deepEqual(
    (await lines()).map(({ path }) => path),
    ["/3", "/6", "/full"],
  );
});

test("lines beyond what may wait are counted as dropped", async () => {
  const { connect, counted, lines } = bench({ mode: "full", sampleEvery: 1 });
  const stream = connect(plain);
  stream.receive(request("/").repeat(800));
  stream.receive(request("/").repeat(800));
  stream.receive(request("/").repeat(800));
  assert.deepEqual(counted("httpLogDropped"), [`= ${2400 - 2048}`]);
  assert.equal((await lines()).length, 2048);
});
