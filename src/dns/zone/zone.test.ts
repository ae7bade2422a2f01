import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatName, parseName } from "#src/dns/wire/name-text.ts";
import { formatRdata } from "#src/dns/wire/rdata/codecs.ts";
import { parseType, TYPE, typeName } from "#src/dns/wire/type.ts";
import { type AddressSet, parseZone } from "./build-zone.ts";
import { parseMasterFile } from "./master-file.ts";
import { lookup, selectZone, type Zone } from "./zone.ts";
import { nameKey } from "#src/dns/wire/name.ts";

const name = (text: string): Uint8Array => {
  const parsed = parseName(text, Uint8Array.of(7, 101, 120, 97, 109, 112, 108, 101, 0));
  assert.ok(typeof parsed !== "string", `${text}: ${String(parsed)}`);
  return parsed;
};
const ORIGIN = name("example.");
const HEAD = "$TTL 1h\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";

const read = (text: string): string[] => {
  const { records, faults } = parseMasterFile(text, ORIGIN);
  assert.deepEqual(faults, []);
  return records.map((r) => `${formatName(r.name)} ${r.ttl} ${typeName(r.type)} ${formatRdata(r.type, r.rdata)}`);
};
const zone = (text: string): Zone => {
  const parsed = parseZone(text, ORIGIN);
  assert.ok("apex" in parsed, JSON.stringify(parsed));
  return parsed;
};

const files: readonly [title: string, text: string, expected: string[]][] = [
  [
    "owner, TTL and class in either order",
    "a 60 IN A 192.0.2.1\nb IN 60 A 192.0.2.2",
    ["a.example. 60 A 192.0.2.1", "b.example. 60 A 192.0.2.2"],
  ],
  [
    "a blank owner is the one before",
    "a 60 A 192.0.2.1\n\tAAAA ::1",
    ["a.example. 60 A 192.0.2.1", "a.example. 60 AAAA ::1"],
  ],
  [
    "$TTL with units, an explicit TTL wins",
    "$TTL 1d1s\na A 192.0.2.1\na 2m A 192.0.2.2",
    ["a.example. 86401 A 192.0.2.1", "a.example. 120 A 192.0.2.2"],
  ],
  [
    "$ORIGIN, relative to the last",
    "$TTL 1\n$ORIGIN sub\na A 192.0.2.1\n$ORIGIN other.\n@ A 192.0.2.2",
    ["a.sub.example. 1 A 192.0.2.1", "other. 1 A 192.0.2.2"],
  ],
  [
    "parentheses over lines with comments",
    '@ 9 SOA ( ns ; primary (\n h ; mailbox\n 1 2\n 3 4 5 )\na 1 TXT (\n"x" )',
    ["example. 9 SOA ns.example. h.example. 1 2 3 4 5", 'a.example. 1 TXT "x"'],
  ],
  ["quotes keep blanks, semicolons and parentheses", 'a 1 TXT "x; (y)" z', ['a.example. 1 TXT "x; (y)" "z"']],
  [
    "escapes in names and strings",
    'a\\.b 1 TXT \\"q\\"\nc\\032d 1 A 192.0.2.1',
    ['a\\.b.example. 1 TXT "\\"q\\""', "c\\032d.example. 1 A 192.0.2.1"],
  ],
  [
    "a TTL from the record before, without $TTL",
    "a 7 A 192.0.2.1\nb A 192.0.2.2",
    ["a.example. 7 A 192.0.2.1", "b.example. 7 A 192.0.2.2"],
  ],
  ["CRLF, blank and comment lines", "; x\r\n\r\n   \r\na 1 A 192.0.2.1 ; y\r\n", ["a.example. 1 A 192.0.2.1"]],
  ["unknown types (RFC 3597)", "a 1 CLASS1 TYPE65280 \\# 2 00ff", ["a.example. 1 TYPE65280 \\# 2 00FF"]],
  [
    "an owner that looks like a type",
    "a 1 NS b\nmx 1 A 192.0.2.1",
    ["a.example. 1 NS b.example.", "mx.example. 1 A 192.0.2.1"],
  ],
];
for (const [title, text, expected] of files) {
  test(`master file: ${title}`, () => {
    assert.deepEqual(read(text), expected);
  });
}

