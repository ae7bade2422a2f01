import assert from "node:assert/strict";
import { test } from "node:test";
import { readServers } from "./servers.ts";

const NONE = { allow: [], stub: [], rootHints: "", rootServers: [] };

for (const [options, sentence] of [
  [{ stub: ["shop.test"] }, "Cannot use --stub: shop.test is not ZONE=ADDRESS@PORT"],
  [{ stub: ["shop.test=ns.test"] }, "Cannot use --stub: shop.test=ns.test is not ZONE=ADDRESS@PORT"],
  [{ stub: ["a..b=192.0.2.1"] }, "Cannot use --stub: a..b=192.0.2.1 is not ZONE=ADDRESS@PORT"],
  [{ allow: ["10.0.0.0/33"] }, "Cannot use --allow: 10.0.0.0/33 has a prefix length that is not 0 to 32"],
  [{ rootServers: ["198.41.0.4@0"] }, "Cannot use --root-servers: 198.41.0.4@0 is not ADDRESS@PORT"],
  [{ rootHints: "/dev/null" }, "Cannot use root hints from /dev/null: it has no addresses of root servers"],
] as const) {
  test(sentence, () => {
    assert.throws(() => readServers({ ...NONE, ...options }), { message: sentence, exitCode: 2 });
  });
}

test("servers of one stub zone are gathered; the port is 53 unless told; the root may be one", () => {
  const stub = ["Shop.Test=192.0.2.1@5353", "shop.test.=2001:db8::1", ".=192.0.2.9"];
  const { stubs } = readServers({ ...NONE, stub });
  assert.deepEqual(stubs, [
    { zone: "\u0004shop\u0004test\0", addresses: ["192.0.2.1@5353", "2001:db8::1@53"] },
    { zone: "\0", addresses: ["192.0.2.9@53"] },
  ]);
});

test("the built-in root servers are thirteen of each family", () => {
  const { hints } = readServers(NONE);
  assert.deepEqual([new Set(hints).size, hints.filter((hint) => hint.includes(":")).length], [26, 13]);
});

test("this host's own services are asked only when an option names them", () => {
  const { isAskable } = readServers({ ...NONE, stub: ["shop.test=127.0.0.1@5353"] });
  for (const [host, port, expected] of [
    ["127.0.0.1", 5353, true],
    ["127.0.0.1", 53, false],
    ["0.0.0.0", 53, false],
    ["169.254.169.254", 53, false],
    ["255.255.255.255", 53, false],
    ["::1", 53, false],
    ["::", 53, false],
    ["::ffff:127.0.0.1", 53, false],
    ["fe80::1", 53, false],
    ["ff02::1", 53, false],
    ["192.0.2.1", 53, true],
    ["2001:db8::1", 53, true],
  ] as const) {
    const address = { family: host.includes(":") ? 6 : 4, host, port } as const;
    assert.equal(isAskable(`${host}@${port}`, address), expected, host);
  }
});
