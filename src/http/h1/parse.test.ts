import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FIELD, FIELD_NAMES } from "../field.ts";
import { BODY, Message } from "../message.ts";
import { METHOD } from "../method.ts";
import { fieldId } from "./field-id.ts";
import { headReason, statusOfReason } from "./head-reason.ts";
import { parseFields, parseRequest, parseResponse } from "./parse.ts";

const limits = { headBytes: 8192, fields: 100 };

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

function request(text: string, message = new Message()): string {
  const bytes = latin1(text);
  const result = parseRequest(bytes, 0, bytes.length, message, limits);
  if (result < 0) return headReason(result);
  return result === 0 ? "incomplete" : `ok ${bytes.length - result}`;
}

function response(text: string, method: number = METHOD.GET, message = new Message()): string {
  const bytes = latin1(text);
  const result = parseResponse(bytes, 0, bytes.length, message, method, limits);
  if (result < 0) return headReason(result);
  return result === 0 ? "incomplete" : `ok ${bytes.length - result}`;
}

const HOST = "Host: a.example\r\n";
const withFields = (fields: string): string => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n`;
const post = (fields: string): string => `POST / HTTP/1.1\r\n${HOST}${fields}\r\n`;
const line = (text: string): string => `${text}\r\n${HOST}\r\n`;

test("requests that are well-formed", () => {
  const accepted: readonly string[] = [
    line("GET / HTTP/1.1"),
    `\r\n${line("GET / HTTP/1.1")}`,
    "GET / HTTP/1.0\r\n\r\n",
    line("OPTIONS * HTTP/1.1"),
    line("CONNECT a.example:443 HTTP/1.1"),
    line("CONNECT [2001:db8::1]:443 HTTP/1.1"),
    line("GET http://b.example/x?y HTTP/1.1"),
    line("GET HTTP://b.example HTTP/1.1"),
    line("GET /a%20b/%C3%A9?q=100%&x={|}^[]`\\ HTTP/1.1"),
    line("M-SEARCH / HTTP/1.1"),
    "GET / HTTP/1.1\r\nHOST:\t[::1]:8080 \t\r\n\r\n",
    withFields("X-Empty:\r\nX-Text: caf\xe9 \t x\r\n"),
    post("Content-Length: 5\r\n"),
    post("Content-Length: 0005\r\n"),
    post("Transfer-Encoding: Chunked\r\n"),
    post("Transfer-Encoding:chunked \r\n"),
    post("Expect: 100-Continue\r\nContent-Length: 5\r\n"),
    `CONNECT a.example:443 HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`,
  ];
  for (const text of accepted) assert.equal(request(text), "ok 0", JSON.stringify(text));
});

