import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Slab } from "#src/reactor/slab.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import type { BodySink, Exchange, PreparedResponse, ResponseSource } from "../exchange.ts";
import { FIELD } from "../field.ts";
import { BODY, Message } from "../message.ts";
import type { Stage } from "../stage.ts";
import { ERROR, FLAG, FRAME, PREFACE, readUint32 } from "./frame.ts";
import { encodeName, encodeStatus, encodeString } from "./hpack/encoder.ts";
import { nameCode } from "./hpack/name-code.ts";
import {
  block,
  data,
  dataText,
  errorOf,
  type Fields,
  fieldsOf,
  frame,
  GET,
  Harness,
  headers,
  HELLO,
  octets,
  POST,
  settings,
  WEBSOCKET,
  windowUpdate,
} from "./testdata/harness.ts";

const hello =
  (text = "hello"): Stage["onRequest"] =>
  (exchange) => {
    exchange.respondText(200, text, undefined);
    return "done";
  };

test("a request becomes a Message and its answer frames; everything of one event leaves by one send", () => {
  const seen: string[] = [];
  const harness = new Harness((exchange) => {
    const { request } = exchange;
    seen.push(
      `${request.methodText} ${request.host} ${request.path} ${request.target} ${request.version} ${exchange.hasBody}`,
    );
    exchange.respondText(200, "hello", undefined);
    return "done";
  });
  harness.send(HELLO);
  harness.take();
  const before = harness.stream.sends;
  harness.send(headers(1, GET), headers(3, GET), headers(5, GET));
  assert.equal(harness.stream.sends, before + 1);
  assert.deepEqual(
    seen,
    Array.from({ length: 3 }, () => "GET example.com /a /a?b=c 20 false"),
  );
  const frames = harness.take();
  assert.deepEqual(
    frames.map((one) => [one.type, one.id, one.flags]),
    [1, 3, 5].flatMap((id) => [
      [FRAME.headers, id, FLAG.endHeaders],
      [FRAME.data, id, FLAG.endStream],
    ]),
  );
  assert.deepEqual(fieldsOf(frames[0]!.payload), [
    ":status 200",
    "date: Thu, 01 Jan 2026 00:00:00 GMT",
    "content-length: 5",
    "content-type: text/plain; charset=utf-8",
  ]);
  assert.equal(dataText(frames, 3), "hello");
  assert.deepEqual(harness.finished[0], { status: 200, aborted: "", bytesIn: 0, bytesOut: 5 });
});

test("malformed requests are stream errors with a reason, and the next request is served", () => {
  const cases: [string, Fields][] = [
    ["pseudoFieldMissing", GET.slice(1)],
    ["pseudoFieldMissing", GET.filter(([name]) => name !== ":path")],
    ["pseudoField", [...GET, [":method", "GET"]]],
    ["pseudoField", [["accept", "a"], ...GET]],
    ["pseudoField", [...GET, [":status", "200"]]],
    ["pseudoField", [...GET, [":extra", "1"]]],
    ["pseudoField", [[":method", "CONNECT"], ...GET.slice(1)]],
    ["pseudoField", [...GET, [":protocol", "websocket"]]],
    ["pseudoField", [[":method", "CONNECT"], [":protocol", "web socket"], ...GET.slice(1)]],
    ["pseudoField", [[":method", "CONNECT"], [":protocol", ""], ...GET.slice(1)]],
    ["pseudoField", [...WEBSOCKET, [":protocol", "websocket"]]],
    ["pseudoFieldMissing", WEBSOCKET.filter(([name]) => name !== ":path")],
    ["pseudoFieldMissing", WEBSOCKET.filter(([name]) => name !== ":scheme")],
    ["authority", WEBSOCKET.filter(([name]) => name !== ":authority")],
    ["path", WEBSOCKET.map(([name, value]) => [name, name === ":path" ? "*" : value])],
    ["path", WEBSOCKET.map(([name, value]) => [name, name === ":path" ? "example.com:80" : value])],
    ["contentLength", [...WEBSOCKET, ["content-length", "5"]]],
    ["connectionField", [...WEBSOCKET, ["upgrade", "websocket"]]],
    ["fieldName", [...GET, ["x y", "1"]]],
    ["fieldValue", [...GET, ["x", " 1"]]],
    ["fieldValue", [...GET, ["x", "a\nb"]]],
    ["fieldValue", [...GET, ["x", "a\0"]]],
    ["connectionField", [...GET, ["connection", "close"]]],
    ["connectionField", [...GET, ["transfer-encoding", "chunked"]]],
    ["connectionField", [...GET, ["te", "gzip"]]],
    ["authority", [...GET, ["host", "other.example"]]],
    ["authority", GET.slice(0, 3)],
    ["authority", [...GET.slice(0, 3), [":authority", "user@example.com"]]],
    ["authority", [...GET.slice(0, 3), [":authority", "example.com:99999"]]],
    ["path", [GET[0]!, GET[1]!, [":path", "relative"], GET[3]!]],
    ["path", [GET[0]!, GET[1]!, [":path", "/a b"], GET[3]!]],
    ["path", [GET[0]!, GET[1]!, [":path", "*"], GET[3]!]],
    ["scheme", [GET[0]!, [":scheme", "ftp"], GET[2]!, GET[3]!]],
    ["method", [[":method", "G T"], ...GET.slice(1)]],
    ["contentLength", [...GET, ["content-length", "5"]]],
    ["contentLength", [...GET, ["content-length", "-1"]]],
    ["contentLength", [...GET, ["content-length", "0"], ["content-length", "0"]]],
  ];
  const harness = new Harness(hello());
  harness.send(HELLO);
  for (const [i, [reason, fields]] of cases.entries()) {
    harness.take();
    harness.send(headers(4 * i + 1, fields));
    assert.equal(errorOf(harness.take()), `reset ${ERROR.protocolError}`, JSON.stringify(fields));
    assert.equal(harness.refused.at(-1), reason, JSON.stringify(fields));
    harness.send(headers(4 * i + 3, GET));
    assert.equal(dataText(harness.take(), 4 * i + 3), "hello");
  }
});

