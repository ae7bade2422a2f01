import assert from "node:assert/strict";
import { test } from "node:test";
import { configSourceOf } from "./config-source.ts";
import { StartFault } from "./fault.ts";

const NONE = {
  configSocket: "",
  configServers: [],
  configToken: "",
  configCa: "",
  configServerName: "",
  configSnapshot: "",
};
const SERVERS = { ...NONE, configServers: ["config.fairway-system.svc:9650"], configToken: "/t", configCa: "/ca" };

test("none, a socket, servers", () => {
  assert.deepEqual(configSourceOf(NONE), { kind: "none" });
  assert.deepEqual(configSourceOf({ ...NONE, configSocket: "/s" }), { kind: "socket", path: "/s" });
  assert.deepEqual(configSourceOf(SERVERS), {
    kind: "servers",
    servers: [{ host: "config.fairway-system.svc", port: 9650 }],
    tokenFile: "/t",
    caFile: "/ca",
    serverName: "config.fairway-system.svc",
    snapshotFile: "",
  });
  const several = { ...SERVERS, configServers: ["192.0.2.1:1", "[2001:db8::1]:65535"], configServerName: "name" };
  assert.partialDeepStrictEqual(configSourceOf({ ...several, configSnapshot: "/snap" }), {
    servers: [
      { host: "192.0.2.1", port: 1 },
      { host: "2001:db8::1", port: 65535 },
    ],
    serverName: "name",
    snapshotFile: "/snap",
  });
});

const FAULTS: readonly (readonly [Partial<typeof SERVERS>, RegExp])[] = [
  [{ configSocket: "/s" }, /^Cannot use --config-servers and --config-socket: there is one configuration$/],
  [{ configToken: "" }, /^Cannot use --config-servers without --config-token/],
  [{ configCa: "" }, /^Cannot use --config-servers without --config-ca/],
  [{ configCa: "", configToken: "" }, /--config-token.*\n.*--config-ca/],
  [
    { configServers: [] },
    /^Cannot use --config-token: it goes with --config-servers, which is not given\n.*--config-ca/,
  ],
  ...["", "host", "host:", ":1", "host:0", "host:65536", "::1:80", "[::1]", "host:1 ", "https://host:1"].map(
    (text): readonly [Partial<typeof SERVERS>, RegExp] => [{ configServers: [text] }, /is not HOST:PORT$/],
  ),
];

for (const [options, sentence] of FAULTS) {
  test(`refused: ${JSON.stringify(options)}`, () => {
    assert.throws(
      () => configSourceOf({ ...SERVERS, ...options }),
      (error) => {
        assert.ok(error instanceof StartFault);
        assert.equal(error.exitCode, 2);
        assert.match(error.message, sentence);
        return true;
      },
    );
  });
}
