/** The same zone in NSD and here: the same answers over UDP and TCP, IPv4 and IPv6. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Authority } from "#src/dns/auth/answer.ts";
import { compileZones } from "#src/dns/auth/compile-zones.ts";
import { decodeMessage, type Message } from "#src/dns/wire/message.ts";
import { MessageWriter } from "#src/dns/wire/message-writer.ts";
import { formatName, parseName } from "#src/dns/wire/name-text.ts";
import { formatRdata } from "#src/dns/wire/rdata/codecs.ts";
import { parseType, typeName } from "#src/dns/wire/type.ts";
import { parseZone } from "#src/dns/zone/build-zone.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { TcpListener } from "#src/reactor/tcp-listener.ts";
import { Responder } from "./responder.ts";
import { StreamService } from "./stream-service.ts";
import { listenUdp } from "./udp-service.ts";

const name = (text: string): Uint8Array => {
  const parsed = parseName(text);
  assert.ok(typeof parsed !== "string");
  return parsed;
};

const ZONE = `$TTL 3600
@ SOA ns hostmaster 2026112401 7200 900 1209600 300
@ NS ns
@ NS ns.elsewhere.net.
@ MX 10 mail
@ TXT "v=spf1 -all" "second"
@ CAA 0 issue "ca.example.net"
ns A 192.0.2.53
ns AAAA 2001:db8::53
mail A 192.0.2.25
www A 192.0.2.80
www A 192.0.2.81
www AAAA 2001:db8::80
alias CNAME www
chain CNAME alias
away CNAME www.example.net.
broken CNAME nothing
* TXT "wild"
*.w A 192.0.2.99
*.w MX 5 mail
*.wc CNAME www
deep.ent.x A 192.0.2.7
sub NS ns.sub
sub NS ns
sub DS 12345 13 2 0011223344556677889900112233445566778899001122334455667788990011
ns.sub A 192.0.2.54
ns.sub AAAA 2001:db8::54
far NS ns.example.net.
_sip._tcp SRV 1 2 5060 mail
1 PTR www
unknown TYPE65280 \\# 3 010203
big TXT ${Array.from({ length: 8 }, (_, index) => `"${String(index).repeat(240)}"`).join(" ")}
`;

interface Asked {
  readonly name: string;
  readonly type: string;
  readonly class?: number;
  readonly flags?: number;
  readonly edns?: { readonly udpSize: number; readonly version?: number; readonly option?: number };
  /** Fields in which we differ on purpose, and why. */
  readonly differs?: { readonly fields: readonly string[]; readonly why: string };
  /** Bytes changed before sending. */
  readonly patch?: (packet: Uint8Array) => Uint8Array;
}

const COURTESY = { fields: ["additional"], why: "minimal-responses leaves out the addresses of hosts that are named" };
const FLAGS_KEPT = { fields: ["flags"], why: "RD is copied into errors too (RFC 1035 section 4.1.1)" };