test("Host alone serves as authority, one that is equal is not repeated, cookie crumbs become one field", () => {
  const seen: string[] = [];
  const harness = new Harness((exchange) => {
    const { request } = exchange;
    seen.push(
      [
        request.host,
        ...Array.from({ length: request.fieldCount }, (_, i) => `${request.name(i)}=${request.value(i)}`),
      ].join("|"),
    );
    exchange.respondText(200, "", undefined);
    return "done";
  });
  harness.send(
    HELLO,
    headers(1, [...GET.slice(0, 3), ["host", "[2001:db8::1]:80"]]),
    headers(3, [
      ...GET,
      ["host", "example.com:8080"],
      ["cookie", "a=1"],
      ["x", "y"],
      ["cookie", "b=2"],
      ["cookie", "c=3"],
    ]),
  );
  assert.deepEqual(seen, ["[2001:db8::1]", "example.com|cookie=a=1; b=2; c=3|x=y"]);
});

test("connection errors end in GOAWAY with their code", () => {
  const padded = new Uint8Array([200, 1, 2]);
  const cases: [string, number, Uint8Array[]][] = [
    ["no SETTINGS first", ERROR.protocolError, [PREFACE, frame(FRAME.ping, 0, 0, new Uint8Array(8))]],
    ["not HTTP/2", ERROR.protocolError, [octets("GET / HTTP/1.1\r\n\r\nxxxxxxxxxxxxx")]],
    ["oversized", ERROR.frameSizeError, [HELLO, frame(FRAME.data, 0, 1, new Uint8Array(16_385))]],
    ["HPACK fault", ERROR.compressionError, [HELLO, frame(FRAME.headers, 5, 1, new Uint8Array([0x80]))]],
    ["even stream", ERROR.protocolError, [HELLO, headers(2, GET)]],
    ["idle stream", ERROR.protocolError, [HELLO, data(1, "x")]],
    ["lower stream", ERROR.streamClosed, [HELLO, headers(5, GET), headers(3, GET)]],
    ["padding", ERROR.protocolError, [HELLO, frame(FRAME.headers, FLAG.padded | 5, 1, padded)]],
    [
      "foreign frame in a block",
      ERROR.protocolError,
      [HELLO, frame(FRAME.headers, 1, 1, block(GET)), windowUpdate(0, 1)],
    ],
    ["window too large", ERROR.flowControlError, [HELLO, windowUpdate(0, 0x7fff_ffff)]],
    ["setting too large", ERROR.flowControlError, [PREFACE, settings([4, 0x8000_0000])]],
    ["push promise", ERROR.protocolError, [HELLO, frame(FRAME.pushPromise, 4, 1, new Uint8Array(4))]],
    [
      "endless CONTINUATION",
      ERROR.enhanceYourCalm,
      [HELLO, frame(FRAME.headers, 0, 1), ...Array.from({ length: 20 }, () => frame(FRAME.continuation, 0, 1))],
    ],
    [
      "header bomb",
      ERROR.enhanceYourCalm,
      [
        HELLO,
        frame(FRAME.headers, 0, 1),
        ...Array.from({ length: 3 }, () => frame(FRAME.continuation, 0, 1, new Uint8Array(16_000))),
      ],
    ],
  ];
  for (const [name, code, frames] of cases) {
    const harness = new Harness(hello());
    harness.send(...frames);
    assert.equal(errorOf(harness.take()), `goaway ${code}`, name);
    assert.equal(harness.stream.closeReason, "badInput", name);
    assert.equal(harness.opened, 0, name);
  }
});

