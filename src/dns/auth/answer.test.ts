import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeMessage, type Message } from "#src/dns/wire/message.ts";
import { MessageWriter } from "#src/dns/wire/message-writer.ts";
import { nameKey } from "#src/dns/wire/name.ts";
import { formatName, parseName } from "#src/dns/wire/name-text.ts";
import { parseQuery, Query } from "#src/dns/wire/query.ts";
import { rcodeName } from "#src/dns/wire/rcode.ts";
import { formatRdata } from "#src/dns/wire/rdata/codecs.ts";
import type { Reply, Transport } from "#src/dns/wire/reply.ts";
import { parseType, typeName } from "#src/dns/wire/type.ts";
import { parseZone } from "#src/dns/zone/build-zone.ts";
import { selectZone, type Zone } from "#src/dns/zone/zone.ts";
import { Authority } from "./answer.ts";
import { compileZones } from "./compile-zones.ts";
import { respond } from "./response.ts";

const name = (text: string): Uint8Array => {
  const parsed = parseName(text);
  assert.ok(typeof parsed !== "string", text);
  return parsed;
};
const zone = (origin: string, text: string): Zone => {
  const parsed = parseZone(text, name(origin));
  assert.ok("apex" in parsed, JSON.stringify(parsed));
  return parsed;
};

const TEXT = `$TTL 3600
@ SOA ns hostmaster 1 2 3 4 60
@ NS ns
@ NS ns.other.test.
@ MX 10 mail
@ TXT "apex"
ns A 192.0.2.53
ns AAAA 2001:db8::53
mail A 192.0.2.25
www A 192.0.2.80
www A 192.0.2.81
alias CNAME www
chain CNAME alias
away CNAME www.elsewhere.
across CNAME www.other.test.
broken CNAME nothing
loop CNAME pool
pool CNAME loop
gone CNAME x.sub
*.wild A 192.0.2.99
*.wild MX 5 mail
*.wildalias CNAME *.wild
*.deep.wildalias CNAME www
ent.a.b A 192.0.2.7
sub NS ns.sub
sub NS ns
sub DS 1 13 2 00ff
ns.sub A 192.0.2.54
_sip._tcp SRV 1 2 5060 mail
big TXT ${Array.from({ length: 12 }, (_, i) => `"${String(i).repeat(200).slice(0, 200)}"`).join(" ")}
${Array.from({ length: 40 }, (_, i) => `huge MX ${i} mail${i}\nmail${i} AAAA 2001:db8::${i}`).join("\n")}
`;
const ZONES = [
  zone("example.test.", TEXT),
  zone("other.test.", "$TTL 60\n@ SOA ns h 9 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2"),
  zone("child.example.test.", "$TTL 60\n@ SOA ns h 7 2 3 4 5\n@ NS ns\nns A 192.0.2.1"),
];
const authority = new Authority(compileZones(ZONES, (each) => ZONES.indexOf(each)));
/** `Query.zone` after the last question. */
let zoneAsked = -1;

