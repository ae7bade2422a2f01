/** One DNS question to one server, for `fairway dig`, `fairway explain` and the tour. */
import { connect, isIPv6 } from "node:net";
import DNS from "dns2";

export interface LookupRequest {
  readonly server: string;
  readonly port: number;
  readonly name: string;
  readonly type: string;
  readonly transport: "udp" | "tcp";
  readonly timeoutMs: number;
}

export interface LookupRecord {
  readonly name: string;
  readonly ttl: number;
  readonly type: string;
  readonly data: string;
}

export interface LookupResponse {
  /** `NOERROR`, `NXDOMAIN`, ... */
  readonly rcode: string;
  /** `aa`, `tc`, `rd`, `ra` as in dig. */
  readonly flags: readonly string[];
  readonly answer: readonly LookupRecord[];
  readonly authority: readonly LookupRecord[];
  readonly additional: readonly LookupRecord[];
  readonly ms: number;
}

const { Packet } = DNS;
const RCODE_NAMES = new Map<number, string>(Object.entries(Packet.RCODE).map(([name, code]) => [code, name]));

/** Types that can be asked for. */
export const LOOKUP_TYPES: readonly string[] = Object.keys(Packet.TYPE);

/** Throws with one clear sentence when no answer came. */
export async function lookup(request: LookupRequest): Promise<LookupResponse> {
  const { server, port, name, type, transport, timeoutMs } = request;
  const asked = name === "." ? "" : name.replace(/\.$/, "");
  const startedAt = performance.now();
  try {
    const packet =
      transport === "udp"
        ? await DNS.UDPClient({
            dns: server,
            port,
            timeout: timeoutMs,
            socketType: isIPv6(server) ? "udp6" : "udp4",
          })(asked, type)
        : await askOverTcp(request, asked);
    return { ...describe(packet), ms: performance.now() - startedAt };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot ask ${server} port ${port} over ${transport.toUpperCase()}: ${reason}`, { cause: error });
  }
}

/** RFC 1035 section 4.2.2. dns2's own TCP client takes an IPv6 address for a name with a port. */
async function askOverTcp({ server, port, type, timeoutMs }: LookupRequest, name: string): Promise<DNS.Packet> {
  const query = new Packet();
  query.header.rd = 1;
  query.questions.push(new Packet.Question(name, Packet.TYPE[type as keyof typeof Packet.TYPE], Packet.CLASS.IN));
  const message = query.toBuffer();
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  const socket = connect({ host: server, port });
  // Destroyed with an error, which readStream's promise is then rejected with.
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  // One that comes after the answer concerns nobody.
  socket.on("error", () => {});
  try {
    socket.write(Buffer.concat([length, message]));
    const answer = await Packet.readStream(socket);
    if (answer.length === 0) throw new Error("the connection was closed without an answer");
    return Packet.parse(answer);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function describe(packet: DNS.Packet): Omit<LookupResponse, "ms"> {
  const { header } = packet;
  const flags = (["aa", "tc", "rd", "ra"] as const).filter((flag) => header[flag] === 1);
  return {
    rcode: RCODE_NAMES.get(header.rcode) ?? `RCODE${header.rcode}`,
    flags,
    answer: records(packet.answers),
    authority: records(packet.authorities),
    additional: records(packet.additionals),
  };
}

const records = (section: readonly DNS.Packet.Resource[]): LookupRecord[] =>
  section.filter((record) => record.type !== Packet.TYPE.EDNS).map(toRecord);

function toRecord(record: DNS.Packet.Resource): LookupRecord {
  return { name: `${record.name}.`, ttl: record.ttl, type: Packet.typeName(record.type), data: dataOf(record) };
}

/** Presentation form of the types that dns2 reads, else RFC 3597's generic one. */
function dataOf(record: DNS.Packet.Resource): string {
  switch (record.type) {
    case Packet.TYPE.A:
    case Packet.TYPE.AAAA:
      return record.address ?? "";
    case Packet.TYPE.NS:
      return `${record.ns}.`;
    case Packet.TYPE.CNAME:
    case Packet.TYPE.PTR:
      return `${record.domain}.`;
    case Packet.TYPE.MX:
      return `${record.priority} ${record.exchange}.`;
    case Packet.TYPE.SRV:
      return `${record.priority} ${record.weight} ${record.port} ${record.target}.`;
    case Packet.TYPE.CAA:
      return `${record.flags} ${record.tag} "${record.value}"`;
    case Packet.TYPE.SOA:
      return `${record.primary}. ${record.admin}. ${record.serial} ${record.refresh} ${record.retry} ${record.expiration} ${record.minimum}`;
    case Packet.TYPE.TXT:
    case Packet.TYPE.SPF:
      return [record.data ?? ""]
        .flat()
        .map((text) => `"${text.toString()}"`)
        .join(" ");
    default:
      return Buffer.isBuffer(record.data) ? `\\# ${record.data.length} ${record.data.toString("hex")}` : "";
  }
}