/** `count` frames, one behind the other. */
const repeat = (count: number, make: (i: number) => Uint8Array): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

test("floods end the connection: pings, settings, empty DATA, window updates, resets", () => {
  const cases: [string, Uint8Array][] = [
    ["ping", repeat(3000, () => frame(FRAME.ping, 0, 0, new Uint8Array(8)))],
    ["settings", repeat(3000, () => settings())],
    ["priority", repeat(3000, () => frame(FRAME.priority, 0, 1, new Uint8Array(5)))],
    ["unknown", repeat(3000, () => frame(99, 0, 0))],
    ["window", repeat(3000, () => windowUpdate(0, 1))],
    ["empty data", Buffer.concat([headers(1, POST, false), repeat(3000, () => data(1, ""))])],
    [
      "rapid reset",
      repeat(3000, (i) =>
        Buffer.concat([headers(2 * i + 1, GET), frame(FRAME.rstStream, 0, 2 * i + 1, new Uint8Array(4))]),
      ),
    ],
    ["made resets", repeat(3000, (i) => headers(2 * i + 1, GET.slice(1)))],
  ];
  for (const [name, flood] of cases) {
    const harness = new Harness(() => "wait");
    harness.send(HELLO, flood);
    assert.equal(errorOf(harness.take()), `goaway ${ERROR.enhanceYourCalm}`, name);
    assert.deepEqual(harness.refused.at(-1), "flood", name);
  }
});

test("while the kernel does not take output, nothing is read", () => {
  const harness = new Harness(hello("x".repeat(1000)), { stream: { capacity: 60_000 } });
  harness.send(HELLO, windowUpdate(0, 1_000_000));
  for (let i = 0; i < 200; i++) harness.send(headers(2 * i + 1, GET));
  assert.ok(harness.stream.paused);
  assert.ok(harness.finished.length < 200);
  assert.ok(harness.stream.queuedBytes < 2200);
  harness.stream.capacity = Infinity;
  harness.stream.drain();
  harness.out.flush();
  assert.equal(harness.finished.length, 200);
  assert.equal(harness.stream.paused, false);
});

/** A stage that answers later with `chunks`, each after the former has gone. */
class SlowSource implements ResponseSource {
  exchange: Exchange | undefined = undefined;
  readonly #chunks: Uint8Array[];
  drained = 0;
  aborted = "";
  released = 0;
  readonly #held: boolean;

  constructor(chunks: Uint8Array[], held = false) {
    this.#chunks = chunks;
    this.#held = held;
  }

  readonly onRequest: Stage["onRequest"] = (exchange) => {
    this.exchange = exchange;
    exchange.source = this;
    return "wait";
  };

  answer(): void {
    const head = new Message();
    head.status = 200;
    head.body = BODY.chunked;
    this.exchange!.respond(head, undefined);
    this.#more();
  }

  #more(): void {
    for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) {
      const slab = new Slab(chunk.slice());
      const held = this.#held ? { release: () => this.released++ } : undefined;
      const goesOn = this.exchange!.write(slab, 0, slab.length, held);
      if (!this.#held) slab.bytes.fill(0);
      if (!goesOn) return;
    }
    this.exchange!.end();
  }

  onDrain(): void {
    this.drained++;
    this.#more();
  }

  onAbort(_exchange: Exchange, reason: string): void {
    this.aborted = reason;
  }
}

test("a body waits for the stream's window and the connection's, and its source is asked to go on", () => {
  for (const held of [false, true]) {
    const text = "0123456789".repeat(10_000);
    const source = new SlowSource([octets(text.slice(0, 70_000)), octets(text.slice(70_000))], held);
    const harness = new Harness(source.onRequest);
    harness.send(Buffer.concat([PREFACE, settings([4, 30_000])]), headers(1, GET));
    source.answer();
    harness.out.flush();
    let frames = harness.take();
    assert.equal(dataText(frames, 1).length, 30_000);
    assert.ok(frames.every((one) => one.payload.length <= 16_384));
    harness.send(windowUpdate(1, 40_000));
    frames.push(...harness.take());
    assert.equal(dataText(frames, 1).length, 65_535, "the connection's window");
    harness.send(windowUpdate(1, 100_000), windowUpdate(0, 100_000));
    frames.push(...harness.take());
    assert.equal(dataText(frames, 1), text);
    assert.equal(frames.at(-1)!.flags, FLAG.endStream);
    assert.equal(source.drained, 1);
    assert.equal(source.released, held ? 2 : 0);
    assert.deepEqual(harness.finished, [{ status: 200, aborted: "", bytesIn: 0, bytesOut: 100_000 }]);
    frames = [];
  }
});