interface Asked {
  readonly class?: number;
  readonly udpSize?: number;
  readonly transport?: Transport;
  readonly max?: number;
}
function ask(text: string, type: string, options: Asked = {}): Message {
  const packet = new Uint8Array(600);
  const writer = new MessageWriter();
  writer.begin(packet, 3, 512, 0xbeef, 0x0110);
  writer.question(name(text), parseType(type)!, options.class ?? 1);
  if (options.udpSize !== undefined) writer.edns({ udpSize: options.udpSize, rcode: 0, dnssecOk: true });
  const query = new Query();
  query.zone = 7;
  assert.equal(parseQuery(packet, 3, 3 + writer.length, query), "ok");
  const bytes = new Uint8Array(65_600).fill(0xee);
  const transport = options.transport ?? "udp";
  const reply: Reply = {
    bytes,
    start: 11,
    max: options.max ?? (transport === "udp" ? 1232 : 65_535),
    transport,
    client: { family: 4, host: "192.0.2.200", port: 1 },
    later: () => undefined,
  };
  const length = authority.answer(query, reply);
  zoneAsked = query.zone;
  const limit = transport === "udp" ? Math.min(options.udpSize ?? 512, reply.max) : reply.max;
  assert.ok(length <= limit, `${length} bytes for ${limit}`);
  assert.equal(bytes[11 + length], 0xee, "nothing behind the answer");
  const message = decodeMessage(bytes, 11, 11 + length);
  assert.ok(typeof message !== "string", typeof message === "string" ? message : "");
  assert.equal(message.id, 0xbeef);
  assert.equal(message.flags & 0x8110, 0x8110, "QR, RD and CD");
  assert.equal(formatName(message.questions[0]!.name), formatName(name(text)), "the question keeps its case");
  assert.equal(message.edns !== undefined, options.udpSize !== undefined);
  return message;
}
const show = (message: Message): string[] => [
  `${rcodeName(message.rcode)}${(message.flags & 0x400) === 0 ? "" : " AA"}${(message.flags & 0x200) === 0 ? "" : " TC"}`,
  ...(["answer", "authority", "additional"] as const).flatMap((section) =>
    message[section].map(
      (r) =>
        `${section} ${formatName(r.name).replace(/example\.test\.$/, "")} ${r.ttl} ${typeName(r.type)} ${formatRdata(r.type, r.rdata)}`,
    ),
  ),
];

