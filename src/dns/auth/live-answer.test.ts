import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMessage } from "#src/dns/wire/message.ts";
import { MessageWriter } from "#src/dns/wire/message-writer.ts";
import { formatName, parseName } from "#src/dns/wire/name-text.ts";
import { parseQuery, Query } from "#src/dns/wire/query.ts";
import { rcodeName } from "#src/dns/wire/rcode.ts";
import { parseIpv4 } from "#src/dns/wire/rdata/a.ts";
import { parseIpv6 } from "#src/dns/wire/rdata/aaaa.ts";
import { formatRdata } from "#src/dns/wire/rdata/codecs.ts";
import { parseType, TYPE, typeName } from "#src/dns/wire/type.ts";
import { type AddressSet, parseZone } from "#src/dns/zone/build-zone.ts";
import { Authority } from "./answer.ts";
import { compileZones } from "./compile-zones.ts";

const ORIGIN = parseName("live.test.") as Uint8Array;

/** A name with addresses and the targets that vouch for each. */
function addresses(name: string, ...list: readonly (readonly [address: string, ...targets: number[]])[]): AddressSet {
  return {
    line: 0,
    name: parseName(name, ORIGIN) as Uint8Array,
    ttl: 30,
    addresses: list.map(([address, ...targets]) =>
      address.includes(":")
        ? { type: TYPE.AAAA, rdata: parseIpv6(address)!, targets }
        : { type: TYPE.A, rdata: parseIpv4(address)!, targets },
    ),
  };
}

const TEXT = `$TTL 300
@ SOA ns h 1 2 3 4 5
@ NS ns
@ MX 10 web
@ MX 20 plain
www CNAME web
first CNAME www
_http._tcp SRV 1 2 80 web
*.alias CNAME web
plain A 192.0.2.77
mixed A 192.0.2.77
sub NS ns.sub
`;
const SETS = [
  addresses("ns", ["192.0.2.53", 7], ["192.0.2.54", 8]),
  addresses("web", ["192.0.2.1", 1], ["192.0.2.2", 2], ["2001:db8::1", 3], ["2001:db8::2", 4]),
  addresses("*.wild", ["192.0.2.1", 1], ["192.0.2.2", 2]),
  addresses("mixed", ["192.0.2.1", 1], ["192.0.2.2", 2]),
  addresses("twice", ["192.0.2.1", 1], ["192.0.2.2", 2]),
  addresses("twice", ["192.0.2.1", 3], ["192.0.2.2"]),
  addresses("ns.sub", ["192.0.2.5", 5], ["192.0.2.6", 6]),
  addresses("none"),
  addresses(
    "many",
    ...Array.from({ length: 60 }, (_, index): [string, number] => [`198.51.100.${index}`, 100 + index]),
  ),
];
const down = new Set<number>();
let asked = 0;
const parsed = parseZone(TEXT, ORIGIN, SETS);
assert.ok("apex" in parsed, JSON.stringify(parsed));
const authority = new Authority(compileZones([parsed]), (target) => {
  asked++;
  return !down.has(target);
});

/** The answer, one line a record: its section's letter, owner below the zone, TTL, type, data. */
function ask(name: string, type: string, transport: "udp" | "tcp" = "udp", udpSize = 1232): string[] {
  const packet = new Uint8Array(512);
  const writer = new MessageWriter();
  writer.begin(packet, 0, 512, 1, 0);
  writer.question(parseName(name, ORIGIN) as Uint8Array, parseType(type)!, 1);
  writer.edns({ udpSize, rcode: 0, dnssecOk: false });
  const query = new Query();
  assert.equal(parseQuery(packet, 0, writer.length, query), "ok");
  const bytes = new Uint8Array(65_535);
  const client = { family: 4, host: "192.0.2.200", port: 1 } as const;
  const max = transport === "udp" ? 1232 : 65_535;
  const length = authority.answer(query, { bytes, start: 0, max, transport, client, later: () => undefined });
  const message = decodeMessage(bytes, 0, length);
  assert.ok(typeof message !== "string", String(message));
  const lines = (["answer", "authority", "additional"] as const).flatMap((section) =>
    message[section].map(
      (one) =>
        `${section.slice(0, 2)} ${formatName(one.name).replace(/\.?live\.test\.$/, "")} ${one.ttl} ${typeName(one.type)} ${formatRdata(one.type, one.rdata).replace(/live\.test\.$/, "")}`,
    ),
  );
  return [`${rcodeName(message.rcode)}${(message.flags & 0x200) === 0 ? "" : " TC"}`, ...lines];
}

