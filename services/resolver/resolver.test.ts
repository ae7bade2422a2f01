/** The resolver as a program, with a stub zone at the authoritative service, itself one too. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { toEntry } from "#src/config/stream/entry.ts";
import { type Answered, askDns } from "#src/testing/dns-question.ts";
import { freePort, ServiceProcess } from "#src/testing/service-process.ts";

const BIG = Array.from({ length: 40 }, (_, index) => `big TXT "${String(index).padStart(60, "x")}"`).join("\n");
const ZONE = `$TTL 60
@ SOA ns h 1 2 3 4 30
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
www AAAA 2001:db8::1
alias CNAME www
${BIG}
`;

/** Of the root's own names, and of a zone whose server is said to be this host. */
const ROOT = `$TTL 60
@ SOA a.root.test. h 1 2 3 4 30
@ NS a.root.test.
a.root.test. A 127.0.0.1
top A 192.0.2.7
inward NS ns.inward
ns.inward A 127.0.0.1
ns.inward AAAA ::1
`;

const stack = new AsyncDisposableStack();
let resolver: ServiceProcess;
let port: number;

before(async () => {
  const [dnsPort, deadPort, own] = await Promise.all([freePort(), freePort(), freePort()]);
  port = own;
  const root = toEntry("zone/test/root", { kind: "zone", origin: ".", text: ROOT, backends: [] });
  const zone = toEntry("zone/test/shop", { kind: "zone", origin: "shop.test.", text: ZONE, backends: [] });
  const stubs = [
    `shop.test=127.0.0.1@${dnsPort}`,
    `shop.test=::1@${dnsPort}`,
    `dead.test=127.0.0.1@${deadPort}`,
    `dead.test=::1@${deadPort}`,
  ];
  // One after the other: of two at once, one that fails would leave the other behind.
  stack.use(await ServiceProcess.start("dns", [`--port=${dnsPort}`], [zone, root]));
  const roots = `--root-servers=::1@${dnsPort},127.0.0.1@${dnsPort}`;
  const options = [`--port=${port}`, `--stub=${stubs.join(",")}`, roots, "--allow=127.0.0.0/8"];
  resolver = stack.use(await ServiceProcess.start("resolver", options, []));
});
after(() => stack.disposeAsync());

const ask = (name: string, type: string, transport: "udp" | "tcp" = "udp"): Promise<Answered> =>
  askDns({ transport, host: "127.0.0.1", port, name, type });
/** Without the TTLs, which count down. */
const withoutTtl = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/ \d+ /, " "));

for (const transport of ["udp", "tcp"] as const) {
  test(`an alias and what it points to, over ${transport}`, async () => {
    for (const [type, data] of [
      ["A", "192.0.2.1"],
      ["AAAA", "2001:db8::1"],
    ] as const) {
      const { rcode, flags, answer } = await ask("alias.shop.test.", type, transport);
      assert.equal(rcode, "NOERROR");
      assert.deepEqual(flags, ["rd", "ra"], "neither AA nor AD: it is no authority and has validated nothing");
      assert.deepEqual(withoutTtl(answer), ["alias.shop.test. CNAME www.shop.test.", `www.shop.test. ${type} ${data}`]);
    }
  });
}

test("a name that is not there, with its SOA", async () => {
  const { rcode, authority } = await ask("no.shop.test.", "A");
  assert.equal(rcode, "NXDOMAIN");
  assert.match(authority.join(), /^shop\.test\. 30 SOA /);
});

test("the second question is answered from the cache", async () => {
  await ask("www.shop.test.", "A");
  const hits = await resolver.metric("fairway_resolver_cache_hits_total");
  const misses = await resolver.metric("fairway_resolver_cache_misses_total");
  const { answer } = await ask("WWW.shop.test.", "A");
  assert.deepEqual(withoutTtl(answer), ["WWW.shop.test. A 192.0.2.1"]);
  assert.equal(await resolver.metric("fairway_resolver_cache_hits_total"), hits + 1);
  const answers = await resolver.metric('fairway_resolver_responses_total{rcode="NOERROR"}');
  assert.ok(answers >= 2 && (await resolver.metric("fairway_resolver_request_duration_seconds_count")) >= answers);
  assert.equal(await resolver.metric("fairway_resolver_cache_misses_total"), misses);
});

test("what its servers cut short it asks again over TCP; so does its client", async () => {
  const short = await ask("big.shop.test.", "TXT");
  assert.deepEqual([short.flags, short.answer], [["tc", "rd", "ra"], []]);
  assert.equal((await ask("big.shop.test.", "TXT", "tcp")).answer.length, 40);
});

test("servers that refuse are not waited for", async () => {
  const begun = performance.now();
  assert.equal((await ask("www.dead.test.", "A")).rcode, "SERVFAIL");
  assert.ok(performance.now() - begun < 1_000);
  assert.ok((await resolver.metric('fairway_resolver_upstream_failures_total{reason="refused"}')) >= 2);
});

test("clients that may not ask are refused", async () => {
  const { rcode } = await askDns({ transport: "udp", host: "::1", port, name: "www.shop.test.", type: "A" });
  assert.equal(rcode, "REFUSED");
  assert.equal(await resolver.metric("fairway_resolver_refused_total"), 1);
});

test("what no stub has is asked from the root servers down", async () => {
  assert.deepEqual(withoutTtl((await ask("top.", "A")).answer), ["top. A 192.0.2.7"]);
  assert.equal((await ask("nothing.", "A")).rcode, "NXDOMAIN");
});

test("a zone cannot make the resolver ask its own host", async () => {
  assert.equal((await ask("www.inward.", "A")).rcode, "SERVFAIL");
  assert.ok((await resolver.metric('fairway_resolver_upstream_failures_total{reason="forbidden"}')) >= 2);
});

test("localhost is answered without asking anybody", async () => {
  assert.deepEqual(withoutTtl((await ask("localhost.", "AAAA")).answer), ["localhost. AAAA ::1"]);
});

test("a wrong option ends it before it serves", async () => {
  await assert.rejects(
    ServiceProcess.start("resolver", [`--port=${port}`, "--stub=shop.test"], []),
    /Cannot use --stub: shop\.test is not ZONE=ADDRESS@PORT/,
  );
});

test("SIGTERM ends it", async () => {
  assert.equal(await resolver.stop(), 0);
});
