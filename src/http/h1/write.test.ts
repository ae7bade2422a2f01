import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FieldEdits } from "../field-edits.ts";
import { BODY, Message } from "../message.ts";
import { METHOD } from "../method.ts";
import { parseRequest, parseResponse } from "./parse.ts";
import { writeInterimHead, writeLastChunk, writePreparedEnd, writeRequestHead, writeResponseHead } from "./write.ts";

const LIMITS = { headBytes: 65_536, fields: 128 };
const DATE = Buffer.from("Tue, 24 Nov 2026 00:00:00 GMT");

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

function parsedRequest(text: string): Message {
  const message = new Message();
  assert.ok(parseRequest(latin1(text), 0, text.length, message, LIMITS) > 0, text);
  return message;
}

function parsedResponse(text: string): Message {
  const message = new Message();
  assert.ok(parseResponse(latin1(text), 0, text.length, message, METHOD.GET, LIMITS) > 0, text);
  return message;
}

function rendered(write: (out: Uint8Array) => number): string {
  const out = new Uint8Array(65_536);
  const end = write(out);
  assert.ok(end >= 0, "it fits");
  return Buffer.from(out.buffer, 0, end).toString("latin1");
}

const forwarded = (text: string, edits?: FieldEdits): string =>
  rendered((out) => writeRequestHead(out, 0, parsedRequest(text), edits, "implied"));

const answered = (text: string, connection: "implied" | "close" = "implied"): string => {
  const message = parsedResponse(text);
  const framing = { body: message.body, length: message.contentLength, connection, date: DATE };
  return rendered((out) => writeResponseHead(out, 0, message, undefined, framing));
};

/** Names that mean nothing to us: with "x-" in front, no name of a connection's own fields comes about. */
const name = fc.stringMatching(/^x-[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,20}$/);
const value = fc.stringMatching(/^([!-~\x80-\xff]([\t -~\x80-\xff]{0,60}[!-~\x80-\xff])?)?$/);
const fields = fc.array(fc.tuple(name, value), { maxLength: 20 });
const path = fc.stringMatching(
  /^\/([a-zA-Z0-9._~!$&'()*+,;=:@/-]|%[2-7][0-9A-E]){0,60}(\?[a-zA-Z0-9._~/?=&-]{0,30})?$/,
);
const host = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?(:[0-9]{1,4})?$/);
const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE", "BREW");
const body = fc.oneof(fc.constant(""), fc.constant("chunked"), fc.nat({ max: 2 ** 31 }).map(String));

const framingLine = (kind: string): string => {
  if (kind === "") return "";
  return kind === "chunked" ? "transfer-encoding: chunked\r\n" : `content-length: ${kind}\r\n`;
};
const lines = (list: readonly (readonly [string, string])[]): string =>
  list.map(([key, text]) => `${key}: ${text}\r\n`).join("");
const fieldsOf = (message: Message): [string, string][] =>
  Array.from({ length: message.fieldCount }, (_, i) => [message.name(i), message.value(i)]);

test("a request that is rendered and parsed again is the same", () => {
  fc.assert(
    fc.property(method, path, host, fields, body, (verb, target, authority, list, kind) => {
      const text = `${verb} ${target} HTTP/1.1\r\nhost: ${authority}\r\n${lines(list)}${framingLine(kind)}\r\n`;
      assert.equal(forwarded(text), text);
      const message = parsedRequest(forwarded(text));
      assert.deepEqual([message.methodText, message.target, message.host], [verb, target, authority.split(":")[0]]);
      assert.deepEqual(fieldsOf(message).slice(1, list.length + 1), list);
    }),
  );
});

test("a response that is rendered and parsed again is the same", () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), fields, body, (status, list, kind) => {
      fc.pre(kind !== "" && status !== 204 && status !== 304);
      const text = `HTTP/1.1 ${status} any\r\ndate: x\r\n${lines(list)}${framingLine(kind)}\r\n`;
      const again = parsedResponse(answered(text));
      const message = parsedResponse(text);
      assert.equal(again.status, status);
      assert.deepEqual(fieldsOf(again), fieldsOf(message));
      assert.deepEqual([again.body, again.contentLength], [message.body, message.contentLength]);
    }),
  );
});

