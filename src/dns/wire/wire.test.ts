import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeMessage } from "./message.ts";
import { MessageWriter } from "./message-writer.ts";
import { compareNames, hashName, isAtOrBelow, nameLength, readName, ROOT, skipName } from "./name.ts";
import { formatName, parseName } from "./name-text.ts";
import { parseQuery, Query } from "./query.ts";
import { formatRdata, parseRdata } from "./rdata/codecs.ts";
import { Tokens } from "./rdata/tokens.ts";
import { parseType, TYPE, typeName } from "./type.ts";

const name = (text: string): Uint8Array => {
  const parsed = parseName(text);
  assert.ok(typeof parsed !== "string", `${text}: ${String(parsed)}`);
  return parsed;
};
const tokens = (text: string): Tokens =>
  new Tokens([...text.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => ({ text: m[1] ?? m[2]!, quoted: m[1] !== undefined })));
const bytes = (hex: string): Uint8Array => Uint8Array.fromHex(hex.replaceAll(/[\s|]/g, ""));

const HEAD = "1234 0100 0001 0000 0000 0000";
const QUESTION = "03 777777 04 74657374 00 0001 0001";
const OPT = "00 0029 1000 00 00 8000 0000";

const queries: readonly [title: string, hex: string, expected: string][] = [
  ["a plain query", `${HEAD} ${QUESTION}`, "ok"],
  ["nothing", "", "shortHeader"],
  ["eleven bytes", "1234 0100 0001 0000 0000 00", "shortHeader"],
  ["a response", `1234 8180 0001 0000 0000 0000 ${QUESTION}`, "isResponse"],
  ["a response of an unknown opcode", "1234 f800 0000 0000 0000 0000", "isResponse"],
  ["NOTIFY", `1234 2000 0001 0000 0000 0000 ${QUESTION}`, "unknownOpcode"],
  ["UPDATE", `1234 2800 0001 0000 0000 0000 ${QUESTION}`, "unknownOpcode"],
  ["no question", "1234 0100 0000 0000 0000 0000", "questionCount"],
  ["two questions", `1234 0100 0002 0000 0000 0000 ${QUESTION} ${QUESTION}`, "questionCount"],
  ["a name that is cut", `${HEAD} 03 7777`, "badName"],
  ["a label of 64 bytes", `${HEAD} 40 ${"61".repeat(64)} 00 0001 0001`, "badName"],
  ["a name of 256 bytes", `${HEAD} ${`3f${"61".repeat(63)}`.repeat(4)} 00 0001 0001`, "badName"],
  ["a pointer as name", `${HEAD} c00c 0001 0001`, "compressedName"],
  ["a pointer behind a label", `${HEAD} 0161 c00c 0001 0001`, "compressedName"],
  ["no class", `${HEAD} 03 777777 00 0001`, "shortQuestion"],
  ["an answer record", `1234 0100 0001 0001 0000 0000 ${QUESTION} 00 0001 0001 00000000 0000`, "unexpectedRecords"],
  ["EDNS", `1234 0100 0001 0000 0000 0001 ${QUESTION} ${OPT}`, "ok"],
  ["EDNS twice", `1234 0100 0001 0000 0000 0002 ${QUESTION} ${OPT} ${OPT}`, "duplicateEdns"],
  ["EDNS below a name", `1234 0100 0001 0000 0000 0001 ${QUESTION} 0161 ${OPT}`, "badEdns"],
  ["EDNS version 1", `1234 0100 0001 0000 0000 0001 ${QUESTION} 00 0029 1000 00 01 0000 0000`, "badEdnsVersion"],
  [
    "an option beyond its end",
    `1234 0100 0001 0000 0000 0001 ${QUESTION} 00 0029 1000 00 00 0000 0004 000a 0008`,
    "badEdns",
  ],
  [
    "a cookie of 7 bytes",
    `1234 0100 0001 0000 0000 0001 ${QUESTION} 00 0029 1000 00 00 0000 000b 000a 0007 01020304050607`,
    "badEdns",
  ],
  ["an additional record that is missing", `1234 0100 0001 0000 0000 0001 ${QUESTION}`, "badRecord"],
  ["17 additional records", `1234 0100 0001 0000 0000 0011 ${QUESTION}`, "tooManyRecords"],
  ["TSIG before the end", `1234 0100 0001 0000 0000 0002 ${QUESTION} 00 00fa 00ff 00000000 0000 ${OPT}`, "badTsig"],
  ["junk at the end", `${HEAD} ${QUESTION} 00`, "trailingBytes"],
  ["IXFR with its SOA", `1234 0100 0001 0000 0001 0000 0000fb0001 00 0006 0001 00000000 0000`, "ok"],
];