const SOA = "authority  60 SOA ns.example.test. hostmaster.example.test. 1 2 3 4 60";
const cases: readonly [name: string, type: string, expected: string[]][] = [
  [
    "wWw.Example.test.",
    "A",
    ["NOERROR AA", "answer wWw.Example.test. 3600 A 192.0.2.80", "answer wWw.Example.test. 3600 A 192.0.2.81"],
  ],
  ["www.example.test.", "MX", ["NOERROR AA", SOA]],
  ["www.example.test.", "TYPE65280", ["NOERROR AA", SOA]],
  ["none.example.test.", "A", ["NXDOMAIN AA", SOA]],
  ["a.none.longer.example.test.", "A", ["NXDOMAIN AA", SOA]],
  ["below.www.example.test.", "A", ["NXDOMAIN AA", SOA]],
  ["b.example.test.", "A", ["NOERROR AA", SOA]],
  ["x.b.example.test.", "A", ["NXDOMAIN AA", SOA]],
  [
    "example.test.",
    "MX",
    ["NOERROR AA", "answer  3600 MX 10 mail.example.test.", "additional mail. 3600 A 192.0.2.25"],
  ],
  [
    "_sip._tcp.example.test.",
    "SRV",
    ["NOERROR AA", "answer _sip._tcp. 3600 SRV 1 2 5060 mail.example.test.", "additional mail. 3600 A 192.0.2.25"],
  ],
  [
    "chain.example.test.",
    "A",
    [
      "NOERROR AA",
      "answer chain. 3600 CNAME alias.example.test.",
      "answer alias. 3600 CNAME www.example.test.",
      "answer www. 3600 A 192.0.2.80",
      "answer www. 3600 A 192.0.2.81",
    ],
  ],
  ["alias.example.test.", "TXT", ["NOERROR AA", "answer alias. 3600 CNAME www.example.test.", SOA]],
  ["alias.example.test.", "CNAME", ["NOERROR AA", "answer alias. 3600 CNAME www.example.test."]],
  ["alias.example.test.", "ANY", ["NOERROR AA", "answer alias. 3600 CNAME www.example.test."]],
  ["away.example.test.", "A", ["NOERROR AA", "answer away. 3600 CNAME www.elsewhere."]],
  [
    "across.example.test.",
    "A",
    ["NOERROR AA", "answer across. 3600 CNAME www.other.test.", "answer www.other.test. 60 A 192.0.2.2"],
  ],
  ["broken.example.test.", "A", ["NXDOMAIN AA", "answer broken. 3600 CNAME nothing.example.test.", SOA]],
  [
    "loop.example.test.",
    "A",
    ["NOERROR AA", "answer loop. 3600 CNAME pool.example.test.", "answer pool. 3600 CNAME loop.example.test."],
  ],
  [
    "gone.example.test.",
    "A",
    [
      "NOERROR AA",
      "answer gone. 3600 CNAME x.sub.example.test.",
      "authority sub. 3600 NS ns.sub.example.test.",
      "authority sub. 3600 NS ns.example.test.",
      "additional ns.sub. 3600 A 192.0.2.54",
      "additional ns. 3600 A 192.0.2.53",
      "additional ns. 3600 AAAA 2001:db8::53",
    ],
  ],
  ["x.y.wild.example.test.", "A", ["NOERROR AA", "answer x.y.wild. 3600 A 192.0.2.99"]],
  [
    "long-label-here.wild.example.test.",
    "MX",
    ["NOERROR AA", "answer long-label-here.wild. 3600 MX 5 mail.example.test.", "additional mail. 3600 A 192.0.2.25"],
  ],
  ["x.wild.example.test.", "TXT", ["NOERROR AA", SOA]],
  ["wild.example.test.", "A", ["NOERROR AA", SOA]],
  ["*.wild.example.test.", "A", ["NOERROR AA", "answer *.wild. 3600 A 192.0.2.99"]],
  [
    "some.wildalias.example.test.",
    "A",
    ["NOERROR AA", "answer some.wildalias. 3600 CNAME *.wild.example.test.", "answer *.wild. 3600 A 192.0.2.99"],
  ],
  [
    "some.deep.wildalias.example.test.",
    "AAAA",
    ["NOERROR AA", "answer some.deep.wildalias. 3600 CNAME www.example.test.", SOA],
  ],
  [
    "sub.example.test.",
    "A",
    [
      "NOERROR",
      "authority sub. 3600 NS ns.sub.example.test.",
      "authority sub. 3600 NS ns.example.test.",
      "additional ns.sub. 3600 A 192.0.2.54",
      "additional ns. 3600 A 192.0.2.53",
      "additional ns. 3600 AAAA 2001:db8::53",
    ],
  ],
  [
    "a.b.c.sub.example.test.",
    "ANY",
    [
      "NOERROR",
      "authority sub. 3600 NS ns.sub.example.test.",
      "authority sub. 3600 NS ns.example.test.",
      "additional ns.sub. 3600 A 192.0.2.54",
      "additional ns. 3600 A 192.0.2.53",
      "additional ns. 3600 AAAA 2001:db8::53",
    ],
  ],
  ["sub.example.test.", "DS", ["NOERROR AA", "answer sub. 3600 DS 1 13 2 00FF"]],
  ["ns.child.example.test.", "A", ["NOERROR AA", "answer ns.child. 60 A 192.0.2.1"]],
  ["child.example.test.", "DS", ["NOERROR AA", SOA]],
  [
    "x.child.example.test.",
    "A",
    ["NXDOMAIN AA", "authority child. 5 SOA ns.child.example.test. h.child.example.test. 7 2 3 4 5"],
  ],
  ["www.elsewhere.", "A", ["REFUSED"]],
  ["test.", "SOA", ["REFUSED"]],
  [".", "NS", ["REFUSED"]],
  ["example.test.", "AXFR", ["REFUSED"]],
  ["example.test.", "MAILB", ["NOTIMP"]],
  ["example.test.", "OPT", ["FORMERR"]],
  ["big.example.test.", "TXT", ["NOERROR AA TC"]],
];
for (const [text, type, expected] of cases) {
  test(`answer: ${text} ${type}`, () => assert.deepEqual(show(ask(text, type)), expected));
}

