/** Extended CONNECT (RFC 8441) on one connection: what the stages see, what the client gets, and the stream as a tunnel. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Slab } from "#src/reactor/slab.ts";
import type { StreamHandler } from "#src/reactor/stream.ts";
import type { HttpLimits } from "../engine/limits.ts";
import type { Exchange, TunnelStream } from "../exchange.ts";
import { FIELD, type FieldName, fieldNumber } from "../field.ts";
import { FieldEdits } from "../field-edits.ts";
import { BODY, Message } from "../message.ts";
import { acceptOf } from "./extended-connect.ts";
import { ERROR, FLAG, FRAME, PREFACE, readUint32, SETTING } from "./frame.ts";
import {
  data,
  dataText,
  errorOf,
  type Fields,
  fieldsOf,
  frame,
  framesOf,
  Harness,
  headers,
  HELLO,
  octets,
  settings,
  WEBSOCKET,
  windowUpdate,
} from "./testdata/harness.ts";

/** A backend's 101. */
function switching(fields: Readonly<Record<string, string>>): Message {
  const text = Object.entries(fields).flat();
  const head = new Message();
  head.reset(octets(text.join("")));
  head.status = 101;
  let at = 0;
  for (let i = 0; i < text.length; i += 2) {
    const nameEnd = at + text[i]!.length;
    const end = nameEnd + text[i + 1]!.length;
    head.addField(fieldNumber(text[i]!), at, nameEnd, nameEnd, end);
    at = end;
  }
  return head;
}

const value = (request: Message, name: FieldName): string => request.value(request.find(FIELD[name]));
const keyOf = (exchange: Exchange): string => value(exchange.request, "sec-websocket-key");
const granted = (exchange: Exchange): Message =>
  switching({ upgrade: "websocket", connection: "upgrade", "sec-websocket-accept": acceptOf(keyOf(exchange)) });
const reset = (id: number, code: number): Uint8Array => frame(FRAME.rstStream, 0, id, new Uint8Array([0, 0, 0, code]));

/** Holds a tunnel, and writes down what it is told. */
class Holder implements StreamHandler<TunnelStream> {
  readonly events: string[] = [];
  pauses = false;

  onOpen(): void {}

  onData(stream: TunnelStream, slab: Slab, start: number, end: number): number {
    this.events.push(Buffer.from(slab.bytes.subarray(start, end)).toString());
    if (this.pauses) stream.pauseReading();
    return end - start;
  }

  onEnd(): void {
    this.events.push("end");
  }

  onDrain(): void {
    this.events.push("drain");
  }

  onDeadline(): void {}

  onClose(_stream: TunnelStream, reason: string): void {
    this.events.push(`close ${reason}`);
  }
}

/** A connection whose stream 1 is an extended CONNECT that waits for its answer. */
function asked(
  options: { fields?: Fields; limits?: Partial<HttpLimits>; hello?: Uint8Array; endStream?: boolean } = {},
) {
  const exchanges: Exchange[] = [];
  const aborts: string[] = [];
  const harness = new Harness(
    (exchange) => {
      exchanges.push(exchange);
      exchange.source = { onDrain: () => undefined, onAbort: (_exchange, reason) => aborts.push(reason) };
      return "wait";
    },
    { limits: options.limits ?? {} },
  );
  harness.send(options.hello ?? HELLO, headers(1, options.fields ?? WEBSOCKET, options.endStream ?? false));
  return { harness, exchange: exchanges[0]!, aborts };
}

/** The same with an open tunnel. */
function opened(options: Parameters<typeof asked>[0] = {}) {
  const { harness, exchange } = asked(options);
  exchange.source = undefined;
  const { stream } = exchange.upgrade(granted(exchange), undefined)!;
  const holder = new Holder();
  stream.handler = holder;
  stream.resumeReading();
  harness.out.flush();
  const send = (text: string): boolean => {
    const slab = new Slab(octets(text));
    const isTaken = stream.send(slab, 0, slab.length);
    harness.out.flush();
    return isTaken;
  };
  return { harness, stream, holder, send };
}

test("the settings offer it", () => {
  const { harness } = opened();
  const [first] = framesOf(Buffer.from(harness.stream.sent, "latin1"));
  const pairs = Array.from({ length: first!.payload.length / 6 }, (_, i) => [
    (first!.payload[i * 6]! << 8) | first!.payload[i * 6 + 1]!,
    readUint32(first!.payload, i * 6 + 2),
  ]);
  assert.deepEqual(pairs.at(-1), [SETTING.enableConnectProtocol, 1]);
});