for (const [title, hex, expected] of queries) {
  test(`parseQuery: ${title} is ${expected}`, () => {
    const packet = bytes(hex);
    const shifted = new Uint8Array(packet.length + 9);
    shifted.set(packet, 5);
    assert.equal(parseQuery(packet, 0, packet.length, new Query()), expected);
    assert.equal(parseQuery(shifted, 5, 5 + packet.length, new Query()), expected, "at another offset");
  });
}

test("parseQuery fills every field, and none survives into the next packet", () => {
  const query = new Query();
  const cookie = "000a 0008 0102030405060708 0003 0000 000c 0002 0000";
  const first = bytes(
    `abcd 0110 0001 0000 0000 0001 03 577777 04 74657374 00 001c 0001 00 0029 04d0 00 00 8000 0016 ${cookie}`,
  );
  assert.equal(parseQuery(first, 0, first.length, query), "ok");
  assert.deepEqual(
    {
      id: query.id,
      type: query.type,
      class: query.class,
      labels: query.labels,
      udp: query.udpSize,
      do: query.dnssecOk,
      nsid: query.asksNsid,
      pad: query.padding,
    },
    { id: 0xabcd, type: TYPE.AAAA, class: 1, labels: 2, udp: 1232, do: true, nsid: true, pad: true },
  );
  assert.equal(first.subarray(query.cookieStart, query.cookieStart + query.cookieLength).toHex(), "0102030405060708");
  assert.equal(query.hash, hashName(name("www.test."), 0, 10), "the hash does not depend on case");
  assert.deepEqual([...query.labelOffsets.subarray(0, 2)], [0, 4]);
  const second = bytes(`${HEAD} ${QUESTION}`);
  assert.equal(parseQuery(second, 0, second.length, query), "ok");
  assert.deepEqual([query.hasEdns, query.udpSize, query.dnssecOk, query.cookieLength], [false, 512, false, 0]);
});

test("parseQuery takes any bytes without throwing", () => {
  const query = new Query();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (tail) => {
      const packet = new Uint8Array([...bytes("1234 0100 0001 0000 0000 0001"), ...tail]);
      parseQuery(packet, 0, packet.length, query);
      decodeMessage(packet, 0, packet.length);
    }),
  );
});

const nameTexts: readonly [text: string, expected: string][] = [
  ["www.example.com.", "www.example.com."],
  [".", "."],
  ["a\\.b.c.", "a\\.b.c."],
  ["\\097b.", "ab."],
  ["\\000\\255.", "\\000\\255."],
  ["*.x.", "*.x."],
];
for (const [text, expected] of nameTexts) test(`name ${text}`, () => assert.equal(formatName(name(text)), expected));

const badNames: readonly [text: string, fault: string][] = [
  ["a..b.", "emptyLabel"],
  [".a.", "emptyLabel"],
  ["", "emptyLabel"],
  [`${"a".repeat(64)}.`, "labelTooLong"],
  ["a.".repeat(128), "nameTooLong"],
  ["a\\300.", "badEscape"],
  ["a\\", "badEscape"],
  ["relative", "noOrigin"],
  ["@", "noOrigin"],
];
for (const [text, fault] of badNames)
  test(`name ${text || "(empty)"} is refused: ${fault}`, () => assert.equal(parseName(text), fault));

const label = fc.uint8Array({ minLength: 1, maxLength: 20 });
const anyName = fc
  .array(label, { maxLength: 8 })
  .map((labels) => Uint8Array.from([...labels.flatMap((l) => [l.length, ...l]), 0]));

test("names: text and wire round trip", () => {
  fc.assert(fc.property(anyName, (wire) => assert.deepEqual(parseName(formatName(wire)), wire)));
});

test("names: canonical order of RFC 4034 section 6.1", () => {
  const sorted = [
    "example.",
    "a.example.",
    "yljkjljk.a.example.",
    "Z.a.example.",
    "zABC.a.EXAMPLE.",
    "z.example.",
    "\\001.z.example.",
    "*.z.example.",
    "\\200.z.example.",
  ];
  assert.deepEqual(
    sorted
      .toReversed()
      .map(name)
      .toSorted(compareNames)
      .map((n) => formatName(n)),
    sorted,
  );
});