test("a changed initial window moves open streams, below nothing too", () => {
  const source = new SlowSource([octets("x".repeat(50_000))]);
  const harness = new Harness(source.onRequest);
  harness.send(HELLO, headers(1, GET));
  harness.send(settings([4, 10_000]));
  source.answer();
  harness.out.flush();
  assert.equal(dataText(harness.take(), 1).length, 10_000);
  harness.send(settings([4, 0]));
  harness.send(windowUpdate(1, 10_000));
  assert.equal(dataText(harness.take(), 1).length, 0);
  harness.send(settings([4, 40_000]));
  assert.equal(dataText(harness.take(), 1).length, 40_000);
});

test("two streams share the connection's window in turns", () => {
  const sources: SlowSource[] = [];
  const harness = new Harness((exchange) => {
    const source = new SlowSource([octets("x".repeat(500_000))]);
    sources.push(source);
    return source.onRequest(exchange);
  });
  harness.send(Buffer.concat([PREFACE, settings([4, 1_000_000])]), headers(1, GET), headers(3, GET));
  harness.send(windowUpdate(0, 100_000));
  for (const source of sources) source.answer();
  harness.out.flush();
  harness.take();
  harness.send(windowUpdate(0, 131_072));
  const frames = harness.take();
  assert.equal(dataText(frames, 1).length, 65_536);
  assert.equal(dataText(frames, 3).length, 65_536);
});

test("a client that resets or leaves is told to the source, and what it held is released", () => {
  for (const how of ["reset", "leave", "end"] as const) {
    const source = new SlowSource([octets("x".repeat(100_000))], true);
    const harness = new Harness(source.onRequest);
    harness.send(HELLO, headers(1, GET));
    source.answer();
    if (how === "reset") harness.send(frame(FRAME.rstStream, 0, 1, new Uint8Array(4)));
    else if (how === "leave") harness.stream.reset();
    else harness.stream.endInput();
    const reason = how === "end" ? "clientClosed" : "clientReset";
    assert.equal(source.aborted, reason);
    assert.equal(source.released, 1);
    assert.equal(harness.finished[0]!.aborted, reason);
    assert.equal(harness.connection.openStreams, 0);
  }
});

class Collector implements BodySink {
  text = "";
  ended = 0;
  trailers = "";
  pauseAfter = Infinity;

  onBody(_exchange: Exchange, slab: Slab, start: number, end: number): boolean {
    this.text += Buffer.from(slab.bytes.subarray(start, end)).toString();
    return this.text.length < this.pauseAfter;
  }

  onBodyEnd(exchange: Exchange, trailers: Message | undefined): void {
    this.ended++;
    this.trailers = trailers === undefined ? "" : `${trailers.name(0)}: ${trailers.value(0)}`;
    exchange.respondText(200, this.text.slice(0, 20), undefined);
  }
}

test("a request's body reaches its sink, with padding taken off and trailers at the end", () => {
  const sink = new Collector();
  const harness = new Harness((exchange) => {
    assert.equal(exchange.request.body, BODY.chunked);
    exchange.readBody(sink);
    return "wait";
  });
  const padded = frame(
    FRAME.data,
    FLAG.padded,
    1,
    Buffer.concat([new Uint8Array([3]), octets("two "), new Uint8Array(3)]),
  );
  harness.send(HELLO, headers(1, POST, false), data(1, "one "), padded, headers(1, [["x-sum", "7"]]));
  assert.equal(sink.text, "one two ");
  assert.equal(sink.trailers, "x-sum: 7");
  assert.equal(sink.ended, 1);
  assert.equal(dataText(harness.take(), 1), "one two ");
  assert.equal(harness.finished[0]!.bytesIn, 8);
});

