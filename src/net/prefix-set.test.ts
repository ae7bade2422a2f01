import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { OWN_NETWORKS, PrefixSet } from "./prefix-set.ts";

function setOf(...texts: string[]): PrefixSet {
  const set = PrefixSet.parse(texts);
  assert.ok(typeof set !== "string", String(set));
  return set;
}

for (const [prefixes, inside, outside] of [
  [
    ["10.0.0.0/8"],
    ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3", "::ffff:a01:203"],
    ["9.255.255.255", "11.0.0.0", "::a00:1"],
  ],
  [["192.0.2.1"], ["192.0.2.1"], ["192.0.2.0", "192.0.2.2"]],
  [["0.0.0.0/0"], ["0.0.0.0", "255.255.255.255"], ["::1", "2001:db8::1"]],
  [["::/0"], ["::", "2001:db8::1"], ["192.0.2.1", "::ffff:192.0.2.1"]],
  [["::ffff:192.0.2.0/120"], ["192.0.2.77"], ["192.0.3.1"]],
  [
    ["2001:db8::/32", "2001:db8:1::/48"],
    ["2001:db8:ffff::1", "2001:db8:1::1"],
    ["2001:db9::", "2001:db7:ffff::"],
  ],
  [["fe80::/10"], ["fe80::1%3", "febf::1"], ["fec0::1"]],
  [
    OWN_NETWORKS,
    ["127.0.0.1", "::1", "172.31.0.1", "fd00::5", "100.127.255.255"],
    ["172.32.0.1", "8.8.8.8", "::2", "2001:db8::1"],
  ],
  [[], [], ["127.0.0.1", "::1"]],
] as const) {
  test(`prefixes ${prefixes.join(", ")}`, () => {
    const set = setOf(...prefixes);
    for (const host of inside) assert.ok(set.has({ host }), host);
    for (const host of outside) assert.ok(!set.has({ host }), host);
  });
}

for (const [text, reason] of [
  ["10.0.0.1/8", "10.0.0.1/8 has bits set beyond its prefix length"],
  ["2001:db8::1/64", "2001:db8::1/64 has bits set beyond its prefix length"],
  ["10.0.0.0/33", "10.0.0.0/33 has a prefix length that is not 0 to 32"],
  ["::/129", "::/129 has a prefix length that is not 0 to 128"],
  ["10.0.0.0/", "10.0.0.0/ has a prefix length that is not 0 to 32"],
  ["10.0.0", "10.0.0 is not an IP address or prefix"],
  ["localhost", "localhost is not an IP address or prefix"],
  ["::1/128/1", "::1/128/1 is not an IP address or prefix"],
  ["::ffff:0.0.0.0/95", "::ffff:0.0.0.0/95 has a prefix length that is not 96 to 128, as IPv4-mapped ones have"],
] as const) {
  test(`no prefix: ${text}`, () => assert.equal(PrefixSet.parse([text]), reason));
}

test("agrees with BlockList on any prefixes", () => {
  // Few distinct bits, so that prefixes nest and addresses fall into them.
  const group = fc.constantFrom(0, 1, 0x8000, 0xc000, 0xffff);
  const v6 = fc.array(group, { minLength: 8, maxLength: 8 });
  const text = (groups: readonly number[]): string => groups.map((one) => one.toString(16)).join(":");
  const masked = (groups: readonly number[], length: number): number[] =>
    groups.map((one, index) => one & (0xffff << Math.min(16, Math.max(0, 16 * (index + 1) - length))) & 0xffff);
  fc.assert(
    fc.property(fc.array(fc.tuple(v6, fc.integer({ min: 1, max: 128 }))), fc.array(v6), (prefixes, hosts) => {
      const list = new BlockList();
      const isOwnSpace = (groups: readonly number[]): boolean => groups[0] !== 0;
      const used = prefixes
        .map(([groups, length]) => [masked(groups, length), length] as const)
        .filter(([g]) => isOwnSpace(g));
      for (const [groups, length] of used) list.addSubnet(text(groups), length, "ipv6");
      const set = setOf(...used.map(([groups, length]) => `${text(groups)}/${length}`));
      for (const host of hosts.filter(isOwnSpace))
        assert.equal(set.has({ host: text(host) }), list.check(text(host), "ipv6"));
    }),
  );
});