for (const [text, type, expected] of [
  ["www.example.test.", "A", 0],
  ["none.example.test.", "A", 0],
  ["x.wild.example.test.", "A", 0],
  ["a.sub.example.test.", "A", 0],
  ["big.example.test.", "TXT", 0],
  ["across.example.test.", "A", 0],
  ["www.other.test.", "MX", 1],
  ["ns.child.example.test.", "A", 2],
  ["child.example.test.", "SOA", 2],
  ["child.example.test.", "DS", 0],
  ["www.elsewhere.", "A", -1],
  ["example.test.", "AXFR", -1],
] as const) {
  test(`answer: ${text} ${type} is counted under zone ${expected}`, () => {
    ask(text, type);
    assert.equal(zoneAsked, expected);
  });
}

test("answer: CHAOS is refused", () => assert.deepEqual(show(ask("version.bind.", "TXT", { class: 3 })), ["REFUSED"]));

test("answer: what does not fit in UDP comes whole over TCP, and without its courtesy records when only they are too much", () => {
  assert.equal(ask("big.example.test.", "TXT", { transport: "tcp" }).answer.length, 1);
  assert.equal(ask("big.example.test.", "TXT", { udpSize: 4096 }).flags & 0x200, 0x200, "our own limit of 1232 holds");
  assert.equal(ask("big.example.test.", "TXT", { udpSize: 4096, max: 4096 }).flags & 0x200, 0);
  const short = ask("huge.example.test.", "MX", { udpSize: 1232 });
  assert.deepEqual([short.answer.length, short.additional.length, short.flags & 0x200], [40, 0, 0]);
  assert.equal(ask("huge.example.test.", "MX", { transport: "tls" }).additional.length, 40);
});

test("answer: DO is repeated and our payload size told", () => {
  const { edns } = ask("www.example.test.", "A", { udpSize: 700 });
  assert.deepEqual([edns?.dnssecOk, edns?.udpSize, edns?.version], [true, 1232, 0]);
});

test("answer: the table says what the zones say, for any name and type", () => {
  const zones = new Map(ZONES.map((each) => [nameKey(each.origin), each]));
  const labels = fc.constantFrom(
    "www",
    "alias",
    "x",
    "*",
    "wild",
    "wildalias",
    "deep",
    "sub",
    "ns",
    "a",
    "b",
    "ent",
    "child",
    "chain",
    "a-much-longer-label",
  );
  const origins = fc.constantFrom("example.test.", "other.test.", "child.example.test.");
  const types = fc.constantFrom("A", "AAAA", "MX", "NS", "SOA", "CNAME", "TXT", "DS");
  fc.assert(
    fc.property(fc.array(labels, { maxLength: 4 }), origins, types, (front, origin, type) => {
      const text = [...front, origin].join(".");
      const number = parseType(type)!;
      const expected = respond(zones, selectZone(zones, name(text), number)!, name(text), number);
      const lines = (
        rrsets: readonly { name: Uint8Array; type: number; ttl: number; rdatas: readonly Uint8Array[] }[],
        section: string,
      ): string[] =>
        rrsets.flatMap((rrset) =>
          rrset.rdatas.map(
            (rdata) =>
              `${section} ${formatName(rrset.name).replace(/example\.test\.$/, "")} ${rrset.ttl} ${typeName(rrset.type)} ${formatRdata(rrset.type, rdata)}`,
          ),
        );
      const head = `${rcodeName(expected.rcode)}${expected.authoritative ? " AA" : ""}`;
      const all = [
        head,
        ...lines(expected.answer, "answer"),
        ...lines(expected.authority, "authority"),
        ...lines([...expected.glue, ...expected.additional], "additional"),
      ];
      assert.deepEqual(show(ask(text, type, { transport: "tcp" })), all);
    }),
    { numRuns: 500 },
  );
});

test("answer: ten thousand names compile at once, and are found", () => {
  const text = `$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n${Array.from({ length: 10_000 }, (_, i) => `host${i} A 192.0.${i >> 8}.${i & 255}`).join("\n")}`;
  const large = zone("large.test.", text);
  const table = compileZones([large]);
  assert.equal(table.names.length / 8, 10_002);
  const bytes = table.nameBytes.length + table.store.bytes.length;
  assert.ok(bytes < 1_000_000, `${bytes} bytes`);
});