test("a paused body waits in the client once the window is full, and goes on when it is wanted", () => {
  const sink = new Collector();
  sink.pauseAfter = 1;
  let exchange: Exchange | undefined;
  const harness = new Harness((one) => {
    exchange = one;
    one.readBody(sink);
    return "wait";
  });
  const piece = "y".repeat(16_000);
  harness.send(HELLO, headers(1, POST, false));
  for (let i = 0; i < 16; i++) harness.send(data(1, piece));
  assert.equal(sink.text.length, 16_000);
  assert.equal(harness.take().length, 0, "no credit for what nobody has read");
  sink.pauseAfter = Infinity;
  exchange!.resumeBody();
  harness.out.flush();
  assert.equal(sink.text.length, 256_000);
  const updates = harness.take().filter((one) => one.type === FRAME.windowUpdate && one.id === 1);
  assert.ok(updates.reduce((sum, one) => sum + readUint32(one.payload, 0), 0) > 128_000);
  harness.send(data(1, "", true));
  assert.equal(sink.ended, 1);
});

test("more than the window, more than announced, less than announced, more than allowed", () => {
  const cases: [string, string, number, Uint8Array[]][] = [
    [
      "window",
      `reset ${ERROR.flowControlError}`,
      0,
      [headers(1, POST, false), ...Array.from({ length: 17 }, () => data(1, "z".repeat(16_000)))],
    ],
    [
      "longer",
      `reset ${ERROR.protocolError}`,
      0,
      [headers(1, [...POST, ["content-length", "2"]], false), data(1, "abc")],
    ],
    [
      "shorter",
      `reset ${ERROR.protocolError}`,
      0,
      [headers(1, [...POST, ["content-length", "4"]], false), data(1, "abc", true)],
    ],
    ["too large", `reset ${ERROR.noError}`, 413, [headers(1, [...POST, ["content-length", "99000"]], false)]],
  ];
  for (const [name, error, status, frames] of cases) {
    const harness = new Harness(() => "wait", { limits: { bodyBytes: name === "window" ? 0 : 1000 } });
    harness.send(HELLO, ...frames);
    assert.equal(errorOf(harness.take()), error, name);
    assert.equal(harness.finished[0]!.status, status, name);
    assert.equal(harness.connection.openStreams, 0, name);
  }
});

test("100 Continue is sent when the body is wanted, and not before", () => {
  let exchange: Exchange | undefined;
  const harness = new Harness((one) => {
    exchange = one;
    return "wait";
  });
  harness.send(HELLO, headers(1, [...POST, ["expect", "100-continue"]], false));
  assert.equal(harness.take().length, 0);
  exchange!.readBody(new Collector());
  harness.out.flush();
  assert.deepEqual(fieldsOf(harness.take()[0]!.payload), [":status 100"]);
});

test("an answer before the request's end: the rest is dropped within limits, then the stream is reset", () => {
  const harness = new Harness(hello());
  harness.send(HELLO, headers(1, POST, false), data(1, "some"), data(1, " more", true));
  assert.equal(harness.connection.openStreams, 0);
  assert.ok(harness.take().every((one) => one.type !== FRAME.rstStream));
  harness.send(headers(3, POST, false), ...Array.from({ length: 5 }, () => data(3, "z".repeat(16_000))));
  assert.equal(errorOf(harness.take()), `reset ${ERROR.noError}`);
  assert.equal(harness.connection.openStreams, 0);
  harness.send(data(3, "still under way"), headers(5, GET));
  assert.equal(dataText(harness.take(), 5), "hello");
});

function prepared(body: string, age = 7): PreparedResponse {
  const slab = new Slab(200_000);
  let end = encodeStatus(slab.bytes, 0, 200);
  for (const [name, value] of [
    ["content-type", "text/css"],
    ["etag", '"1"'],
    ["content-length", String(body.length)],
  ] as const) {
    end = encodeName(slab.bytes, end, FIELD[name], octets(name), 0, name.length);
    end = encodeString(slab.bytes, end, octets(value), 0, value.length);
  }
  slab.bytes.set(octets(body), end);
  return {
    status: 200,
    slab,
    h1Start: 0,
    h1End: 0,
    h2Start: 0,
    h2End: end,
    bodyStart: end,
    bodyEnd: end + body.length,
    age,
    held: undefined,
  };
}

