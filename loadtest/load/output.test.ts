import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDnsperf } from "./dnsperf.ts";
import { parseWrk } from "./wrk.ts";

const report = (changed: Record<string, number> = {}): string => {
  const seen = { requests: 1000, bytes: 1_200_000, microseconds: 1_000_500 };
  const errors = { connect: 0, read: 0, write: 0, status: 0, timeout: 0 };
  return `Running 1s test\n  Latency 1ms\nreport ${JSON.stringify({ ...seen, ...errors, ...changed })}\n`;
};

test("wrk: requests, time, and every kind of error", () => {
  assert.deepEqual(parseWrk(report(), 1024), { operations: 1000, seconds: 1.0005, bytes: 1_200_000, faults: [] });
  assert.deepEqual(parseWrk(report({ status: 3, read: 1 }), 1024).faults, ["1 read errors", "3 status errors"]);
  assert.deepEqual(parseWrk(report({ requests: 0, bytes: 0 }), 1024).faults, ["no response"]);
  assert.deepEqual(parseWrk(report({ bytes: 900_000 }), 1024).faults, [
    "900 bytes a response, where the body alone has 1024",
  ]);
  assert.equal(parseWrk(report({ bytes: 9_000_000 }), 1024).faults.length, 1);
  assert.throws(() => parseWrk("unable to connect", 1024), /Cannot read what wrk printed: unable to connect/);
});

const dnsperf = (codes: string, lost = 0): string => `Statistics:

  Queries sent:         61234
  Queries completed:    61200 (99.94%)
  Queries lost:         ${lost} (0.00%)

  Response codes:       ${codes}
  Average packet size:  request 34, response 50
  Run time (s):         1.002345
  Queries per second:   61056.8
`;

test("dnsperf: completed questions, rcodes, and losses beyond one window", () => {
  const good = dnsperf("NOERROR 61200 (100.00%)");
  assert.deepEqual(parseDnsperf(good), { operations: 61_200, seconds: 1.002345, bytes: 0, faults: [] });
  assert.deepEqual(parseDnsperf(dnsperf("NOERROR 61000 (99.67%), SERVFAIL 200 (0.33%)")).faults, [
    "200 of 61200 answers are not NOERROR",
  ]);
  assert.deepEqual(parseDnsperf(dnsperf("NOERROR 61200 (100.00%)", 150)).faults, []);
  assert.deepEqual(parseDnsperf(dnsperf("NOERROR 61200 (100.00%)", 151)).faults, ["151 questions were lost"]);
  assert.throws(() => parseDnsperf("Error: bind"), /Cannot read what dnsperf printed/);
});