test("what belongs to the incoming connection does not pass, however Connection names it", () => {
  const own =
    "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: x-t\r\nUpgrade: h2c\r\n" +
    "HTTP2-Settings: AAAA\r\nExpect: 100-continue\r\n";
  const options = [
    "Connection: X-One , x-two\r\nConnection:\tX-THREE,close\r\n",
    "Connection: x-one,x-two,,x-three\r\n",
  ];
  for (const option of options) {
    const text = forwarded(
      `POST / HTTP/1.1\r\nHost: a\r\n${option}${own}X-One: 1\r\nx-TWO: 2\r\nx-three: 3\r\nX-Four: 4\r\n` +
        "Transfer-Encoding: chunked\r\n\r\n",
    );
    assert.equal(text, "POST / HTTP/1.1\r\nhost: a\r\nX-Four: 4\r\ntransfer-encoding: chunked\r\n\r\n");
  }
  const response = answered(
    `HTTP/1.1 200 OK\r\n${options[0]!}X-One: 1\r\nX-Four: 4\r\nContent-Length: 3\r\n\r\n`,
    "close",
  );
  assert.equal(
    response,
    `HTTP/1.1 200 OK\r\nX-Four: 4\r\ndate: ${DATE.toString()}\r\ncontent-length: 3\r\nconnection: close\r\n\r\n`,
  );
});

test("Connection cannot take away what is meant for all recipients, nor the host", () => {
  const kept = "Authorization: a\r\nContent-Type: b\r\nCache-Control: c\r\n";
  const text = forwarded(
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: authorization, content-type, cache-control, cookie, host\r\n${kept}Cookie: d\r\n\r\n`,
  );
  assert.equal(text, `GET / HTTP/1.1\r\nhost: a\r\n${kept}cookie: d\r\n\r\n`);
});

test("edits change target, authority and fields; several cookies become one", () => {
  const edits = new FieldEdits();
  edits.target = latin1("/new?x");
  edits.authority = latin1("b.example:81");
  edits.remove("user-agent");
  edits.remove("x-gone");
  edits.set("x-set", "2");
  const text = forwarded(
    "GET /old HTTP/1.1\r\nHost: a\r\nUser-Agent: u\r\nX-Gone: 1\r\nX-Set: 1\r\nCookie: a=1\r\nX: y\r\nCookie: b=2\r\n\r\n",
    edits,
  );
  assert.equal(text, "GET /new?x HTTP/1.1\r\nhost: b.example:81\r\ncookie: a=1; b=2\r\nX: y\r\nx-set: 2\r\n\r\n");
});

test("an upgrade passes its one field on; interim heads, prepared ends and trailers", () => {
  const message = parsedRequest("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  assert.equal(
    rendered((out) => writeRequestHead(out, 0, message, undefined, "upgrade")),
    "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
  );
  const hints = parsedResponse("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  assert.equal(
    rendered((out) => writeInterimHead(out, 0, 103, hints)),
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
  );
  assert.equal(
    rendered((out) => writePreparedEnd(out, 0, 17, DATE, "close")),
    `age: 17\r\ndate: ${DATE.toString()}\r\nconnection: close\r\n\r\n`,
  );
  const trailers = parsedRequest("GET / HTTP/1.1\r\nHost: a\r\nX-Sum: 1\r\nCookie: a\r\nContent-Length: 5\r\n\r\n");
  assert.equal(
    rendered((out) => writeLastChunk(out, 0, trailers)),
    "0\r\nX-Sum: 1\r\n\r\n",
  );
});

test("a head that does not fit is told as such at every size, and nothing is written behind the end", () => {
  const request = parsedRequest("POST /abc HTTP/1.1\r\nHost: a\r\nX: y\r\nCookie: c\r\nContent-Length: 12\r\n\r\n");
  const response = parsedResponse("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 12\r\n\r\n");
  const framing = { body: BODY.length, length: 12, connection: "close" as const, date: DATE };
  for (let size = 0; size < 60; size++) {
    const out = new Uint8Array(size);
    assert.equal(writeRequestHead(out, 0, request, undefined, "close"), -1);
    assert.equal(writeResponseHead(out, 0, response, undefined, framing), -1);
  }
});