test("a prepared response goes out whole, or in parts when a window is small, with Date and Age", () => {
  for (const [size, window] of [
    [1000, 65_535],
    [60_000, 65_535],
    [100_000, 65_535],
    [1000, 10],
  ] as const) {
    let released = 0;
    const body = "c".repeat(size);
    const harness = new Harness((exchange) => {
      exchange.respondPrepared({ ...prepared(body), held: { release: () => released++ } });
      return "done";
    });
    harness.send(Buffer.concat([PREFACE, settings([4, window])]), headers(1, GET));
    const frames = harness.take();
    harness.send(windowUpdate(1, 200_000), windowUpdate(0, 200_000));
    frames.push(...harness.take());
    assert.deepEqual(fieldsOf(frames[0]!.payload).toSorted(), [
      ":status 200",
      "age: 7",
      `content-length: ${size}`,
      "content-type: text/css",
      "date: Thu, 01 Jan 2026 00:00:00 GMT",
      'etag: "1"',
    ]);
    assert.equal(dataText(frames, 1), body);
    assert.equal(frames.at(-1)!.flags, FLAG.endStream);
    assert.equal(released, 1);
    assert.equal(harness.finished[0]!.bytesOut, size);
  }
});

test("HEAD has the fields and no body", () => {
  const harness = new Harness((exchange) => {
    if (exchange.request.path === "/a") exchange.respondPrepared({ ...prepared("body"), bodyEnd: 0, bodyStart: 0 });
    else exchange.respondText(200, "text", undefined);
    return "done";
  });
  const head: Fields = [[":method", "HEAD"], ...GET.slice(1)];
  harness.send(HELLO, headers(1, head), headers(3, [head[0]!, head[1]!, [":path", "/b"], head[3]!]));
  const frames = harness.take();
  assert.deepEqual(
    frames.map((one) => [one.type, one.flags]),
    Array.from({ length: 2 }, () => [FRAME.headers, FLAG.endHeaders | FLAG.endStream]),
  );
  for (const one of frames) assert.ok(fieldsOf(one.payload).includes("content-length: 4"));
});

test("stages see every head on its way back and change it", () => {
  const harness = new Harness(
    (exchange) => {
      if (exchange.request.path === "/a") exchange.respondPrepared(prepared("body"));
      else exchange.respondText(200, "text", undefined);
      return "done";
    },
    {
      onResponse: (_exchange, head, edits) => {
        assert.equal(head.status, 200);
        edits.remove("etag");
        edits.add("x-seen", "yes");
      },
    },
  );
  harness.send(HELLO, headers(1, GET), headers(3, [GET[0]!, GET[1]!, [":path", "/b"], GET[3]!]));
  const frames = harness.take();
  for (const one of frames.filter((two) => two.type === FRAME.headers)) {
    const fields = fieldsOf(one.payload);
    assert.ok(fields.includes("x-seen: yes"));
    assert.ok(fields.every((field) => !field.startsWith("etag")));
  }
  assert.equal(dataText(frames, 1), "body");
});

test("a backend's HTTP/1.1 head loses what belongs to its connection; a long one is continued", () => {
  const text = "Connection: X-Private, closeKeep-Alive: 5X-Private: 1X-Kept: 2Transfer-Encoding: chunked";
  const head = new Message();
  head.reset(octets(text + "v".repeat(40_000)));
  head.status = 203;
  head.body = BODY.chunked;
  const add = (name: string, value: string): void => {
    const id = Math.max(0, nameCode(octets(name.toLowerCase()), 0, name.length));
    const at = text.indexOf(name + ": ");
    head.addField(id, at, at + name.length, at + name.length + 2, at + name.length + 2 + value.length);
  };
  add("Connection", "X-Private, close");
  add("Keep-Alive", "5");
  add("X-Private", "1");
  add("X-Kept", "2");
  add("Transfer-Encoding", "chunked");
  head.addField(0, text.indexOf("X-Kept"), text.indexOf("X-Kept") + 6, text.length, text.length + 40_000);
  const harness = new Harness((exchange) => {
    exchange.respond(head, undefined);
    exchange.end();
    return "done";
  });
  harness.send(HELLO, headers(1, GET));
  const frames = harness.take();
  assert.deepEqual(
    frames.map((one) => one.type),
    [FRAME.headers, FRAME.continuation, FRAME.continuation, FRAME.data],
  );
  assert.deepEqual(
    frames.map((one) => one.flags),
    [0, 0, FLAG.endHeaders, FLAG.endStream],
  );
  const fields = fieldsOf(Buffer.concat(frames.slice(0, 3).map((one) => one.payload)));
  assert.deepEqual(fields, [
    ":status 203",
    "date: Thu, 01 Jan 2026 00:00:00 GMT",
    "x-kept: 2",
    `x-kept: ${"v".repeat(40_000)}`,
  ]);
});