test("master file: all faults at once, each with its line", () => {
  const text = `a..b 1 A 192.0.2.1\nok 1 A 192.0.2.1\nc A 192.0.2.300\n$INCLUDE other\n$GENERATE 1-2 a A 1\nd 1 CH TXT x\ne 1 BOGUS x\nf 1 A (\n192.0.2.1`;
  const { records, faults } = parseMasterFile(`$TTL 5 6\n$TTL 9999999999\n)\n${text}`, ORIGIN);
  assert.deepEqual(
    records.map((r) => r.line),
    [5],
  );
  assert.deepEqual(
    faults.map((f) => f.line),
    [1, 2, 3, 4, 6, 7, 8, 9, 10, 11],
  );
  assert.match(faults[5]!.reason, /\$INCLUDE/);
  assert.match(faults[9]!.reason, /a \( without its \)/);
});

test("master file: any text is read without throwing, and faults are bounded", () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom("a", ".", " ", "\n", "(", ")", '"', ";", "\\", "1", "@", "$TTL", "A", "é"),
        maxLength: 60,
      }),
      (text) => {
        parseMasterFile(text, ORIGIN);
      },
    ),
  );
  assert.equal(parseMasterFile("x\n".repeat(5000), ORIGIN).faults.length, 101);
});

const refused: readonly [title: string, text: string, line: number, reason: RegExp][] = [
  ["no SOA", "@ 1 NS ns.other.", 0, /has no SOA/],
  ["no NS", "@ 1 SOA ns h 1 2 3 4 5", 0, /has no NS/],
  ["a record outside", `${HEAD}x.other. A 192.0.2.1`, 5, /outside/],
  ["a name that only ends like the origin", `${HEAD}notexample. A 192.0.2.1`, 5, /outside/],
  ["CNAME at the apex", `${HEAD}@ CNAME x`, 5, /apex/],
  ["CNAME and other data", `${HEAD}x CNAME y\nx A 192.0.2.1`, 5, /stands beside/],
  ["two CNAMEs", `${HEAD}x CNAME y\nx CNAME z`, 6, /second CNAME/],
  ["two SOAs", `${HEAD}@ SOA ns h 2 2 3 4 5`, 5, /second SOA/],
  ["SOA below the apex", `${HEAD}x SOA ns h 2 2 3 4 5`, 5, /belongs to the apex/],
  ["DNAME", `${HEAD}x DNAME y`, 5, /DNAME is not served/],
  ["a delegated wildcard", `${HEAD}* NS ns`, 5, /wildcard/],
  ["a cut without glue", `${HEAD}sub NS ns.sub`, 5, /no address/],
  ["a server that is an alias", `${HEAD}sub NS x\nx CNAME ns`, 5, /alias/],
];
for (const [title, text, line, reason] of refused) {
  test(`zone: ${title} is refused`, () => {
    const faults = parseZone(text, ORIGIN);
    assert.ok(Array.isArray(faults));
    assert.equal(faults[0].line, line);
    assert.match(faults[0].reason, reason);
  });
}

test("zone: duplicates are one record, and an rrset has its least TTL (RFC 2181 section 5)", () => {
  const rrset = zone(`${HEAD}x 60 A 192.0.2.1\nx 30 A 192.0.2.2\nX 90 A 192.0.2.1`)
    .nodes.get(nameKey(name("x")))!
    .rrsets.get(1)!;
  assert.deepEqual([rrset.ttl, rrset.rdatas.length], [30, 2]);
});

// The zone of RFC 4592 section 2.2.1, and what its section 2.2.1 and 2.2.2 say of it.
const RFC_4592 = `${HEAD}* TXT "this is a wildcard"\n* MX 10 host1\nsub.* TXT "this is not a wildcard"\nhost1 A 192.0.2.1
_ssh._tcp.host1 SRV 1 2 3 host1\n_ssh._tcp.host2 SRV 1 2 3 host2\nsubdel NS ns.example.com.\nsubdel NS ns.example.net.
alias CNAME host1\n*.w CNAME host1\ndeep.ns.subdel A 192.0.2.9\nsigned NS ns.example.com.\nsigned DS 1 2 2 aa`;

