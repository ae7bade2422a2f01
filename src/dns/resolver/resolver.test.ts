import assert from "node:assert/strict";
import { test } from "node:test";
import type { Response } from "./classify.ts";
import { Infrastructure } from "./infrastructure.ts";
import { Resolver } from "./resolver.ts";
import type { ResolverAction, ResolverLimits } from "./resolver.ts";
import type { Outcome, RrSet } from "./rrset.ts";
import { RrSetCache } from "./rrset-cache.ts";

const A = 1;
const NS = 2;
const CNAME = 5;
const SOA = 6;
const AAAA = 28;

const key = (name: string): string =>
  name === "."
    ? "\0"
    : `${name
        .split(".")
        .map((label) => String.fromCharCode(label.length) + label)
        .join("")}\0`;
const nameRdata = (name: string): Uint8Array => Buffer.from(key(name), "latin1");
const ip = (text: string): Uint8Array => Uint8Array.from(text.split(".").map(Number));
const set = (owner: string, type: number, ...rdata: Uint8Array[]): RrSet => ({
  owner: key(owner),
  type,
  ttl: 300,
  rdata,
});
const soa = (owner: string, minimum = 60): RrSet => {
  const numbers = Buffer.alloc(20);
  numbers.writeUInt32BE(minimum, 16);
  return set(owner, SOA, Buffer.concat([nameRdata(`ns.${owner}`), nameRdata(`admin.${owner}`), numbers]));
};

const blank: Response = { rcode: 0, authoritative: true, truncated: false, answer: [], authority: [], additional: [] };

type Reply = Partial<Response> | "timeout";
type Ask = Extract<ResolverAction, { kind: "ask" }>;

/** A world of servers: what each answers, by address. Runs a question to its end and keeps what was asked. */
function world(servers: (ask: Ask) => Reply, limits: Partial<ResolverLimits> = {}) {
  const cache = new RrSetCache();
  const resolver = new Resolver({
    cache,
    infrastructure: new Infrastructure(),
    hints: ["192.0.2.1@53"],
    stubs: [{ zone: key("stub.test"), addresses: ["127.0.0.1@10053"] }],
    random: () => 0,
    limits,
  });
  const asked: string[] = [];
  let now = 0;
  const resolve = (name: string, type: number): Outcome => {
    const queue = resolver.query(key(name), type, now);
    let outcome: Outcome | undefined;
    for (let action = queue.shift(); action !== undefined; action = queue.shift()) {
      if (action.kind === "finish") {
        outcome = action.outcome;
        continue;
      }
      asked.push(
        `${action.server} ${action.transport}${action.edns ? "" : " noedns"} ${Buffer.from(action.name, "latin1")
          .toString()
          .replaceAll(/[\0-\x1f]/g, ".")
          .slice(1)} ${action.type}`,
      );
      const reply = servers(action);
      now += reply === "timeout" ? action.timeoutMs : 10;
      queue.push(
        ...(reply === "timeout"
          ? resolver.timeout(action.ask, now)
          : resolver.response(action.ask, { ...blank, ...reply }, now)),
      );
    }
    assert.equal(resolver.active, 0);
    assert.ok(outcome !== undefined, "every question ends");
    return outcome;
  };
  return { resolve, asked, advance: (ms: number) => (now += ms) };
}

const referral = (zone: string, server: string, address?: string): Reply => ({
  authoritative: false,
  authority: [set(zone, NS, nameRdata(server))],
  additional: address === undefined ? [] : [set(server, A, ip(address))],
});

/** root -> test -> example.test, each on a server of its own. */
const tree =
  (leaf: (ask: Ask) => Reply) =>
  (ask: Ask): Reply => {
    if (ask.server === "192.0.2.1@53") return referral("test", "ns.test", "192.0.2.2");
    if (ask.server === "192.0.2.2@53") return referral("example.test", "ns.example.test", "192.0.2.3");
    return leaf(ask);
  };

test("walks from the root to the zone and keeps what it learns", () => {
  const { resolve, asked, advance } = world(tree(() => ({ answer: [set("www.example.test", A, ip("198.51.100.1"))] })));
  const outcome = resolve("www.example.test", A);
  assert.equal(outcome.rcode, 0);
  assert.deepEqual(outcome.answer[0]!.rdata, [ip("198.51.100.1")]);
  assert.equal(asked.length, 3);
  resolve("www.example.test", A);
  assert.equal(asked.length, 3, "a kept answer asks nobody");
  advance(301_000);
  resolve("www.example.test", A);
  assert.equal(asked.length, 6, "expired delegations start at the root again");
});

test("NXDOMAIN and NODATA end with their SOA and are kept for the lesser TTL", () => {
  for (const rcode of [3, 0]) {
    const { resolve, asked, advance } = world(tree(() => ({ rcode, authority: [soa("example.test", 60)] })));
    const outcome = resolve("nope.example.test", A);
    assert.equal(outcome.rcode, rcode);
    assert.equal(outcome.authority[0]!.ttl, 60);
    assert.equal(outcome.ttl, 60);
    advance(59_000);
    assert.equal(resolve("nope.example.test", A).rcode, rcode);
    assert.equal(asked.length, 3);
    advance(2_000);
    resolve("nope.example.test", A);
    assert.equal(asked.length, 4);
  }
});