test("names: isAtOrBelow compares whole labels", () => {
  assert.ok(isAtOrBelow(name("a.B.test."), name("b.test.")));
  assert.ok(isAtOrBelow(name("test."), name("test.")));
  assert.ok(isAtOrBelow(name("test."), ROOT));
  assert.ok(!isAtOrBelow(name("ab.test."), name("b.test.")));
  assert.ok(!isAtOrBelow(name("test."), name("b.test.")));
});

const compressed: readonly [title: string, hex: string, at: number, expected: number][] = [
  ["a pointer back", "0161 00 c000", 3, 3],
  ["a pointer to itself", "c000", 0, -1],
  ["a pointer forward", "c002 0161 00", 0, -1],
  ["two pointers at each other", "c002 c000", 2, -1],
  ["a label, then a pointer to that label", "0161 c000", 0, -1],
  ["a pointer that is cut", "0161 00 c0", 3, -1],
  ["a label that is cut", "0561", 0, -1],
  ["a reserved label type", "80 00", 0, -1],
];
for (const [title, hex, at, expected] of compressed) {
  test(`readName: ${title}`, () => {
    const message = bytes(hex);
    assert.equal(readName(message, 0, message.length, at, new Uint8Array(255), 0), expected);
  });
}

test("readName: pointers cannot unfold to more than 255 bytes", () => {
  const message = bytes(`${`3f${"61".repeat(63)}`.repeat(3)} 3f ${"61".repeat(63)} 00`);
  assert.equal(readName(message, 0, message.length, 0, new Uint8Array(512), 0), -1);
  assert.equal(skipName(message, 0, message.length), -1);
});

