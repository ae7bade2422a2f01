import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, connect, type AddressInfo } from "node:net";
import { test } from "node:test";
import type { Entry } from "#src/config/model.ts";
import { buildInfoMetric, processMetrics, tcpSocketMetric } from "./collected.ts";
import { type CappedDimension, counter, gauge, histogram } from "./declaration.ts";
import { bindMetrics } from "./handles.ts";
import { LabelTable } from "./label-table.ts";
import { layoutMetrics } from "./layout.ts";
import { createRegistry } from "./registry.ts";
import { SlotReader } from "./slot-reader.ts";
import { addTcpStates, countTcpStates, TCP_STATES } from "./tcp-states.ts";

const zones: CappedDimension = {
  labels: ["zone"],
  cap: 2,
  tuples: ({ value }) => (value.kind === "zone" ? [[value.origin]] : []),
};
const proto = { label: "proto", values: ["udp", "tcp"] };

const declarations = {
  requests: counter("fairway_dns_requests_total", "Requests.", zones, proto),
  dropped: counter("fairway_dns_dropped_total", "Dropped.", { label: "reason", values: ["short", "response"] }),
  inFlight: gauge("fairway_http_requests_in_flight", "In flight."),
  lag: { ...gauge("nodejs_eventloop_lag_seconds", "Lag."), perProcess: true },
  duration: histogram("fairway_dns_request_duration_seconds", "Duration.", [0.001, 0.01], proto),
};

const zone = (origin: string): Entry => ({
  key: origin,
  version: "1",
  value: { kind: "zone", origin, text: "", backends: [] },
});

/** Two processes' rows, and what the main shows of them. */
function fixture() {
  const layout = layoutMetrics(declarations);
  const rows = [0, 1].map(() => new Float64Array(layout.counters + layout.gauges));
  const tables = layout.tables.map((dimension) => new LabelTable(dimension));
  const sums = {
    sum: (slot: number) => rows.reduce((total, row) => total + row[slot]!, 0),
    get: (row: number, slot: number) => rows[row]![slot]!,
  };
  const reader = new SlotReader(sums, 2, layout, tables);
  const registry = createRegistry([buildInfoMetric("dns", "1.2.3")], { layout, reader });
  const handles = rows.map((row) => bindMetrics(declarations, layout, tables, row));
  return { layout, tables, reader, registry, first: handles[0]!, second: handles[1]! };
}

test("counters come before gauges, and every series has a slot of its own", () => {
  const { layout } = fixture();
  const taken = new Set<number>();
  for (const { base, series, width, declaration } of layout.metrics.values()) {
    for (let slot = base; slot < base + series * width; slot++) {
      assert.ok(!taken.has(slot));
      taken.add(slot);
      assert.equal(slot >= layout.counters, declaration.type === "gauge");
    }
  }
  assert.equal(taken.size, layout.counters + layout.gauges);
});

test("what two processes count is shown as one sum; gauges per process apart", async () => {
  const { tables, registry, first, second } = fixture();
  tables[0]!.assign([zone("a.test.")]);
  first.requests.add(first.requests.seriesOf(["a.test."], "tcp"), 2);
  second.requests.add(second.requests.seriesOf("a.test.", "tcp"), 3);
  second.requests.add(second.requests.seriesOf(["unknown."], "udp"), 1);
  first.inFlight.add(0, 2);
  second.inFlight.add(0, -1);
  first.lag.set(0, 0.5);
  second.lag.set(0, 0.25);
  const udp = first.duration.seriesOf("udp");
  for (const value of [0.0005, 0.001, 0.002, 5]) first.duration.observe(udp, value);
  second.duration.observe(udp, 0.002, 3);
  const text = await registry.render();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(lines, [
    'fairway_dns_requests_total{zone="other",proto="udp"} 1',
    'fairway_dns_requests_total{zone="a.test.",proto="tcp"} 5',
    'fairway_dns_dropped_total{reason="short"} 0',
    'fairway_dns_dropped_total{reason="response"} 0',
    'fairway_dns_request_duration_seconds_bucket{proto="udp",le="0.001"} 2',
    'fairway_dns_request_duration_seconds_bucket{proto="udp",le="0.01"} 6',
    'fairway_dns_request_duration_seconds_bucket{proto="udp",le="+Inf"} 7',
    'fairway_dns_request_duration_seconds_sum{proto="udp"} 5.0095',
    'fairway_dns_request_duration_seconds_count{proto="udp"} 7',
    'fairway_dns_request_duration_seconds_bucket{proto="tcp",le="0.001"} 0',
    'fairway_dns_request_duration_seconds_bucket{proto="tcp",le="0.01"} 0',
    'fairway_dns_request_duration_seconds_bucket{proto="tcp",le="+Inf"} 0',
    'fairway_dns_request_duration_seconds_sum{proto="tcp"} 0',
    'fairway_dns_request_duration_seconds_count{proto="tcp"} 0',
    "fairway_http_requests_in_flight 1",
    'nodejs_eventloop_lag_seconds{process="main"} 0.5',
    'nodejs_eventloop_lag_seconds{process="0"} 0.25',
    `fairway_build_info{service="dns",version="1.2.3",node="${process.versions.node}"} 1`,
  ]);
  assert.equal(await registry.render(), text, "asking twice adds nothing");
});