const lookups: readonly [name: string, type: string, expected: string][] = [
  ["host3", "MX", "wildcard *.example."],
  ["host3", "A", "noData *.example."],
  ["foo.bar", "TXT", "wildcard *.example."],
  ["host1", "MX", "noData host1.example."],
  ["sub.*", "MX", "noData sub.*.example."],
  ["_telnet._tcp.host1", "SRV", "nxDomain _tcp.host1.example."],
  ["host.subdel", "A", "referral subdel.example."],
  ["subdel", "A", "referral subdel.example."],
  ["subdel", "NS", "referral subdel.example."],
  ["deep.ns.subdel", "A", "referral subdel.example."],
  ["subdel", "DS", "noData subdel.example."],
  ["signed", "DS", "exact signed.example."],
  ["ghost.*", "MX", "nxDomain *.example."],
  ["*", "MX", "exact *.example."],
  ["_tcp.host1", "A", "noData _tcp.host1.example."],
  ["host2", "A", "noData host2.example."],
  ["HOST1", "A", "exact host1.example."],
  ["alias", "A", "alias alias.example."],
  ["alias", "CNAME", "exact alias.example."],
  ["x.w", "A", "alias *.w.example."],
  ["w", "A", "noData w.example."],
  ["example.", "SOA", "exact example."],
];
for (const [text, type, expected] of lookups) {
  test(`lookup: ${text} ${type} is ${expected} (RFC 1034 section 4.3.2, RFC 4592)`, () => {
    const found = lookup(zone(RFC_4592), name(text), parseType(type)!);
    const node = found.kind === "nxDomain" ? found.encloser : found.node;
    assert.equal(`${found.kind} ${formatName(node.name)}`, expected);
  });
}

test("zones: the longest origin is selected, and DS asks the parent's", () => {
  const parent = zone(`${HEAD}sub NS ns`);
  const child = parseZone("@ 1 SOA n h 1 2 3 4 5\n@ 1 NS n\nn 1 A 192.0.2.1", name("sub"));
  assert.ok("apex" in child);
  const zones = new Map([
    [nameKey(ORIGIN), parent],
    [nameKey(name("sub")), child],
  ]);
  assert.equal(selectZone(zones, name("x.sub"), 1), child);
  assert.equal(selectZone(zones, name("sub"), 1), child);
  assert.equal(selectZone(zones, name("sub"), 43), parent);
  assert.equal(selectZone(zones, name("example."), 43), parent);
  assert.equal(selectZone(zones, name("other."), 1), undefined);
});

test("zone: addresses beside the text are records, and their name exists and serves without any", () => {
  const text = "@ 1 SOA n h 1 2 3 4 5\n@ 1 NS n\nalias 1 CNAME n";
  const set = (owner: string, ...rdatas: readonly Uint8Array[]): AddressSet => ({
    line: 9,
    name: name(owner),
    ttl: 30,
    addresses: rdatas.map((rdata) => ({ type: TYPE.A, rdata, targets: [4] })),
  });
  const built = parseZone(text, ORIGIN, [set("n"), set("a", Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 1))]);
  assert.ok("apex" in built);
  assert.equal(lookup(built, name("n"), TYPE.A).kind, "noData");
  const found = lookup(built, name("a"), TYPE.A);
  assert.ok(found.kind === "exact");
  assert.deepEqual([found.rrset.ttl, found.rrset.rdatas.length, found.rrset.targets], [30, 1, [[4]]]);
  const faults = parseZone(text, ORIGIN, [set("n"), set("alias", Uint8Array.of(192, 0, 2, 1)), set("other.test.")]);
  assert.ok("length" in faults);
  assert.deepEqual(
    faults.map(({ line, reason }) => `${line} ${reason}`),
    [
      "3 Cannot hold alias.example. CNAME: A stands beside it",
      "9 Cannot hold other.test.: it lies outside of example.",
    ],
  );
});
