import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FIELD, FIELD_NAMES } from "../../field.ts";
import { FieldSection } from "../field-section.ts";
import { HpackDecoder, type HpackFault } from "./decoder.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { encodeDecimal, encodeName, encodeStatus, encodeString } from "./encoder.ts";
import { decodeHuffman, HUFFMAN_CODES } from "./huffman.ts";
import { decodeInteger, encodeInteger } from "./integer.ts";
import { NAME, nameCode } from "./name-code.ts";
import { STATIC_BYTES, STATIC_CODES, STATIC_ENTRIES, STATIC_RANGES } from "./static-table.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** RFC 7541 section 5.2, from the table of codes alone. */
function huffman(text: Uint8Array): Uint8Array {
  const codes = new Map(HUFFMAN_CODES.map((code) => [code.symbol, code.bits.toString(2).padStart(code.length, "0")]));
  const bits = Array.from(text, (octet) => codes.get(octet)!).join("");
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Uint8Array.from({ length: padded.length / 8 }, (_, i) => parseInt(padded.slice(i * 8, i * 8 + 8), 2));
}

function decodeAll(
  decoder: HpackDecoder,
  block: Uint8Array,
): { fields: string[]; fault: HpackFault | undefined; section: FieldSection } {
  const section = new FieldSection(4096, 100, 4096);
  section.begin("request");
  const fault = decoder.decode(block, 0, block.length, section);
  const { message, arena } = section;
  const text = (start: number, end: number): string => Buffer.from(arena.subarray(start, end)).toString("latin1");
  const fields = Array.from({ length: message.fieldCount }, (_, i) => `${message.name(i)}: ${message.value(i)}`);
  fields.unshift(
    `:method ${text(message.methodStart, message.methodEnd)}`,
    `:authority ${text(message.authorityStart, message.authorityEnd)}`,
    `:path ${text(message.targetStart, message.targetEnd)}`,
    `:scheme ${text(section.schemeStart, section.schemeEnd)}`,
  );
  return { fields, fault, section };
}

test("integers: the examples of RFC 7541 appendix C.1", () => {
  const cases: [number, number, string][] = [
    [10, 5, "0a"],
    [1337, 5, "1f9a0a"],
    [42, 8, "2a"],
  ];
  for (const [value, bits, bytes] of cases) {
    const target = new Uint8Array(8);
    const end = encodeInteger(target, 0, 0, bits, value);
    assert.equal(Buffer.from(target.subarray(0, end)).toString("hex"), bytes);
    assert.equal(decodeInteger({ bytes: target, at: 0, end }, bits), value);
  }
});

test("integers: every value comes back, and stays itself when cut off or too long", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x0fff_ffff }), fc.integer({ min: 1, max: 8 }), (value, bits) => {
      const target = new Uint8Array(8);
      const end = encodeInteger(target, 0, 0, bits, value);
      const cursor = { bytes: target, at: 0, end };
      assert.equal(decodeInteger(cursor, bits), value);
      assert.equal(cursor.at, end);
      assert.equal(decodeInteger({ bytes: target, at: 0, end: end - 1 }, bits), -1);
    }),
  );
  assert.equal(decodeInteger({ bytes: hex("ff ff ff ff ff 7f"), at: 0, end: 6 }, 7), -1);
});

test("Huffman: any text comes back, and RFC 7541's examples are as printed", () => {
  assert.equal(Buffer.from(huffman(octets("www.example.com"))).toString("hex"), "f1e3c2e5f23a6ba0ab90f4ff");
  assert.equal(
    Buffer.from(huffman(octets("Mon, 21 Oct 2013 20:13:21 GMT"))).toString("hex"),
    "d07abe941054d444a8200595040b8166e082a62d1bff",
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (text) => {
      const coded = huffman(text);
      const target = new Uint8Array(coded.length * 2);
      const end = decodeHuffman(coded, 0, coded.length, target, 0);
      assert.deepEqual([...target.subarray(0, end)], [...text]);
    }),
  );
});

test("Huffman: wrong padding and EOS are refused", () => {
  const target = new Uint8Array(64);
  for (const bad of ["00", "1fff", "ff", "ffffffff", "fffffffc", "a8eb10649cbfff"]) {
    const bytes = hex(bad);
    assert.equal(decodeHuffman(bytes, 0, bytes.length, target, 0), -1, bad);
  }
});

test("names: each has its own number, pseudo fields and faults theirs", () => {
  for (const [id, name] of FIELD_NAMES.entries())
    if (id > 0) assert.equal(nameCode(octets(name), 0, name.length), id, name);
  const cases: [string, number][] = [
    [":path", NAME.path],
    [":protocol", NAME.protocol],
    [":nothing", NAME.unknownPseudo],
    ["x-other", NAME.other],
    ["", NAME.invalid],
    ["Accept", NAME.invalid],
    ["a b", NAME.invalid],
    ["a:", NAME.invalid],
    ["é", NAME.invalid],
  ];
  for (const [name, code] of cases) assert.equal(nameCode(octets(name), 0, octets(name).length), code, name);
});

/** Name and value of an entry of the static table. */
const entryText = (index: number): string =>
  Buffer.from(STATIC_BYTES.subarray(STATIC_RANGES[index * 3], STATIC_RANGES[index * 3 + 2])).toString();

test("the static table's entries are where RFC 7541 appendix A puts them", () => {
  assert.equal(STATIC_ENTRIES, 61);
  assert.deepEqual([2, 8, 16, 32, 61].map(entryText), [
    ":methodGET",
    ":status200",
    "accept-encodinggzip, deflate",
    "cookie",
    "www-authenticate",
  ]);
  assert.equal(STATIC_CODES[2], NAME.method);
  assert.equal(STATIC_CODES[28], FIELD["content-length"]);
});