test("a value that is not in the closed set is a programming error", () => {
  const { first } = fixture();
  assert.throws(
    () => first.dropped.seriesOf("long"),
    /Cannot find a series of fairway_dns_dropped_total: reason is never long/,
  );
  assert.throws(() => first.dropped.seriesOf(), /it has 1 dimensions, not 0/);
});

test("a series number can be computed from strides", () => {
  const { first, tables } = fixture();
  tables[0]!.assign([zone("a.test."), zone("b.test.")]);
  const { requests } = first;
  assert.equal(requests.seriesOf(["b.test."], "tcp"), 2 * requests.strides[0]! + 1 * requests.strides[1]!);
});

test("label tables: order decides, an index stays, is reused last, and then its series begin at 0", async () => {
  const { tables, reader, registry, first } = fixture();
  const [table] = tables;
  assert.deepEqual(table!.assign([zone("a."), zone("b."), zone("c.")]), [1, 2]);
  assert.deepEqual([table!.indexOf(["a."]), table!.indexOf(["b."]), table!.indexOf(["c."])], [1, 2, 0]);
  first.requests.add(first.requests.seriesOf(["a."], "udp"), 7);
  const restart = (entries: Entry[]) => {
    for (const index of table!.assign(entries)) reader.restart(table!, index);
  };
  restart([zone("b.")]);
  assert.equal(table!.indexOf(["a."]), 1, "still there: nobody needs the place");
  restart([zone("a."), zone("b.")]);
  restart([zone("c."), zone("b.")]);
  assert.deepEqual([table!.indexOf(["a."]), table!.indexOf(["b."]), table!.indexOf(["c."])], [0, 2, 1]);
  first.requests.add(first.requests.seriesOf(["c."], "udp"), 1);
  assert.match(await registry.render(), /\{zone="c\.",proto="udp"\} 1\n/);
  const copy = new LabelTable(zones);
  copy.adopt(table!.image());
  assert.deepEqual([copy.indexOf(["a."]), copy.indexOf(["b."]), copy.indexOf(["c."])], [0, 2, 1]);
});

test("label tables: what is always there has an index from the start, above the cap, and keeps it", () => {
  const dimension = { ...zones, always: [["none"]] };
  const table = new LabelTable(dimension);
  assert.equal(table.indexOf(["none"]), 1);
  assert.deepEqual(table.assign([zone("a."), zone("b."), zone("c.")]), [2, 3]);
  assert.deepEqual(table.assign([zone("d."), zone("e.")]), [2, 3]);
  assert.deepEqual([table.indexOf(["none"]), table.indexOf(["d."]), table.indexOf(["e."])], [1, 2, 3]);
  const copy = new LabelTable(dimension);
  copy.adopt(table.image());
  assert.deepEqual([copy.indexOf(["none"]), copy.indexOf(["e."]), copy.tupleAt(1)], [1, 3, ["none"]]);
});

test("/proc/net/tcp: counted by state for own ports only", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue",
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000",
    "  12: 0100007F:1F90 0100007F:9C40 01 00000000:00000000",
    "4711: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:9C42 06 00000000:00000000",
    "   3: 0100007F:0016 0100007F:1F90 01 00000000:00000000",
    "   4: 0100007F",
  ].join("\n");
  const counts = TCP_STATES.map(() => 0);
  addTcpStates(Buffer.from(table), new Set([0x1f90]), counts);
  assert.deepEqual(counts, [1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
  addTcpStates(Buffer.alloc(0), new Set([1]), counts);
});

for (const host of ["127.0.0.1", "::1"]) {
  test(`a real connection over ${host} is seen`, async () => {
    const server = createServer().listen(0, host);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect(port, host);
    const [accepted] = await once(server, "connection");
    const counts = await countTcpStates(new Set([port]));
    assert.equal(counts[TCP_STATES.indexOf("listen")], 1);
    assert.equal(counts[TCP_STATES.indexOf("established")], 1);
    accepted.destroy();
    client.destroy();
    server.close();
    await once(server, "close");
  });
}

test("process figures: this process, and none that is gone", async () => {
  const registry = createRegistry([...processMetrics(() => [process.pid, 2 ** 30]), tcpSocketMetric(() => new Set())]);
  const text = await registry.render();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  assert.ok(value("process_cpu_seconds_total") > 0);
  assert.ok(
    value("process_resident_memory_bytes") > 10e6 &&
      value("process_resident_memory_bytes") <= process.memoryUsage.rss() * 1.5,
  );
  assert.ok(value("process_open_fds") > 3 && value("process_open_fds") < value("process_max_fds"));
  assert.ok(Math.abs(value("process_start_time_seconds") - Date.now() / 1000) < process.uptime() + 5);
});