const QUESTIONS: readonly Asked[] = [
  ...["A", "AAAA", "MX", "TXT", "ANY"].map((type) => ({ name: "www.example.org.", type })),
  ...["SOA", "NS", "TXT", "CAA", "A", "DS"].map((type) => ({ name: "example.org.", type })),
  { name: "example.org.", type: "MX", differs: COURTESY },
  { name: "wWw.ExAmPlE.oRg.", type: "A" },
  { name: "alias.example.org.", type: "A" },
  { name: "alias.example.org.", type: "MX" },
  { name: "alias.example.org.", type: "CNAME" },
  { name: "chain.example.org.", type: "AAAA" },
  { name: "away.example.org.", type: "A" },
  { name: "broken.example.org.", type: "A" },
  { name: "anything.example.org.", type: "TXT" },
  { name: "anything.example.org.", type: "A" },
  { name: "a.b.w.example.org.", type: "A" },
  { name: "some.w.example.org.", type: "MX", differs: COURTESY },
  { name: "*.w.example.org.", type: "A" },
  { name: "w.example.org.", type: "A" },
  { name: "some.wc.example.org.", type: "A" },
  { name: "some.wc.example.org.", type: "TXT" },
  { name: "ent.x.example.org.", type: "A" },
  { name: "none.ent.x.example.org.", type: "A" },
  { name: "below.www.example.org.", type: "A" },
  { name: "sub.example.org.", type: "A" },
  { name: "sub.example.org.", type: "NS" },
  { name: "sub.example.org.", type: "DS" },
  { name: "x.y.sub.example.org.", type: "A" },
  { name: "ns.sub.example.org.", type: "A" },
  { name: "far.example.org.", type: "A" },
  { name: "far.example.org.", type: "DS" },
  { name: "_sip._tcp.example.org.", type: "SRV", differs: COURTESY },
  { name: "1.example.org.", type: "PTR" },
  { name: "unknown.example.org.", type: "TYPE65280" },
  { name: "big.example.org.", type: "TXT" },
  { name: "big.example.org.", type: "TXT", edns: { udpSize: 4096 } },
  { name: "www.example.org.", type: "A", edns: { udpSize: 512 } },
  { name: "www.example.org.", type: "A", edns: { udpSize: 1232, version: 1 } },
  { name: "www.example.org.", type: "A", edns: { udpSize: 1232, option: 65_001 } },
  {
    name: "www.example.org.",
    type: "A",
    flags: 0x0130,
    differs: { fields: ["flags"], why: "CD is copied (RFC 4035 section 3.1.6)" },
  },
  { name: "www.other.org.", type: "A" },
  { name: ".", type: "NS" },
  {
    name: "example.org.",
    type: "AXFR",
    flags: 0,
    differs: { fields: ["rcode"], why: "NSD says NOTIMP to a transfer by UDP, REFUSED by TCP" },
  },
  { name: "www.example.org.", type: "A", flags: 0x2800 },
  { name: "www.example.org.", type: "A", flags: 0x7800 },
  { name: "www.example.org.", type: "A", patch: (packet) => packet.subarray(0, packet.length - 3) },
  { name: "www.example.org.", type: "A", differs: FLAGS_KEPT, patch: (packet) => packet.with(5, 2) },
  { name: "www.example.org.", type: "A", differs: FLAGS_KEPT, patch: (packet) => packet.with(5, 0) },
  {
    name: "www.example.org.",
    type: "A",
    differs: { fields: ["question"], why: "a question that was read is repeated" },
    patch: (packet) => packet.with(7, 1),
  },
];

function packetOf(asked: Asked): Uint8Array {
  const bytes = new Uint8Array(600);
  const writer = new MessageWriter();
  writer.begin(bytes, 0, 600, 4711, asked.flags ?? 0x0100);
  writer.question(name(asked.name), parseType(asked.type)!, asked.class ?? 1);
  if (asked.edns !== undefined) {
    const { udpSize, version, option } = asked.edns;
    writer.edns(
      { udpSize, version: version ?? 0, rcode: 0, dnssecOk: false },
      option === undefined ? [] : [{ code: option, data: Uint8Array.of(1, 2) }],
    );
  }
  const packet = bytes.slice(0, writer.length);
  return asked.patch?.(packet) ?? packet;
}

async function askUdp(host: string, port: number, packet: Uint8Array): Promise<Uint8Array> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    socket.send(packet, port, host);
    const [bytes] = (await once(socket, "message", { signal: AbortSignal.timeout(2000) })) as [Buffer];
    return new Uint8Array(bytes);
  } finally {
    socket.close();
  }
}

async function askTcp(host: string, port: number, packet: Uint8Array): Promise<Uint8Array> {
  const socket = connect({ host, port });
  socket.setTimeout(2000, () => socket.destroy(new Error("no answer")));
  socket.write(Uint8Array.of(packet.length >> 8, packet.length & 255, ...packet));
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE()) break;
  }
  return new Uint8Array(bytes.subarray(2));
}