test("follows CNAMEs across zones and refuses loops", () => {
  const across = world((ask) => {
    if (ask.server === "192.0.2.1@53")
      return ask.name.endsWith(key("other"))
        ? referral("other", "ns.other", "192.0.2.9")
        : referral("test", "ns.test", "192.0.2.2");
    if (ask.server === "192.0.2.9@53") return { answer: [set("real.other", A, ip("198.51.100.2"))] };
    return { answer: [set("www.test", CNAME, nameRdata("real.other"))] };
  });
  const outcome = across.resolve("www.test", A);
  assert.deepEqual(
    outcome.answer.map((each) => each.type),
    [CNAME, A],
  );
  const loop = world(
    tree((ask) => ({
      answer: [
        ask.name === key("a.example.test")
          ? set("a.example.test", CNAME, nameRdata("b.example.test"))
          : set("b.example.test", CNAME, nameRdata("a.example.test")),
      ],
    })),
  );
  assert.equal(loop.resolve("a.example.test", A).rcode, 2);
});

test("truncated over UDP is asked again over TCP, FORMERR again without EDNS", () => {
  const truncated = world(
    tree((ask) =>
      ask.transport === "udp" ? { truncated: true } : { answer: [set("big.example.test", A, ip("198.51.100.3"))] },
    ),
  );
  assert.equal(truncated.resolve("big.example.test", A).rcode, 0);
  assert.match(truncated.asked.at(-1)!, / tcp /);
  const old = world(
    tree((ask) => (ask.edns ? { rcode: 1 } : { answer: [set("old.example.test", A, ip("198.51.100.4"))] })),
  );
  assert.equal(old.resolve("old.example.test", A).rcode, 0);
  assert.match(old.asked.at(-1)!, / noedns /);
});

test("looks up a server without glue, and gives up on one inside its own zone", () => {
  const glueless = world((ask) => {
    if (ask.server === "192.0.2.1@53")
      return ask.name.endsWith(key("host"))
        ? {
            answer: ask.type === A ? [set("ns.host", A, ip("192.0.2.8"))] : [],
            authority: ask.type === A ? [] : [soa("host")],
          }
        : referral("test", "ns.host");
    return { answer: [set("www.test", A, ip("198.51.100.5"))] };
  });
  assert.equal(glueless.resolve("www.test", A).rcode, 0);
  const impossible = world(() => referral("test", "ns.test"));
  assert.equal(impossible.resolve("www.test", A).rcode, 2);
});

test("asks a silent server again, then another, and remembers who is slow", () => {
  let lost = 2;
  const { resolve } = world(
    tree(() => (lost-- > 0 ? "timeout" : { answer: [set("www.example.test", A, ip("198.51.100.6"))] })),
  );
  assert.equal(resolve("www.example.test", A).rcode, 0);
  const dead = world(() => "timeout");
  assert.equal(dead.resolve("www.example.test", A).rcode, 2);
  assert.equal(dead.asked.length, 3);
});

test("work is bounded: endless referrals, endless glueless servers, endless aliases", () => {
  let depth = 0;
  const aliases = world(
    tree((ask) => ({
      answer: [{ owner: ask.name, type: CNAME, ttl: 300, rdata: [nameRdata(`x${depth++}.example.test`)] }],
    })),
  );
  assert.equal(aliases.resolve("www.example.test", A).rcode, 2);
  assert.ok(aliases.asked.length < 20);
  let count = 0;
  const servers = world((ask) => ({
    authoritative: false,
    authority: [
      { owner: ask.name, type: NS, ttl: 300, rdata: Array.from({ length: 50 }, () => nameRdata(`n${count++}.victim`)) },
    ],
  }));
  assert.equal(servers.resolve("www.attacker", A).rcode, 2);
  assert.ok(servers.asked.length <= 64, `${servers.asked.length} asks`);
});

test("a record outside the bailiwick of the zone asked is not believed", () => {
  const { resolve } = world(
    tree(() => ({
      answer: [set("www.example.test", CNAME, nameRdata("www.bank.test")), set("www.bank.test", A, ip("203.0.113.66"))],
    })),
  );
  const outcome = resolve("www.example.test", A);
  assert.ok(
    !outcome.answer.some((each) =>
      each.rdata.some((rdata) => Buffer.from(rdata).equals(Buffer.from(ip("203.0.113.66")))),
    ),
  );
});

test("a stub zone is asked at its own servers; DS is asked at the parent", () => {
  const { resolve, asked } = world((ask) => ({
    answer: [{ owner: ask.name, type: ask.type, ttl: 60, rdata: [ip("127.0.0.1")] }],
  }));
  resolve("www.stub.test", A);
  assert.match(asked[0]!, /^127\.0\.0\.1@10053/);
  resolve("stub.test", 43);
  assert.match(asked[1]!, /^192\.0\.2\.1@53/);
  resolve("other.test", AAAA);
  assert.match(asked[2]!, /^192\.0\.2\.1@53/);
});