test("requests that are refused, each with its reason", () => {
  const refused: readonly (readonly [string, string])[] = [
    // the request line
    [line(" GET / HTTP/1.1"), "badMethod"],
    [line("G@T / HTTP/1.1"), "badMethod"],
    [line("G\xc9T / HTTP/1.1"), "badMethod"],
    [line("GET\t/ HTTP/1.1"), "badMethod"],
    [line("\0GET / HTTP/1.1"), "badMethod"],
    [line(`${"A".repeat(33)} / HTTP/1.1`), "badMethod"],
    ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "badMethod"],
    [`\r\n\r\n${line("GET / HTTP/1.1")}`, "badMethod"],
    [`\n${line("GET / HTTP/1.1")}`, "badMethod"],
    [`\r${line("GET / HTTP/1.1")}`, "badMethod"],
    [line("GET  / HTTP/1.1"), "badTarget"],
    [line("GET index.html HTTP/1.1"), "badTarget"],
    [line("GET /a\tb HTTP/1.1"), "badTarget"],
    [line("GET /a\0b HTTP/1.1"), "badTarget"],
    [line("GET /a\x7fb HTTP/1.1"), "badTarget"],
    [line("GET /caf\xe9 HTTP/1.1"), "badTarget"],
    [line("GET /a#b HTTP/1.1"), "badTarget"],
    [line("GET /a?b#c HTTP/1.1"), "badTarget"],
    [line("GET /a<b> HTTP/1.1"), "badTarget"],
    [line('GET /a"b HTTP/1.1'), "badTarget"],
    [line("GET /a\\b HTTP/1.1"), "badTarget"],
    [line("GET /a^b HTTP/1.1"), "badTarget"],
    [line("GET /a{b} HTTP/1.1"), "badTarget"],
    [line("GET /%zz HTTP/1.1"), "badTarget"],
    [line("GET /%2 HTTP/1.1"), "badTarget"],
    [line("GET /%00 HTTP/1.1"), "badTarget"],
    [line("GET * HTTP/1.1"), "badTarget"],
    [line("OPTIONS ** HTTP/1.1"), "badTarget"],
    [line("GET a.example:80 HTTP/1.1"), "badTarget"],
    [line("CONNECT a.example HTTP/1.1"), "badTarget"],
    [line("CONNECT / HTTP/1.1"), "badTarget"],
    [line("CONNECT http://a.example:80/ HTTP/1.1"), "badTarget"],
    [line("GET ftp://a.example/ HTTP/1.1"), "badTarget"],
    [line("GET http:///x HTTP/1.1"), "badTarget"],
    [line("GET http://user@a.example/ HTTP/1.1"), "badTarget"],
    [line("GET http://a.example:99999/ HTTP/1.1"), "badTarget"],
    [line("GET http://a.example?q HTTP/1.1"), "badTarget"],
    [line("GET /"), "badVersion"],
    [line("GET / http/1.1"), "badVersion"],
    [line("GET / HTTP/1.10"), "badVersion"],
    [line("GET / HTTP/1,1"), "badVersion"],
    [line("GET / HTTP/x.1"), "badVersion"],
    [line("GET / HTTP/11"), "badVersion"],
    [line("GET / HTTP/ 1.1"), "badVersion"],
    [line("GET /  HTTP/1.1"), "badVersion"],
    [line("GET / HTTP/1.1 "), "badVersion"],
    [line("GET / a HTTP/1.1"), "badVersion"],
    [line("GET / HTTPS/1.1"), "badVersion"],
    [line("GET / HTTP/2.0"), "unsupportedVersion"],
    [line("GET / HTTP/0.9"), "unsupportedVersion"],
    [line("GET / HTTP/1.2"), "unsupportedVersion"],
    ["GET / HTTP/1.1\nHost: a\n\n", "badLineEnd"],
    ["GET / HTTP/1.1\r\rHost: a\r\n\r\n", "badLineEnd"],
    // fields
    ["GET / HTTP/1.1\r\n Host: a\r\n\r\n", "foldedField"],
    [withFields("X: a\r\n b\r\n"), "foldedField"],
    [withFields("X: a\r\n\tb\r\n"), "foldedField"],
    [withFields(" \r\n"), "foldedField"],
    ["GET / HTTP/1.1\r\nHost : a\r\n\r\n", "spaceBeforeColon"],
    [post("Content-Length\t: 5\r\n"), "spaceBeforeColon"],
    [post("Transfer-Encoding : chunked\r\n"), "spaceBeforeColon"],
    [withFields(": a\r\n"), "badFieldName"],
    [withFields("X(: a\r\n"), "badFieldName"],
    [withFields("X\xe9: a\r\n"), "badFieldName"],
    [withFields("X\0: a\r\n"), "badFieldName"],
    [withFields("X\r\n"), "badFieldName"],
    [withFields("X\x0bY: a\r\n"), "badFieldName"],
    [withFields("X: a\0b\r\n"), "badFieldValue"],
    [withFields("X: a\x01b\r\n"), "badFieldValue"],
    [withFields("X: a\x7fb\r\n"), "badFieldValue"],
    [withFields("X: a\x0bb\r\n"), "badFieldValue"],
    [withFields("X: a\rb\r\n"), "badLineEnd"],
    [withFields("X: a\nY: b\r\n"), "badLineEnd"],
    [withFields("X: a\r\rY: b\r\n"), "badLineEnd"],
    [withFields("X\nY: b\r\n"), "badLineEnd"],
    [`GET / HTTP/1.1\r\n${HOST}\n`, "badLineEnd"],
    [`GET / HTTP/1.1\r\n${HOST}\rX`, "badLineEnd"],
    // Host
    ["GET / HTTP/1.1\r\n\r\n", "noHost"],
    ["GET http://a.example/ HTTP/1.1\r\n\r\n", "noHost"],
    [withFields("Host: a.example\r\n"), "manyHosts"],
    ["GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", "manyHosts"],
    ...[
      "",
      "a b",
      "a,b",
      "a/b",
      "user@a",
      "a:b",
      "a:",
      "a:123456",
      "a:65536",
      ":80",
      "[::1",
      "[]",
      "[::g]",
      "a\tb",
      "a%41",
      "b\xe9",
      "a..b@c",
      "http://a",
      "a:80:80",
      "[::1]x",
    ].map((host): readonly [string, string] => [`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "badHost"]),
    ["GET http://a.example/ HTTP/1.1\r\nHost: b c\r\n\r\n", "badHost"],
    // Content-Length
    ...[
      "",
      "+5",
      "-5",
      "5 5",
      "5,5",
      "5, 5",
      "5;",
      "0x5",
      "5.0",
      "1e3",
      "five",
      '"5"',
      "5_0",
      "9".repeat(16),
      "18446744073709551621",
      "\xb2",
    ].map((value): readonly [string, string] => [post(`Content-Length: ${value}\r\n`), "badContentLength"]),
    [post("Content-Length: 5\r\nContent-Length: 5\r\n"), "manyContentLengths"],
    [post("Content-Length: 5\r\nX: y\r\ncontent-length: 6\r\n"), "manyContentLengths"],
    // Transfer-Encoding
    [post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "codingAndLength"],
    [post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), "codingAndLength"],
    [`POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`, "codingInHttp10"],
    [post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "badTransferCoding"],
    [post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), "badTransferCoding"],
    ...[
      "",
      "xchunked",
      "chunkedx",
      "chunked, chunked",
      "chunked;q=1",
      "identity",
      "chunked, identity",
      "gzip",
      '"chunked"',
      "chunked,",
      ",chunked",
      "chun ked",
      "\x0bchunked".slice(1, 3),
    ].map((value): readonly [string, string] => [post(`Transfer-Encoding: ${value}\r\n`), "badTransferCoding"]),
    [post("Transfer-Encoding: gzip, chunked\r\n"), "unsupportedTransferCoding"],
    [`CONNECT a:1 HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\n`, "unexpectedBody"],
    [`TRACE / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`, "unexpectedBody"],
    [post("Expect: 200-ok\r\n"), "badExpectation"],
    // limits
    [`GET /${"a".repeat(9000)}`, "targetTooLong"],
    [`GET / HTTP/1.1\r\n${HOST}X: ${"a".repeat(9000)}`, "headTooLarge"],
    [withFields("X: y\r\n".repeat(100)), "tooManyFields"],
  ];
  for (const [text, reason] of refused) assert.equal(request(text), reason, JSON.stringify(text.slice(0, 200)));
});

test("reasons have the status that a client understands", () => {
  assert.equal(statusOfReason("badHost"), 400);
  assert.equal(statusOfReason("targetTooLong"), 414);
  assert.equal(statusOfReason("badExpectation"), 417);
  assert.equal(statusOfReason("tooManyFields"), 431);
  assert.equal(statusOfReason("unsupportedTransferCoding"), 501);
  assert.equal(statusOfReason("unsupportedVersion"), 505);
});

test("a request's parts", () => {
  const message = new Message();
  assert.equal(
    request(
      "PUT http://B.example:81/p/q?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nConnection: Upgrade, close\r\nUpgrade: x\r\nX-Own: v \r\n\r\nbody",
      message,
    ),
    "ok 4",
  );
  assert.deepEqual(
    [message.methodText, message.method, message.host, message.path, message.target, message.version],
    ["PUT", METHOD.PUT, "b.example", "/p/q", "/p/q?x=1", 11],
  );
  assert.equal(message.text(message.authorityStart, message.authorityEnd), "B.example:81");
  assert.deepEqual(
    [message.body, message.contentLength, message.keepAlive, message.upgrade],
    [BODY.length, 7, false, true],
  );
  assert.equal(message.value(message.findName(latin1("x-own"))), "v");
  assert.equal(request(line("GET http://b.example HTTP/1.1"), message), "ok 0");
  assert.deepEqual([message.host, message.target], ["b.example", "/"]);
  assert.equal(request(line("CONNECT b.example:443 HTTP/1.1"), message), "ok 0");
  assert.deepEqual([message.host, message.target], ["b.example", ""]);
  assert.equal(request("GET / HTTP/1.0\r\n\r\n", message), "ok 0");
  assert.deepEqual([message.host, message.keepAlive, message.body], ["", false, BODY.none]);
  assert.equal(request("GET / HTTP/1.0\r\nConnection: keep-alive\r\nUpgrade: x\r\n\r\n", message), "ok 0");
  assert.deepEqual([message.keepAlive, message.upgrade], [true, false]);
});

test("responses: framing depends on the request's method and on the status", () => {
  const cases: readonly (readonly [string, number, string, number, number, boolean])[] = [
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", METHOD.GET, "ok 0", BODY.length, 3, true],
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", METHOD.HEAD, "ok 0", BODY.none, 3, true],
    ["HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", METHOD.GET, "ok 0", BODY.none, 3, true],
    ["HTTP/1.1 204\r\n\r\n", METHOD.GET, "ok 0", BODY.none, -1, true],
    ["HTTP/1.1 100 Continue\r\n\r\n", METHOD.POST, "ok 0", BODY.none, -1, true],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", METHOD.GET, "ok 0", BODY.chunked, -1, true],
    ["HTTP/1.1 200 OK\r\n\r\n", METHOD.GET, "ok 0", BODY.untilClose, -1, false],
    ["HTTP/1.1 200 OK\r\n\r\n", METHOD.CONNECT, "ok 0", BODY.none, -1, true],
    ["HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", METHOD.GET, "ok 0", BODY.length, 0, false],
    [
      "HTTP/1.1 200 caf\xe9\r\nContent-Length: 1\r\nConnection: close\r\n\r\n",
      METHOD.GET,
      "ok 0",
      BODY.length,
      1,
      false,
    ],
  ];
  for (const [text, method, outcome, body, length, keepAlive] of cases) {
    const message = new Message();
    assert.equal(response(text, method, message), outcome, text);
    assert.deepEqual([message.body, message.contentLength, message.keepAlive], [body, length, keepAlive], text);
  }
});

test("responses that are refused", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["HTTP/1.1 20 OK\r\n\r\n", "badStatusLine"],
    ["HTTP/1.1 2000 OK\r\n\r\n", "badStatusLine"],
    ["HTTP/1.1  200 OK\r\n\r\n", "badStatusLine"],
    ["HTTP/1.1 099 X\r\n\r\n", "badStatusLine"],
    ["HTTP/1.1 600 X\r\n\r\n", "badStatusLine"],
    ["HTTP/1.1 200 O\0K\r\n\r\n", "badStatusLine"],
    ["HTTP/1.1 200 OK\n\n", "badStatusLine"],
    ["HTTP/2 200 OK\r\n\r\n", "badVersion"],
    ["ICY 200 OK\r\n\r\n", "badVersion"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "manyContentLengths"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "codingAndLength"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "badTransferCoding"],
    ["HTTP/1.1 200 OK\r\nX : y\r\n\r\n", "spaceBeforeColon"],
  ];
  for (const [text, reason] of cases) assert.equal(response(text), reason, text);
});

test("a trailer section ends with its empty line", () => {
  const bytes = latin1("x-sum: 1\r\n\r\nGET");
  const message = new Message();
  assert.equal(parseFields(bytes, 0, bytes.length, message, limits), bytes.length - 3);
  assert.equal(message.value(0), "1");
  assert.equal(parseFields(bytes, 0, 9, message, limits), 0);
});

test("field names are recognised in any case, and others are not", () => {
  for (const name of FIELD_NAMES.slice(1)) {
    for (const text of [name, name.toUpperCase()]) {
      const bytes = latin1(`..${text}..`);
      assert.equal(FIELD_NAMES[fieldId(bytes, 2, 2 + text.length)], name);
    }
    const other = latin1(`${name}x`);
    assert.equal(
      FIELD_NAMES[fieldId(other, 0, other.length)] === `${name}x` || fieldId(other, 0, other.length) === 0,
      true,
    );
  }
  assert.equal(fieldId(latin1("hos^"), 0, 4), 0);
  assert.equal(fieldId(latin1("x"), 0, 1), 0);
  assert.equal(FIELD.host > 0, true);
});

/** Pieces of requests, so that generated bytes come near to well-formed and to smuggled ones. */
const piece = fc.constantFrom(
  "GET ",
  "POST ",
  "/",
  "/a?b",
  "*",
  " HTTP/1.1",
  " HTTP/1.0",
  "\r\n",
  "\r",
  "\n",
  "Host: a",
  "Host:",
  "Content-Length: 5",
  "Content-Length: ",
  "Transfer-Encoding: chunked",
  "Connection: close",
  " ",
  "\t",
  ":",
  "0",
  "5",
  "x",
  "\0",
  "\r\n\r\n",
  "\xe9",
  "GET / HTTP/1.1\r\nHost: a\r\n",
);
const hostile = fc.oneof(
  fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("")),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
);

test("any bytes: no exception, and a result within them", () => {
  const message = new Message();
  fc.assert(
    fc.property(hostile, fc.nat(30), (text, lead) => {
      const bytes = latin1("#".repeat(lead) + text);
      const result = parseRequest(bytes, lead, bytes.length, message, limits);
      assert.ok(result <= bytes.length);
      if (result <= 0) return;
      assert.ok(result > lead);
      for (const [at, end] of [
        [message.targetStart, message.targetEnd],
        [message.methodStart, message.methodEnd],
      ]) {
        assert.ok(at! >= lead && end! >= at! && end! <= result);
      }
    }),
    { numRuns: 2000 },
  );
});

test("what a prefix of the bytes decides, more bytes do not change", () => {
  const message = new Message();
  fc.assert(
    fc.property(hostile, (text) => {
      const bytes = latin1(text);
      const whole = parseRequest(bytes, 0, bytes.length, message, limits);
      for (let end = 0; end < bytes.length; end++) {
        const part = parseRequest(bytes, 0, end, message, limits);
        if (part !== 0) {
          assert.equal(part, whole, JSON.stringify(text.slice(0, end)));
          return;
        }
      }
    }),
    { numRuns: 2000 },
  );
});