test("failures: before the head an answer, after it a reset", () => {
  for (const late of [false, true]) {
    const source = new SlowSource([]);
    const harness = new Harness(source.onRequest);
    harness.send(HELLO, headers(1, GET));
    const head = new Message();
    head.status = 200;
    head.body = BODY.chunked;
    if (late) source.exchange!.respond(head, undefined);
    source.exchange!.fail(502, "upstreamFailed", "connection refused");
    harness.out.flush();
    const frames = harness.take();
    if (late) assert.equal(errorOf(frames), `reset ${ERROR.internalError}`);
    else assert.equal(fieldsOf(frames[0]!.payload)[0], ":status 502");
    assert.equal(harness.finished[0]!.aborted, late ? "upstreamFailed" : "");
  }
});

test("a body that is not as long as was told is reset, never ended as if it were whole", () => {
  for (const [told, written] of [
    [10, 9],
    [10, 11],
  ] as const) {
    const source = new SlowSource([octets("x".repeat(written))]);
    const harness = new Harness(source.onRequest);
    harness.send(HELLO, headers(1, GET));
    const head = new Message();
    head.status = 200;
    head.body = BODY.length;
    head.contentLength = told;
    source.exchange!.respond(head, undefined);
    source.onDrain();
    harness.out.flush();
    assert.equal(errorOf(harness.take()), `reset ${ERROR.internalError}`);
    assert.equal(harness.finished[0]!.aborted, "error");
  }
});

test("trailers follow the body, after it when it waits", () => {
  const trailers = new Message();
  trailers.reset(octets("x-sumabc"));
  trailers.addField(0, 0, 5, 5, 8);
  const source = new SlowSource([]);
  const harness = new Harness(source.onRequest);
  harness.send(Buffer.concat([PREFACE, settings([4, 3])]), headers(1, GET));
  const head = new Message();
  head.status = 200;
  head.body = BODY.chunked;
  const { exchange } = source;
  exchange!.respond(head, undefined);
  exchange!.write(new Slab(octets("12345")), 0, 5);
  exchange!.end(trailers);
  trailers.bytes.fill(0);
  harness.out.flush();
  harness.take();
  harness.send(windowUpdate(1, 10));
  const frames = harness.take();
  assert.equal(dataText(frames, 1), "45");
  assert.deepEqual(fieldsOf(frames.at(-1)!.payload), ["x-sum: abc"]);
  assert.equal(frames.at(-1)!.flags, FLAG.endStream | FLAG.endHeaders);
});

test("too many fields or octets answer 431; too many streams are refused", () => {
  const harness = new Harness(() => "wait", { limits: { headBytes: 2000, concurrentStreams: 2 } });
  harness.send(HELLO, headers(1, [...GET, ["x", "y".repeat(1900)]]));
  assert.deepEqual(fieldsOf(harness.take()[0]!.payload)[0], ":status 431");
  assert.deepEqual(harness.refused, ["headTooLarge"]);
  harness.send(headers(3, GET), headers(5, GET), headers(7, GET));
  assert.equal(errorOf(harness.take()), `reset ${ERROR.refusedStream}`);
  assert.equal(harness.connection.openStreams, 2);
});

test("drain: GOAWAY, a round trip, GOAWAY; open streams end first", () => {
  const source = new SlowSource([octets("late")]);
  const harness = new Harness(source.onRequest);
  harness.send(HELLO, headers(1, GET));
  harness.take();
  harness.connection.drain();
  harness.out.flush();
  const [first, ping] = harness.take();
  assert.deepEqual([first!.type, readUint32(first!.payload, 0)], [FRAME.goaway, 0x7fff_ffff]);
  harness.send(frame(FRAME.ping, FLAG.ack, 0, ping!.payload));
  const [second] = harness.take();
  assert.deepEqual([second!.type, readUint32(second!.payload, 0)], [FRAME.goaway, 1]);
  harness.send(headers(3, GET));
  assert.equal(errorOf(harness.take()), `reset ${ERROR.refusedStream}`);
  assert.equal(harness.stream.closed, false);
  source.answer();
  harness.out.flush();
  assert.equal(dataText(harness.take(), 1), "late");
  assert.equal(harness.stream.closeReason, "shutdown");
});