/** RFC 7541 appendices C.3 (plain) and C.4 (Huffman): three requests on one connection, and the table's size after each. */
const REQUESTS: [string, string, string[], number][] = [
  [
    "828684410f7777772e6578616d706c652e636f6d",
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    [":method GET", ":authority www.example.com", ":path /", ":scheme http"],
    57,
  ],
  [
    "828684be58086e6f2d6361636865",
    "828684be5886a8eb10649cbf",
    [":method GET", ":authority www.example.com", ":path /", ":scheme http", "cache-control: no-cache"],
    110,
  ],
  [
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    [":method GET", ":authority www.example.com", ":path /index.html", ":scheme https", "custom-key: custom-value"],
    164,
  ],
];

test("requests: the examples of RFC 7541 appendices C.3 and C.4", () => {
  for (const column of [0, 1] as const) {
    const decoder = new HpackDecoder();
    for (const row of REQUESTS) {
      const { fields, fault } = decodeAll(decoder, hex(row[column]));
      assert.equal(fault, undefined);
      assert.deepEqual(fields, row[2]);
      assert.equal(decoder.tableSize, row[3]);
    }
  }
});

test("blocks that end the connection", () => {
  const cases: [string, HpackFault][] = [
    ["80", "badIndex"],
    ["be", "badIndex"],
    ["ffffffffffff", "badInteger"],
    ["7e00", "badIndex"],
    ["4005616263", "badString"],
    ["40", "badString"],
    ["0081ff00", "badString"],
    ["8220", "badTableSize"],
    ["3fe21f", "badTableSize"],
  ];
  for (const [block, fault] of cases) assert.equal(decodeAll(new HpackDecoder(), hex(block)).fault, fault, block);
});

test("a table size update empties the table, and one of full size fits", () => {
  const decoder = new HpackDecoder();
  decodeAll(decoder, hex("400a637573746f6d2d6b65790c637573746f6d2d76616c7565"));
  assert.equal(decoder.tableSize, 54);
  assert.equal(decodeAll(decoder, hex("203fe11f82")).fault, undefined);
  assert.equal(decoder.tableSize, 0);
});

test("what is too large is read over, and the table stays in step", () => {
  const decoder = new HpackDecoder();
  const section = new FieldSection(200, 100, 4096);
  section.begin("request");
  const first = Buffer.concat([hex("40016b7f8101"), Buffer.alloc(256, 0x61)]);
  assert.equal(decoder.decode(first, 0, first.length, section), undefined);
  assert.equal(section.tooLarge, true);
  assert.equal(section.message.fieldCount, 0);
  assert.equal(decoder.tableSize, 32 + 1 + 256);
  section.begin("request");
  const bomb = new Uint8Array(4000).fill(0xbe);
  const end = section.end;
  assert.equal(decoder.decode(bomb, 0, bomb.length, section), undefined);
  assert.equal(section.tooLarge, true);
  assert.ok(section.end - end <= 200);
});

test("the dynamic table keeps what a plain model keeps", () => {
  const entry = fc.record({ name: fc.string({ maxLength: 20 }), value: fc.string({ maxLength: 60 }) });
  const step = fc.oneof(entry, fc.integer({ min: 0, max: 300 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new DynamicTable(256);
      const model: { name: string; size: number }[] = [];
      let limit = 256;
      for (const one of steps) {
        if (typeof one === "number") {
          limit = one;
          table.resize(one);
        } else {
          table.add(0, octets(one.name), octets(one.value));
          model.unshift({ name: one.name, size: octets(one.name).length + octets(one.value).length + 32 });
        }
        while (model.reduce((sum, kept) => sum + kept.size, 0) > limit) model.pop();
        assert.equal(table.count, model.length);
        for (const [age, kept] of model.entries()) assert.deepEqual(table.get(age)!.name, octets(kept.name));
      }
    }),
  );
});

test("what the encoder writes, the decoder reads: any fields, with and without static names", () => {
  const value = fc.string({ unit: fc.constantFrom(..."abcXYZ019-;=,"), maxLength: 300 });
  const name = fc.oneof(
    fc.constantFrom("accept", "etag", "x-request-id", "vary"),
    fc.string({ unit: fc.constantFrom(..."abcdefxyz-"), minLength: 1, maxLength: 200 }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value), { maxLength: 6 }),
      fc.integer({ min: 100, max: 599 }),
      fc.nat(),
      (list, status, age) => {
        const target = new Uint8Array(8192);
        let end = encodeStatus(target, 0, status);
        for (const [key, text] of list) {
          end = encodeName(target, end, Math.max(0, nameCode(octets(key), 0, key.length)), octets(key), 0, key.length);
          end = encodeString(target, end, octets(text), 0, text.length);
        }
        end = encodeName(target, end, FIELD.age, octets("age"), 0, 3);
        end = encodeDecimal(target, end, age);
        const section = new FieldSection(8192, 100, 8192);
        section.begin("response");
        assert.equal(new HpackDecoder().decode(target, 0, end, section), undefined);
        const { message } = section;
        assert.equal(section.malformed, undefined);
        assert.equal(message.status, status);
        const read = Array.from({ length: message.fieldCount }, (_, i) => [message.name(i), message.value(i)]);
        assert.deepEqual(read, [...list, ["age", String(age)]]);
      },
    ),
  );
});

test("any octets at all: a fault or a section, never a throw", () => {
  const decoder = new HpackDecoder();
  const section = new FieldSection(512, 20, 512);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), (block) => {
      section.begin("request");
      decoder.decode(block, 0, block.length, section);
      assert.ok(section.end < section.arena.length);
      assert.ok(decoder.tableSize <= 4096);
    }),
    { numRuns: 2000 },
  );
});
