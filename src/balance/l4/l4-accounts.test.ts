import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bindMetrics } from "#src/metrics/handles.ts";
import { LabelTable } from "#src/metrics/label-table.ts";
import { layoutMetrics } from "#src/metrics/layout.ts";
import { LineWriter } from "#src/process/line-writer.ts";
import { l4Port, LISTENER } from "./l4.cases.ts";
import { L4Accounts } from "./l4-accounts.ts";
import { L4Log } from "./l4-log.ts";
import { L4_METRICS } from "./l4-metrics.ts";
import type { L4Record } from "./l4-record.ts";

const record: L4Record = {
  protocol: "UDP",
  listener: LISTENER,
  route: "default/raw",
  client: { family: 6, host: "2001:db8::7", port: 4000 },
  backend: "default/raw:1",
  endpoint: "[2001:db8::1]:53",
  receivedBytes: 3,
  sentBytes: 4,
  durationMs: 1.23456,
  reason: "idle",
};

test("what begins, moves and ends is counted in its series", () => {
  const layout = layoutMetrics(L4_METRICS);
  const row = new Float64Array(layout.counters + layout.gauges);
  const tables = layout.tables.map((dimension) => new LabelTable(dimension));
  for (const table of tables) table.assign([{ key: "p", version: "1", value: l4Port("UDP", []) }]);
  const metrics = bindMetrics(L4_METRICS, layout, tables, row);
  const records: L4Record[] = [];
  const accounts = new L4Accounts({ metrics, onRecord: (one) => records.push(one) });
  const valueOf = (name: keyof typeof L4_METRICS, ...labels: readonly (string | readonly string[])[]): number =>
    row[layout.metrics.get(name)!.base + metrics[name].seriesOf(...labels)]!;

  accounts.onStart("UDP", LISTENER);
  accounts.onStart("UDP", "not/in/configuration");
  accounts.onBytes(3, 4);
  accounts.onEnd(record);
  accounts.onDropped("noBackend");
  assert.equal(valueOf("l4Connections", [LISTENER], "udp"), 1);
  assert.equal(valueOf("l4Connections", ["other"], "udp"), 1);
  assert.equal(valueOf("l4Connections", [LISTENER], "tcp"), 0);
  assert.equal(valueOf("l4Active", "udp"), 1);
  assert.equal(valueOf("l4Bytes", "in"), 3);
  assert.equal(valueOf("l4Bytes", "out"), 4);
  assert.equal(valueOf("l4Ended", "udp", "idle"), 1);
  assert.equal(valueOf("l4Dropped", "noBackend"), 1);
  assert.deepEqual(records, [record]);
});

test("the log has a line for all, for one of so many, or for none", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fairway-l4-"));
  const fd = openSync(join(folder, "log"), "w");
  {
    await using writer = new LineWriter({ fd });
    const log = new L4Log({ writer, wall: () => Date.parse("2026-11-24T00:00:00.250Z") });
    log.write({ ...record, route: "off" });
    log.configure({ mode: "full", sampleEvery: 9 });
    log.write(record);
    log.configure({ mode: "sampled", sampleEvery: 2 });
    for (const route of ["1", "2", "3", "4"]) log.write({ ...record, route });
  }
  closeSync(fd);
  const lines = readFileSync(join(folder, "log"), "utf8").trim().split("\n");
  rmSync(folder, { recursive: true });
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { route: string }).route),
    ["default/raw", "2", "4"],
  );
  assert.deepEqual(JSON.parse(lines[0]!), {
    time: "2026-11-24T00:00:00.250Z",
    protocol: "UDP",
    client: "2001:db8::7",
    clientPort: 4000,
    listener: LISTENER,
    route: "default/raw",
    backend: "default/raw:1",
    endpoint: "[2001:db8::1]:53",
    bytesIn: 3,
    bytesOut: 4,
    durationMs: 1.235,
    reason: "idle",
  });
});