test("deadlines: a head that does not come, an idle connection, a body that stops, output that is not taken", () => {
  const silent = new Harness(hello());
  silent.stream.expire();
  assert.equal(silent.stream.closeReason, "timeout");

  const idle = new Harness(hello());
  idle.send(HELLO, headers(1, GET));
  assert.equal(idle.stream.armed?.ms, DEFAULT_LIMITS.idleMs);
  idle.stream.expire();
  idle.out.flush();
  assert.equal(errorOf(idle.take()), "goaway 0");
  assert.equal(idle.stream.closeReason, "timeout");

  const stopped = new Harness((exchange) => {
    exchange.readBody(new Collector());
    return "wait";
  });
  stopped.send(HELLO, headers(1, POST, false), data(1, "begun"));
  stopped.take();
  stopped.loop.now += DEFAULT_LIMITS.bodyMs;
  stopped.stream.expire();
  stopped.out.flush();
  assert.equal(fieldsOf(stopped.take()[0]!.payload)[0], ":status 408");

  const source = new SlowSource([octets("x".repeat(70_000))]);
  const stuck = new Harness(source.onRequest);
  stuck.send(HELLO, headers(1, GET));
  source.answer();
  stuck.out.flush();
  stuck.take();
  stuck.loop.now += DEFAULT_LIMITS.writeMs;
  stuck.stream.expire();
  stuck.out.flush();
  assert.equal(errorOf(stuck.take()), `reset ${ERROR.cancel}`);
  assert.equal(source.aborted, "clientTimeout");
});

test("how long a client takes nothing counts from when there was something to take", () => {
  const source = new SlowSource([octets("0123456789")]);
  const harness = new Harness(source.onRequest);
  harness.send(Buffer.concat([PREFACE, settings([4, 0])]), headers(1, GET));
  harness.loop.now = 100_000;
  source.answer();
  harness.stream.expire();
  harness.out.flush();
  assert.deepEqual(
    harness.take().map((one) => one.type),
    [FRAME.headers],
  );
  assert.equal(harness.connection.openStreams, 1);
  harness.loop.now = 130_000;
  harness.stream.expire();
  harness.out.flush();
  assert.equal(errorOf(harness.take()), `reset ${ERROR.cancel}`);
  assert.equal(source.aborted, "clientTimeout");
});

test("the outcome does not depend on how the input is cut", () => {
  const long: Fields = [...POST, ["x-long", "l".repeat(300)]];
  const longBlock = block(long);
  const input = Buffer.concat([
    HELLO,
    headers(1, GET),
    frame(FRAME.headers, 0, 3, longBlock.slice(0, 100)),
    frame(FRAME.continuation, FLAG.endHeaders, 3, longBlock.slice(100)),
    data(3, "body of three"),
    frame(FRAME.ping, 0, 0, octets("12345678")),
    headers(5, GET.slice(1)),
    headers(3, [["x-end", "1"]]),
    headers(7, GET),
  ]);
  const outcome = (cuts: readonly number[]): string => {
    const harness = new Harness((exchange) => {
      if (exchange.hasBody) {
        exchange.readBody(new Collector());
        return "wait";
      }
      exchange.respondText(200, exchange.request.target, undefined);
      return "done";
    });
    let from = 0;
    for (const cut of [...new Set(cuts)].toSorted((a, b) => a - b)) {
      harness.send(input.subarray(from, cut));
      from = cut;
    }
    harness.send(input.subarray(from));
    return JSON.stringify([
      harness.take().map((one) => [one.type, one.id, one.flags, Buffer.from(one.payload).toString("hex")]),
      harness.finished,
    ]);
  };
  const whole = outcome([]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: input.length - 1 }), { maxLength: 12 }), (cuts) =>
      assert.equal(outcome(cuts), whole),
    ),
  );
  assert.equal(outcome(Array.from({ length: input.length - 1 }, (_, i) => i + 1)), whole);
});

test("any frames at all: answered or refused, never a throw, and all exchanges end", () => {
  const anyFrame = fc
    .record({
      type: fc.integer({ min: 0, max: 10 }),
      flags: fc.integer({ min: 0, max: 255 }),
      id: fc.integer({ min: 0, max: 9 }),
      payload: fc.uint8Array({ maxLength: 40 }),
    })
    .map(({ type, flags, id, payload }) => frame(type, flags, id, payload));
  const sane = fc.constantFrom(
    headers(1, GET),
    headers(3, POST, false),
    headers(5, POST, false),
    data(3, "abc"),
    data(3, "", true),
    settings([4, 100]),
    windowUpdate(0, 9),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(anyFrame, sane), { maxLength: 12 }), (frames) => {
      let requests = 0;
      const harness = new Harness((exchange) => {
        requests++;
        if (!exchange.hasBody) return hello()(exchange);
        exchange.readBody(new Collector());
        return "wait";
      });
      harness.send(HELLO, ...frames);
      harness.stream.reset();
      assert.equal(harness.finished.length, requests);
      assert.equal(harness.opened, 0);
    }),
    { numRuns: 1000 },
  );
});
