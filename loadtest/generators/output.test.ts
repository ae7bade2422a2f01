import assert from "node:assert/strict";
import { test } from "node:test";
import { makeBody } from "./body.ts";
import { parseDnsperf } from "./dnsperf.ts";
import { parseH2load } from "./h2load.ts";
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

const h2load = (changed: Readonly<Record<string, string>> = {}): string => {
  const text = `TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Application protocol: h2
finished in 2.00s, 50000.00 req/s, 55.65MB/s
requests: 100000 total, 100640 started, 100000 done, 100000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 100005 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 111.29MB (116699008) total, 11.93MB (12513480) headers (space savings 30.00%), 98.29MB (103063552) data
`;
  return Object.entries(changed).reduce((whole, [from, to]) => whole.replace(from, to), text);
};

test("h2load: responses, header bytes and cipher, and what is not right", () => {
  assert.deepEqual(parseH2load(h2load(), 1024), {
    operations: 100_000,
    seconds: 2,
    bytes: 116_699_008,
    faults: [],
    note: "125 bytes of header blocks a response, TLS_AES_128_GCM_SHA256",
  });
  const faultsOf = (changed: Readonly<Record<string, string>>): readonly string[] =>
    parseH2load(h2load(changed), 1024).faults;
  assert.deepEqual(faultsOf({ "100005 2xx": "99000 2xx" }), ["1000 of 100000 responses are not 2xx"]);
  assert.deepEqual(faultsOf({ "0 failed": "7 failed", "0 timeout": "2 timeout" }), [
    "7 requests failed",
    "2 requests timeout",
  ]);
  assert.deepEqual(faultsOf({ "(103063552)": "(1000)" }), ["1000 bytes of bodies in 100000 responses of 1024"]);
  assert.deepEqual(faultsOf({ "protocol: h2": "protocol: http/1.1" }), ["the protocol is http/1.1"]);
  assert.throws(() => parseH2load("could not connect", 1024), /Cannot read what h2load printed/);
});

test("a body has no stretch that looks like its neighbour", () => {
  const body = makeBody(4096);
  for (const shift of [1, 32, 36, 37, 1024])
    assert.notDeepEqual(body.subarray(shift, shift + 1024), body.subarray(0, 1024));
});