const records: readonly [type: string, text: string, wire: string, canonical?: string][] = [
  ["A", "192.0.2.1", "c0000201"],
  ["AAAA", "2001:DB8:0:0:1::1", "20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
  ["AAAA", "::ffff:192.0.2.1", "00000000000000000000ffffc0000201", "::ffff:c000:201"],
  ["AAAA", "::", "00".repeat(16)],
  ["NS", "ns.test.", "026e730474657374 00"],
  ["CNAME", "rel", "0372656c 076578616d706c65 00", "rel.example."],
  ["PTR", "@", "076578616d706c65 00", "example."],
  ["MX", "10 mx", "000a 026d78 076578616d706c65 00", "10 mx.example."],
  ["TXT", '"a b" c', "03612062 0163", '"a b" "c"'],
  ["TXT", '""', "00"],
  ["TXT", "\\255\\\\", "02ff5c", '"\\255\\\\"'],
  ["SRV", "1 2 443 t.", "0001 0002 01bb 0174 00"],
  ["CAA", '0 issue "ca.test"', "00 05 6973737565 63612e74657374"],
  [
    "SOA",
    "ns. hostmaster. 7 1h 15m 1w 60",
    "026e7300 0a686f73746d617374657200 00000007 00000e10 00000384 00093a80 0000003c",
    "ns. hostmaster. 7 3600 900 604800 60",
  ],
  ["DS", "1 13 2 abcd EF", "0001 0d 02 abcdef", "1 13 2 ABCDEF"],
  ["TLSA", "3 1 1 00ff", "03 01 01 00ff", "3 1 1 00FF"],
  ["SSHFP", "4 2 00ff", "04 02 00ff", "4 2 00FF"],
  ["NAPTR", '1 2 "s" "SIP+D2U" "" x.', "0001 0002 0173 075349502b443255 00 0178 00"],
  ["TYPE65280", "\\# 3 0102 03", "010203", "\\# 3 010203"],
  ["A", "\\# 4 c0000201", "c0000201", "192.0.2.1"],
];
for (const [type, text, wire, canonical] of records) {
  test(`rdata ${type} ${text}`, () => {
    const number = parseType(type)!;
    const rdata = parseRdata(number, tokens(text), name("example."));
    assert.ok(rdata instanceof Uint8Array, JSON.stringify(rdata));
    assert.equal(rdata.toHex(), wire.replaceAll(" ", ""));
    assert.equal(formatRdata(number, rdata), canonical ?? text);
  });
}

const badRecords: readonly [type: string, text: string, fault: RegExp][] = [
  ["A", "1.2.3", /not an IPv4 address/],
  ["A", "1.2.3.04", /not an IPv4 address/],
  ["A", "1.2.3.4 5", /one word too many/],
  ["AAAA", "1::2::3", /not an IPv6 address/],
  ["AAAA", "1:2:3:4:5:6:7:8:9", /not an IPv6 address/],
  ["MX", "70000 a.", /not a number from 0 to 65535/],
  ["MX", "10", /exchange is missing/],
  ["TXT", "", /missing/],
  ["TXT", "x".repeat(256), /more than 255/],
  ["CAA", '0 is-sue "x"', /letters and digits/],
  ["A", "\\# 3 010203", /has not the form of A/],
  ["TYPE65280", "\\# 4 010203", /length is 4/],
  ["TYPE65280", "abc", /RFC 3597/],
];
for (const [type, text, fault] of badRecords) {
  test(`rdata ${type} ${text.slice(0, 20)} is refused`, () => {
    const rdata = parseRdata(parseType(type)!, tokens(text), undefined);
    assert.ok(!(rdata instanceof Uint8Array));
    assert.match(rdata.fault, fault);
  });
}

test("types: names and numbers", () => {
  assert.deepEqual(
    [parseType("mx"), parseType("TYPE15"), parseType("TYPE65536"), parseType("NOPE"), typeName(65280)],
    [15, 15, undefined, undefined, "TYPE65280"],
  );
});

const recordText = (n: Uint8Array, type: number, ttl: number, data: Uint8Array): string =>
  `${formatName(n)} ${ttl} ${type} ${formatRdata(type, data)}`.toLowerCase();

test("messages: what is written is read back, compressed, and a record that does not fit leaves no trace", () => {
  const rdata = fc.oneof(
    anyName.map((n) => [TYPE.NS, n] as const),
    anyName.map((n) => [TYPE.MX, Uint8Array.from([0, 5, ...n])] as const),
    fc.uint8Array({ maxLength: 40 }).map((b) => [65280, b] as const),
  );
  const record = fc.tuple(
    anyName,
    rdata,
    fc.integer({ min: 0, max: 0x7fffffff }),
    fc.constantFrom("answer", "authority", "additional"),
  );
  fc.assert(
    fc.property(
      anyName,
      fc.array(record, { maxLength: 8 }),
      fc.integer({ min: 0, max: 1200 }),
      (owner, added, limit) => {
        const buffer = new Uint8Array(4096).fill(0xaa);
        const writer = new MessageWriter();
        const order = ["answer", "authority", "additional"] as const;
        writer.begin(buffer, 7, 12 + owner.length + 4 + limit, 99, 0x8400);
        assert.ok(writer.question(owner, 1, 1));
        const kept = added
          .toSorted((a, b) => order.indexOf(a[3]) - order.indexOf(b[3]))
          .filter(([n, [type, data], ttl, section]) => writer.record(section, n, type, 1, ttl, data));
        const message = decodeMessage(buffer, 7, 7 + writer.length);
        assert.ok(typeof message !== "string");
        const read = [...message.answer, ...message.authority, ...message.additional];
        assert.deepEqual(
          read.map((r) => recordText(r.name, r.type, r.ttl, r.rdata)),
          kept.map(([n, [type, data], ttl]) => recordText(n, type, ttl, data)),
        );
        assert.equal(buffer[7 + 12 + owner.length + 4 + limit], 0xaa, "nothing beyond the limit");
      },
    ),
  );
});

test("messages: EDNS is read apart from the records, with the extended response code", () => {
  const buffer = new Uint8Array(512);
  const writer = new MessageWriter();
  writer.begin(buffer, 0, 512, 1, 0x8000);
  writer.question(ROOT, TYPE.NS, 1);
  writer.edns({ udpSize: 1232, rcode: 16, dnssecOk: true }, [{ code: 10, data: Uint8Array.of(1, 2) }]);
  const message = decodeMessage(buffer, 0, writer.length);
  assert.ok(typeof message !== "string");
  assert.deepEqual(
    [message.rcode, message.additional.length, message.edns?.udpSize, message.edns?.dnssecOk, message.edns?.options],
    [16, 0, 1232, true, [{ code: 10, data: Uint8Array.of(1, 2) }]],
  );
  assert.equal(nameLength(ROOT, 0), 1);
});
