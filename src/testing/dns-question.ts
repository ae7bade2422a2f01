/** One question to a DNS server over a transport of the test's choice, and its answer as text. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { decodeMessage } from "#src/dns/wire/message.ts";
import { MessageWriter } from "#src/dns/wire/message-writer.ts";
import { formatName, parseName } from "#src/dns/wire/name-text.ts";
import { rcodeName } from "#src/dns/wire/rcode.ts";
import { formatRdata } from "#src/dns/wire/rdata/codecs.ts";
import { CLASS, parseType, typeName } from "#src/dns/wire/type.ts";

const TIMEOUT_MS = 4_000;
const RD = 0x0100;

export interface AskOptions {
  readonly transport: "udp" | "tcp" | "tls";
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly type: string;
  /** Default 1232; 0 leaves EDNS out. */
  readonly udpSize?: number;
}

export interface Answered {
  readonly rcode: string;
  /** Those that are set of: aa tc rd ra ad cd. */
  readonly flags: readonly string[];
  /** `NAME TTL TYPE RDATA`. */
  readonly answer: readonly string[];
  readonly authority: readonly string[];
}

const FLAGS = { aa: 0x400, tc: 0x200, rd: 0x100, ra: 0x80, ad: 0x20, cd: 0x10 };

export async function askDns(options: AskOptions): Promise<Answered> {
  const question = questionOf(options);
  const bytes = options.transport === "udp" ? await askUdp(options, question) : await askStream(options, question);
  const message = decodeMessage(bytes, 0, bytes.length);
  if (typeof message === "string") throw new Error(`Cannot read the answer: ${message}`);
  const text = (records: typeof message.answer): string[] =>
    records.map(
      (one) => `${formatName(one.name)} ${one.ttl} ${typeName(one.type)} ${formatRdata(one.type, one.rdata)}`,
    );
  return {
    rcode: rcodeName(message.rcode),
    flags: Object.entries(FLAGS).flatMap(([name, bit]) => ((message.flags & bit) === 0 ? [] : [name])),
    answer: text(message.answer),
    authority: text(message.authority),
  };
}

function questionOf({ name, type, udpSize = 1232 }: AskOptions): Uint8Array {
  const wire = parseName(name);
  const code = parseType(type);
  if (typeof wire === "string" || code === undefined) throw new Error(`Cannot ask ${name} ${type}`);
  const bytes = new Uint8Array(300);
  const writer = new MessageWriter();
  writer.begin(bytes, 0, bytes.length, 4711, RD);
  writer.question(wire, code, CLASS.IN);
  if (udpSize > 0) writer.edns({ udpSize, rcode: 0, dnssecOk: false });
  return bytes.slice(0, writer.length);
}

async function askUdp({ host, port }: AskOptions, question: Uint8Array): Promise<Uint8Array> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    socket.send(question, port, host);
    const [bytes] = (await once(socket, "message", { signal: AbortSignal.timeout(TIMEOUT_MS) })) as [Buffer];
    return bytes;
  } finally {
    socket.close();
  }
}

async function askStream({ transport, host, port }: AskOptions, question: Uint8Array): Promise<Uint8Array> {
  const socket: Socket =
    transport === "tcp"
      ? connect({ host, port })
      : connectTls({ host, port, rejectUnauthorized: false, ALPNProtocols: ["dot"] });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("Cannot wait longer for an answer")));
  try {
    socket.write(Uint8Array.of(question.length >> 8, question.length & 255, ...question));
    let bytes = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE()) return bytes.subarray(2);
    }
    throw new Error("Cannot read an answer: the connection has ended");
  } finally {
    socket.destroy();
  }
}
