import assert from "node:assert/strict";
import { test } from "node:test";
import { FLAG } from "#src/dns/wire/header.ts";
import { MessageWriter } from "#src/dns/wire/message-writer.ts";
import { decodeMessage, type Message } from "#src/dns/wire/message.ts";
import { nameKey } from "#src/dns/wire/name.ts";
import { parseQuery, Query } from "#src/dns/wire/query.ts";
import type { Reply, Ticket } from "#src/dns/wire/reply.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { AnswerCache } from "./answer-cache.ts";
import { AnswerComposer } from "./compose.ts";
import { Infrastructure } from "./infrastructure.ts";
import { type AskAction, RecursiveAnswer } from "./recursive-answer.ts";
import { Resolver } from "./resolver.ts";
import { RrSetCache } from "./rrset-cache.ts";

const wire = (name: string): Uint8Array =>
  Buffer.from(
    name === "."
      ? "\0"
      : `${name
          .split(".")
          .map((label) => String.fromCharCode(label.length) + label)
          .join("")}\0`,
    "latin1",
  );

interface Asked {
  readonly type?: number;
  readonly flags?: number;
  readonly udpSize?: number;
  readonly class?: number;
}

/** A resolver whose servers answer with `records` A records; what clients get is collected decoded. */
function setUp({ records = 1, isAllowed = true } = {}) {
  let now = 1_000;
  const asked: AskAction[] = [];
  const sent: Message[] = [];
  const counted = { hit: 0, miss: 0, refused: 0, failed: 0 };
  const resolver = new Resolver({
    cache: new RrSetCache({ max: 100 }),
    infrastructure: new Infrastructure(),
    hints: ["192.0.2.1@53"],
    stubs: [],
    random: () => 0,
  });
  const server = new RecursiveAnswer({
    cache: new AnswerCache(),
    resolver,
    composer: new AnswerComposer(7),
    isAllowed: () => isAllowed,
    ask: (action) => asked.push(action),
    defer: (task) => task(),
    clock: () => now,
    counters: {
      hit: () => counted.hit++,
      miss: () => counted.miss++,
      refused: () => counted.refused++,
      failed: () => counted.failed++,
    },
  });
  const read = (bytes: Uint8Array, length: number): Message => {
    const message = decodeMessage(bytes, 8, 8 + length);
    assert.ok(typeof message !== "string", typeof message === "string" ? message : "");
    return message;
  };
  const ask = (name: string, { type = TYPE.A, flags = FLAG.RD, udpSize, class: class_ = 1 }: Asked = {}) => {
    const packet = new Uint8Array(600);
    const writer = new MessageWriter();
    writer.begin(packet, 3, 512, 0x1234, flags);
    writer.question(wire(name), type, class_);
    if (udpSize !== undefined) writer.edns({ udpSize, rcode: 0, dnssecOk: false });
    const query = new Query(7);
    assert.equal(parseQuery(packet, 3, 3 + writer.length, query), "ok");
    const base = {
      start: 8,
      max: 1232,
      transport: "udp" as const,
      client: { family: 4 as const, host: "127.0.0.1", port: 5 },
    };
    const bytes = new Uint8Array(2_000);
    const reply: Reply = {
      ...base,
      bytes,
      later: (): Ticket => {
        const own = new Uint8Array(2_000);
        return { ...base, query, bytes: own, send: (length) => void sent.push(read(own, length)), drop: () => {} };
      },
    };
    const result = server.answer(query, reply, now);
    return typeof result === "number" ? read(bytes, result) : result;
  };
  const respond = (): void => {
    const action = asked.shift()!;
    const rdata = Array.from({ length: records }, (_, i) => Uint8Array.of(192, 0, i >>> 8, i));
    server.perform(
      resolver.response(
        action.ask,
        {
          rcode: 0,
          authoritative: true,
          truncated: false,
          answer: [{ owner: action.name, type: action.type, ttl: 60, rdata }],
          authority: [],
          additional: [],
        },
        now,
      ),
    );
  };
  return { ask, respond, asked, sent, counted, advance: (ms: number) => (now += ms) };
}

test("a miss is pending, then sent to all who wait; a hit is answered at once with the TTL that is left", () => {
  const { ask, respond, sent, counted, asked, advance } = setUp();
  assert.equal(ask("www.test"), "pending");
  assert.equal(ask("WWW.test"), "pending");
  assert.equal(asked.length, 1, "equal questions are asked once");
  respond();
  assert.equal(sent.length, 2);
  assert.equal(sent[1]!.flags, FLAG.QR | FLAG.RD | FLAG.RA);
  assert.equal(Buffer.from(sent[1]!.questions[0]!.name).toString("latin1"), "\x03WWW\x04test\0", "case as asked");
  advance(10_500);
  const hit = ask("wWw.TeSt", { udpSize: 4096 });
  assert.ok(typeof hit !== "string");
  assert.equal(hit.answer[0]!.ttl, 50);
  assert.equal(nameKey(hit.answer[0]!.name), "\x03www\x04test\0");
  assert.equal(hit.edns?.udpSize, 1232);
  assert.deepEqual(counted, { hit: 1, miss: 2, refused: 0, failed: 0 });
});

test("an answer that does not fit is truncated", () => {
  const { ask, respond, sent } = setUp({ records: 60 });
  ask("big.test");
  respond();
  assert.ok((sent[0]!.flags & FLAG.TC) !== 0 && sent[0]!.answer.length === 0);
  const large = ask("big.test", { udpSize: 4096 });
  assert.ok(typeof large !== "string" && large.answer.length === 60);
});

test("strangers, RD=0, transfers and other classes are refused without work", () => {
  const { ask, asked } = setUp();
  for (const [options, rcode] of [
    [{ flags: 0 }, 5],
    [{ type: TYPE.AXFR }, 4],
    [{ class: 3 }, 5],
  ] as const) {
    const refused = ask("www.test", options);
    assert.ok(typeof refused !== "string" && refused.rcode === rcode);
  }
  const stranger = setUp({ isAllowed: false }).ask("www.test");
  assert.ok(typeof stranger !== "string" && stranger.rcode === 5);
  assert.equal(asked.length, 0);
});

test("localhost, invalid and ANY are answered here", () => {
  const { ask, asked } = setUp();
  const localhost = ask("a.localhost", { type: TYPE.AAAA });
  assert.ok(typeof localhost !== "string" && localhost.answer[0]!.rdata[15] === 1);
  const invalid = ask("x.invalid");
  assert.ok(typeof invalid !== "string" && invalid.rcode === 3);
  const any = ask("www.test", { type: TYPE.ANY });
  assert.ok(typeof any !== "string" && any.answer[0]!.type === TYPE.HINFO);
  assert.equal(asked.length, 0);
});