type Case = readonly [down: readonly number[], name: string, type: string, ...expected: string[]];
const SOA = "au  5 SOA ns.live.test. h.live.test. 1 2 3 4 5";
const CASES: readonly Case[] = [
  [[], "web", "A", "an web 30 A 192.0.2.1", "an web 30 A 192.0.2.2"],
  [[1], "web", "A", "an web 30 A 192.0.2.2"],
  [[2, 3], "web", "A", "an web 30 A 192.0.2.1"],
  [[2, 3], "web", "AAAA", "an web 30 AAAA 2001:db8::2"],
  // All of a family: all are given, whatever the other family can do.
  [[1, 2], "web", "A", "an web 30 A 192.0.2.1", "an web 30 A 192.0.2.2"],
  [[1, 2, 3], "web", "AAAA", "an web 30 AAAA 2001:db8::2"],
  [[1], "web", "ANY", "an web 30 A 192.0.2.2"],
  [[1], "web", "TXT", SOA],
  [[1], "WWW", "A", "an WWW 300 CNAME web.", "an web 30 A 192.0.2.2"],
  [[2], "first", "A", "an first 300 CNAME www.", "an www 300 CNAME web.", "an web 30 A 192.0.2.1"],
  [[4], "www", "AAAA", "an www 300 CNAME web.", "an web 30 AAAA 2001:db8::1"],
  [[1], "www", "CNAME", "an www 300 CNAME web."],
  [
    [1, 4],
    "@",
    "MX",
    "an  300 MX 10 web.",
    "an  300 MX 20 plain.",
    "ad web 30 A 192.0.2.2",
    "ad web 30 AAAA 2001:db8::1",
    "ad plain 300 A 192.0.2.77",
  ],
  [
    [2, 3, 4],
    "_http._tcp",
    "SRV",
    "an _http._tcp 300 SRV 1 2 80 web.",
    "ad web 30 A 192.0.2.1",
    "ad web 30 AAAA 2001:db8::1",
    "ad web 30 AAAA 2001:db8::2",
  ],
  [[7], "@", "NS", "an  300 NS ns.", "ad ns 30 A 192.0.2.54"],
  [[1], "a.wild", "A", "an a.wild 30 A 192.0.2.2"],
  [[2], "a-longer.name.wild", "A", "an a-longer.name.wild 30 A 192.0.2.1"],
  [[1, 2], "a.wild", "A", "an a.wild 30 A 192.0.2.1", "an a.wild 30 A 192.0.2.2"],
  [[2], "x.alias", "A", "an x.alias 300 CNAME web.", "an web 30 A 192.0.2.1"],
  [[2], "much.longer.alias", "A", "an much.longer.alias 300 CNAME web.", "an web 30 A 192.0.2.1"],
  // A record of the zone's own stays, and no family is empty: the rest is not given.
  [[1, 2], "mixed", "A", "an mixed 30 A 192.0.2.77"],
  [[1], "mixed", "A", "an mixed 30 A 192.0.2.77", "an mixed 30 A 192.0.2.2"],
  // One address of two endpoints: up by the other one, and always when one is not judged.
  [[1, 2], "twice", "A", "an twice 30 A 192.0.2.1", "an twice 30 A 192.0.2.2"],
  [[1, 2, 3], "twice", "A", "an twice 30 A 192.0.2.2"],
  [[5], "deep.in.sub", "A", "au sub 300 NS ns.sub.", "ad ns.sub 30 A 192.0.2.6"],
  [[6], "sub", "NS", "au sub 300 NS ns.sub.", "ad ns.sub 30 A 192.0.2.5"],
  [[], "none", "A", SOA],
  [[1, 2, 3, 4], "plain", "A", "an plain 300 A 192.0.2.77"],
];
for (const [out, name, type, ...expected] of CASES) {
  test(`live answer: ${name} ${type} without ${out.join(", ") || "none"}`, () => {
    for (const transport of ["udp", "tcp"] as const) {
      down.clear();
      const before = ask(name, type, transport);
      for (const target of out) down.add(target);
      assert.deepEqual(ask(name, type, transport), ["NOERROR", ...expected]);
      assert.deepEqual(ask(name, type, transport), ["NOERROR", ...expected], "kept");
      down.clear();
      assert.deepEqual(ask(name, type, transport), before, "and back");
    }
  });
}

test("live answer: what did not fit fits without those that are down", () => {
  down.clear();
  assert.deepEqual(ask("many", "A", "udp", 600), ["NOERROR TC"]);
  assert.equal(ask("many", "A", "tcp").length, 61);
  for (let target = 105; target < 160; target++) down.add(target);
  const five = ["NOERROR", ...Array.from({ length: 5 }, (_, index) => `an many 30 A 198.51.100.${index}`)];
  assert.deepEqual(ask("many", "A", "udp", 600), five);
  assert.deepEqual(ask("many", "A", "tcp"), five);
  for (let target = 100; target < 105; target++) down.add(target);
  assert.deepEqual(ask("many", "A", "udp", 600), ["NOERROR TC"], "all of them again");
});

test("live answer: only answers that depend on health ask for it", () => {
  for (const [name, type] of [
    ["plain", "A"],
    ["web", "TXT"],
    ["www", "CNAME"],
    ["nothing", "A"],
    ["none", "A"],
  ] as const) {
    asked = 0;
    ask(name, type);
    assert.equal(asked, 0, `${name} ${type}`);
  }
  ask("web", "A");
  assert.equal(asked, 2, "each of its targets once");
});