/** What must be the same: code, flags, sections as sets, and whether there is EDNS. */
function show(bytes: Uint8Array): Record<string, unknown> {
  const message = decodeMessage(bytes, 0, bytes.length);
  assert.ok(typeof message !== "string", typeof message === "string" ? message : "");
  const lines = (section: keyof Pick<Message, "answer" | "authority" | "additional">): string[] =>
    message[section]
      .map((r) => `${formatName(r.name)} ${r.ttl} ${typeName(r.type)} ${formatRdata(r.type, r.rdata)}`)
      .toSorted();
  const isTruncated = (message.flags & 0x200) !== 0;
  return {
    rcode: message.rcode,
    flags: (message.flags & 0xfff0).toString(16),
    question: message.questions.map((q) => `${formatName(q.name)} ${q.type}`),
    // How much of a truncated answer is sent is each server's own.
    answer: isTruncated ? [] : lines("answer"),
    authority: isTruncated ? [] : lines("authority"),
    additional: isTruncated ? [] : lines("additional"),
    edns:
      message.edns === undefined ? undefined : { version: message.edns.version, options: message.edns.options.length },
  };
}

const servers = { ours: 0, nsd: 0 };
const stack = new AsyncDisposableStack();

before(async () => {
  const reserve = createServer().listen(0, "127.0.0.1");
  await once(reserve, "listening");
  servers.nsd = (reserve.address() as AddressInfo).port;
  await new Promise((resolve) => reserve.close(resolve));
  const folder = mkdtempSync(join(tmpdir(), "fairway-nsd-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "example.org.zone"), ZONE);
  const configuration = `server:
  ip-address: 127.0.0.1
  ip-address: ::1
  port: ${servers.nsd}
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  pidfile: ""
  database: ""
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  server-count: 1
  minimal-responses: yes
  refuse-any: no
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: example.org.zone
`;
  writeFileSync(join(folder, "nsd.conf"), configuration);
  const nsd = spawn("nsd", ["-d", "-c", join(folder, "nsd.conf")], { stdio: "ignore" });
  stack.defer(async () => {
    if (nsd.exitCode !== null) return;
    nsd.kill();
    await once(nsd, "exit");
  });

  const zone = parseZone(ZONE, name("example.org."));
  assert.ok("apex" in zone, JSON.stringify(zone));
  const authority = new Authority(compileZones([zone]));
  const poller = stack.use(new Poller({ onFault: (error) => console.error(error) }));
  const tcp = stack.use(new Tcp(poller));
  const responder = new Responder({
    answer: (query, reply) => authority.answer(query, reply),
    counters: { request: () => {}, response: () => {}, dropped: () => {}, answered: () => {} },
  });
  const service = new StreamService(responder, { clock: () => poller.now });
  for (const host of ["127.0.0.1", "::1"]) {
    const udp = stack.use(listenUdp(poller, responder, { host, port: servers.ours }));
    servers.ours = udp.bound.port;
    stack.use(new TcpListener(tcp, { host, port: servers.ours, onStream: (stream) => service.acceptTcp(stream) }));
  }
  const deadline = Date.now() + 5000;
  for (;;) {
    try {
      await askUdp("::1", servers.nsd, packetOf(QUESTIONS[0]!));
      break;
    } catch (error) {
      if (Date.now() > deadline) throw new Error("Cannot start nsd", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});
after(() => stack.disposeAsync());

for (const host of ["127.0.0.1", "::1"]) {
  for (const [transport, ask] of [
    ["UDP", askUdp],
    ["TCP", askTcp],
  ] as const) {
    for (const asked of QUESTIONS) {
      const { patch, differs, ...shown } = asked;
      const title = `${transport} ${host}: ${JSON.stringify(shown)}${patch === undefined ? "" : ` ${patch.toString().split("=> ")[1]}`}`;
      test(title, async () => {
        const packet = packetOf(asked);
        const [ours, theirs] = await Promise.all([ask(host, servers.ours, packet), ask(host, servers.nsd, packet)]);
        const [left, right] = [show(ours), show(theirs)];
        for (const field of differs?.fields ?? []) left[field] = right[field];
        assert.deepEqual(left, right);
      });
    }
  }
}