test("stages see the GET that an HTTP/1.1 client would send, with a key of ours and no body", () => {
  const fields: Fields = [
    ...WEBSOCKET,
    ["sec-websocket-version", "13"],
    ["sec-websocket-key", "theirs"],
    ["sec-websocket-protocol", "chat"],
    ["cookie", "a=1"],
    ["cookie", "b=2"],
    ["content-length", "0"],
  ];
  const { exchange } = asked({ fields, limits: { bodyBytes: 1 } });
  const { request } = exchange;
  assert.deepEqual(
    [request.methodText, request.host, request.target, request.upgrade, request.body, request.contentLength],
    ["GET", "example.com", "/a?b=c", true, BODY.none, -1],
  );
  assert.equal(exchange.hasBody, false);
  assert.equal(value(request, "upgrade"), "websocket");
  assert.match(keyOf(exchange), /^[A-Za-z0-9+/]{22}==$/);
  assert.equal(request.find(FIELD["sec-websocket-key"], request.find(FIELD["sec-websocket-key"]) + 1), -1);
  assert.equal(value(request, "cookie"), "a=1; b=2");
  assert.notEqual(keyOf(asked().exchange), keyOf(exchange));
});

test("RFC 6455's example key has its example's accept value", () => {
  assert.equal(acceptOf("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

test("as many fields as are allowed leave room for ours", () => {
  const many: Fields = Array.from({ length: 256 }, (_, i) => [`x-${i}`, "y"]);
  const { exchange } = asked({ fields: [...WEBSOCKET, ...many], limits: { fields: 256 } });
  assert.equal(exchange.request.fieldCount, 258);
  assert.equal(value(exchange.request, "upgrade"), "websocket");
  assert.equal(keyOf(exchange).length, 24);
});

test("another protocol stays a CONNECT, which no route takes", () => {
  for (const protocol of ["connect-udp", "websockets"]) {
    const fields: Fields = WEBSOCKET.map(([name, said]) => [name, name === ":protocol" ? protocol : said]);
    const { exchange } = asked({ fields });
    assert.deepEqual([exchange.request.methodText, exchange.request.upgrade], ["CONNECT", false]);
    assert.equal(exchange.upgrade(switching({ upgrade: protocol }), undefined), undefined);
  }
});

test("a tunnel announces no length", () => {
  const harness = new Harness(() => "wait");
  harness.send(HELLO, headers(1, [...WEBSOCKET, ["content-length", "5"]], false));
  assert.equal(errorOf(harness.take()), `reset ${ERROR.protocolError}`);
  assert.deepEqual(harness.refused, ["contentLength"]);
});

test("a 101 becomes a 200 without what belongs to the backend's connection or to its key", () => {
  const { harness, exchange } = asked();
  harness.take();
  exchange.source = undefined;
  const head = switching({
    connection: "upgrade, x-hop",
    upgrade: "WebSocket",
    "sec-websocket-accept": acceptOf(keyOf(exchange)),
    "sec-websocket-protocol": "chat",
    "sec-websocket-extensions": "permessage-deflate",
    "x-hop": "1",
    "content-length": "0",
  });
  const edits = new FieldEdits();
  edits.add("via", "1.1 fairway");
  assert.ok(exchange.upgrade(head, edits) !== undefined);
  harness.out.flush();
  const [answer, ...others] = harness.take();
  assert.deepEqual([answer!.type, answer!.flags, others.length], [FRAME.headers, FLAG.endHeaders, 0]);
  assert.deepEqual(fieldsOf(answer!.payload), [
    ":status 200",
    "date: Thu, 01 Jan 2026 00:00:00 GMT",
    "sec-websocket-protocol: chat",
    "sec-websocket-extensions: permessage-deflate",
    "via: 1.1 fairway",
  ]);
  assert.deepEqual(harness.finished, [{ status: 200, aborted: "", bytesIn: 0, bytesOut: 0 }]);
  assert.equal(edits.status, 0, "the caller's edits are its own");
});

test("a 101 that is none for our key is not shown, and says why", () => {
  const cases: [string, (exchange: Exchange) => Message][] = [
    ["the 101 has a wrong Sec-WebSocket-Accept", () => switching({ upgrade: "websocket" })],
    [
      "the 101 has a wrong Sec-WebSocket-Accept",
      () => switching({ upgrade: "websocket", "sec-websocket-accept": acceptOf("another") }),
    ],
    [
      "the 101 is for another protocol",
      (exchange) => switching({ upgrade: "chat", "sec-websocket-accept": acceptOf(keyOf(exchange)) }),
    ],
    ["the 101 is for another protocol", (exchange) => switching({ "sec-websocket-accept": acceptOf(keyOf(exchange)) })],
  ];
  for (const [reason, answer] of cases) {
    const { harness, exchange } = asked();
    harness.take();
    assert.equal(exchange.upgrade(answer(exchange), undefined), undefined);
    exchange.fail(502, "upstreamFailed", "no upgrade");
    harness.out.flush();
    const frames = harness.take();
    assert.equal(fieldsOf(frames[0]!.payload)[0], ":status 502");
    assert.equal(exchange.notes.reason, reason);
    // The client's side is open still; nothing of it is wanted.
    assert.equal(errorOf(frames), `reset ${ERROR.noError}`);
  }
});

test("octets go both ways, early ones too, and an end each way ends the stream", () => {
  const { harness, exchange } = asked();
  harness.send(data(1, "early "));
  exchange.source = undefined;
  const { stream } = exchange.upgrade(granted(exchange), undefined)!;
  const holder = new Holder();
  stream.handler = holder;
  stream.resumeReading();
  harness.send(data(1, "more"));
  harness.take();
  stream.send(new Slab(octets("back")), 0, 4);
  stream.endWriting();
  harness.out.flush();
  const frames = harness.take();
  assert.equal(dataText(frames, 1), "back");
  assert.equal(frames.at(-1)!.flags, FLAG.endStream);
  assert.equal(stream.send(new Slab(octets("late")), 0, 4), false);
  harness.send(data(1, "last", true));
  assert.deepEqual(holder.events, ["early ", "more", "last", "end"]);
  assert.equal(harness.connection.openStreams, 1);
  stream.close("done");
  harness.out.flush();
  assert.deepEqual(harness.take(), []);
  assert.equal(harness.connection.openStreams, 0);
  assert.equal(holder.events.at(-1), "close done");
  assert.equal(harness.finished.length, 1);
});

test("an END_STREAM with the request is an end at once", () => {
  const { holder, harness, send } = opened({ endStream: true });
  assert.deepEqual(holder.events, ["end"]);
  harness.take();
  assert.equal(send("still"), true);
  assert.equal(dataText(harness.take(), 1), "still");
});

test("a full window holds the sender back, and the end waits behind what is queued", () => {
  const { harness, stream, holder, send } = opened({ hello: Buffer.concat([PREFACE, settings([4, 10])]) });
  harness.take();
  assert.equal(send("0123456789"), true);
  assert.equal(send("abc"), false);
  assert.equal(dataText(harness.take(), 1), "0123456789");
  harness.send(windowUpdate(1, 2));
  assert.deepEqual(holder.events, []);
  harness.send(windowUpdate(1, 2));
  assert.deepEqual(holder.events, ["drain"]);
  assert.equal(dataText(harness.take(), 1), "abc");
  assert.equal(send("defgh"), false);
  stream.endWriting();
  harness.out.flush();
  assert.ok(harness.take().every((one) => one.flags === 0));
  harness.send(windowUpdate(1, 100));
  const frames = harness.take();
  assert.equal(dataText(frames, 1), "efgh");
  assert.equal(frames.at(-1)!.flags, FLAG.endStream);
});

test("a paused reader stops the client at its window, without a limit on the sum", () => {
  const { harness, stream, holder } = opened({ limits: { bodyBytes: 1000, discardBytes: 1000 } });
  holder.pauses = true;
  harness.take();
  const piece = "x".repeat(16_000);
  for (let i = 0; i < 16; i++) harness.send(data(1, piece));
  assert.deepEqual(holder.events, [piece]);
  assert.deepEqual(harness.take(), [], "no window update");
  holder.pauses = false;
  stream.resumeReading();
  harness.out.flush();
  assert.equal(holder.events.length, 16);
  const updates = harness.take();
  assert.ok(updates.length > 0 && updates.every((one) => one.type === FRAME.windowUpdate));
});

test("a reset of the client's, trailers, or its connection's end: the holder is told once", () => {
  const endings: [string, (harness: Harness) => void][] = [
    ["reset", (harness) => harness.send(reset(1, ERROR.cancel))],
    ["trailers", (harness) => harness.send(headers(1, [["x", "y"]]))],
    ["end", (harness) => harness.stream.endInput()],
    ["cut", (harness) => harness.stream.reset()],
    ["frame error", (harness) => harness.send(frame(FRAME.pushPromise, 4, 1, new Uint8Array(4)))],
  ];
  for (const [name, end] of endings) {
    const { harness, stream, holder, send } = opened();
    end(harness);
    assert.deepEqual(holder.events, ["close reset"], name);
    assert.equal(stream.closed, true);
    assert.equal(harness.connection.openStreams, 0, name);
    assert.equal(send("x"), false);
    stream.endWriting();
    stream.close("done");
    stream.abort("error");
    assert.deepEqual(holder.events, ["close reset"], name);
    assert.equal(harness.finished.length, 1);
  }
});

test("an abort is RST_STREAM with CANCEL, a close before the client's end one without error behind END_STREAM", () => {
  const aborted = opened();
  aborted.harness.take();
  aborted.stream.abort("reset");
  aborted.harness.out.flush();
  assert.equal(errorOf(aborted.harness.take()), `reset ${ERROR.cancel}`);
  assert.deepEqual(aborted.holder.events, ["close reset"]);
  assert.equal(aborted.harness.connection.openStreams, 0);
  // What the client had under way is no error.
  aborted.harness.send(data(1, "late"));
  assert.deepEqual(aborted.harness.take(), []);

  const closed = opened({ hello: Buffer.concat([PREFACE, settings([4, 2])]) });
  closed.harness.take();
  closed.send("1234");
  closed.stream.close("timeout");
  closed.harness.out.flush();
  assert.equal(dataText(closed.harness.take(), 1), "12");
  assert.deepEqual(closed.holder.events, ["close timeout"]);
  closed.harness.send(data(1, "nobody reads"), windowUpdate(1, 2));
  const frames = closed.harness.take();
  assert.equal(dataText(frames, 1), "34");
  assert.equal(frames.at(-2)!.flags, FLAG.endStream);
  assert.equal(errorOf(frames), `reset ${ERROR.noError}`);
  assert.deepEqual(closed.holder.events, ["close timeout"]);
  assert.equal(closed.harness.connection.openStreams, 0);
});

test("an open tunnel may be silent; a closed one whose client takes nothing is reset", () => {
  const { harness, stream, holder, send } = opened({ hello: Buffer.concat([PREFACE, settings([4, 2])]) });
  harness.take();
  send("1234");
  harness.loop.now = 200_000;
  harness.stream.expire();
  harness.out.flush();
  assert.equal(harness.connection.openStreams, 1);
  assert.equal(stream.closed, false);
  stream.close("timeout");
  harness.stream.expire();
  harness.out.flush();
  assert.equal(errorOf(harness.take()), `reset ${ERROR.cancel}`);
  assert.deepEqual(holder.events, ["close timeout"]);
  assert.equal(harness.connection.openStreams, 0);
});

test("trailers before the answer, or the client's leaving, tell whoever was to answer", () => {
  const trailers = asked();
  trailers.harness.send(headers(1, [["x", "y"]]));
  assert.equal(errorOf(trailers.harness.take()), `reset ${ERROR.protocolError}`);
  assert.deepEqual(trailers.aborts, ["badRequest"]);
  const left = asked();
  left.harness.send(reset(1, ERROR.cancel));
  assert.deepEqual(left.aborts, ["clientReset"]);
  assert.equal(left.exchange.upgrade(granted(left.exchange), undefined), undefined);
});

test("any frames at all: the holder is told its end once, and nothing stays", () => {
  const anyFrame = fc
    .record({
      type: fc.integer({ min: 0, max: 10 }),
      flags: fc.integer({ min: 0, max: 255 }),
      id: fc.integer({ min: 0, max: 3 }),
      payload: fc.uint8Array({ maxLength: 40 }),
    })
    .map(({ type, flags, id, payload }) => frame(type, flags, id, payload));
  const sane = fc.constantFrom(
    data(1, "abc"),
    data(1, "", true),
    headers(1, [["x", "y"]]),
    reset(1, ERROR.cancel),
    settings([4, 3]),
    windowUpdate(1, 9),
  );
  const own = fc.constantFrom("send", "pause", "resume", "end", "close", "abort");
  fc.assert(
    fc.property(fc.array(fc.oneof(anyFrame, sane, own), { maxLength: 16 }), (steps) => {
      const { harness, stream, holder, send } = opened({ hello: Buffer.concat([PREFACE, settings([4, 10])]) });
      for (const step of steps) {
        if (typeof step !== "string") harness.send(step);
        else if (step === "send") send("0123456");
        else if (step === "pause") stream.pauseReading();
        else if (step === "resume") stream.resumeReading();
        else if (step === "end") stream.endWriting();
        else if (step === "close") stream.close("done");
        else stream.abort("error");
        harness.out.flush();
      }
      harness.stream.reset();
      assert.equal(holder.events.filter((event) => event.startsWith("close")).length, 1);
      assert.equal(holder.events.at(-1)!.startsWith("close"), true);
      assert.equal(harness.connection.openStreams, 0);
      assert.equal(harness.finished.length, 1);
    }),
    { numRuns: 2000 },
  );
});
