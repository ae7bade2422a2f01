/** `fairway explain URL`: what a request meets on its way, by the services' own configuration and by sending it once. */
import { isIP } from "node:net";
import { parseServerAddress } from "#src/dns/server/server-address.ts";
import type { Address } from "#src/net/address.ts";
import { type AskedRequest, readAskedRequest } from "#src/plane/asked-request.ts";
import type { PlaneExplanation } from "#src/plane/explanation.ts";
import { defineCommand } from "#src/process/command-line.ts";
import { ADMIN_PORTS, askAdmin } from "./admin-client.ts";
import { describeJourney, type Journey, ownerOf, type Step, timeText } from "./journey.ts";
import { lookup, type LookupResponse } from "./lookup.ts";
import { OUTPUT_OPTION } from "./output-option.ts";
import { sendOnce } from "./send-once.ts";
import { formatTable } from "./table.ts";

const PLANES = ["balancer", "edge"] as const;

export const explain = defineCommand({
  name: "explain",
  help: "Show what a request meets: DNS, listener, route, filters, cache, backend. The request is sent once.",
  arguments: [{ name: "<url>", help: "Such as http://shop.demo.test:8090/." }],
  options: {
    header: { type: "list", short: "H", separator: "\n", default: [], help: "Header to send, as 'name: value'." },
    method: { type: "string", short: "X", default: "GET", help: "Method of the request, which has no body." },
    dns: { type: "string", default: "127.0.0.1@10053", help: "DNS service to ask, as ADDRESS@PORT." },
    connect: { type: "string", default: "", help: "IP address to connect to, whatever DNS says." },
    admin: {
      type: "list",
      default: [],
      help: "Admin endpoints, as SERVICE=ADDRESS@PORT; by default those on this machine.",
    },
    timeout: { type: "duration", default: 10_000, min: 1, max: 60_000, help: "How long to wait for each answer." },
    output: OUTPUT_OPTION,
  },
  run: async ({ arguments: [url], options }) => {
    const asked = readAskedRequest(url!, options.method, options.header);
    const server = parseServerAddress(options.dns);
    const admins = readAdmins(options.admin);
    const connect = options.connect.replace(/^\[(.*)\]$/, "$1");
    if (typeof asked === "string") return misuse(asked);
    if (server === undefined) return misuse(`Cannot use --dns ${options.dns}: give ADDRESS@PORT`);
    if (typeof admins === "string") return misuse(admins);
    if (connect !== "" && isIP(connect) === 0) return misuse(`Cannot use --connect ${connect}: give an IP address`);
    const lookups = asked.hostIsAddress ? [] : await lookUp(asked.host, server, options.timeout);
    const planes = await askPlanes(asked, options.header, admins);
    const owner = ownerOf(planes);
    const address = connect || addressOf(asked, lookups) || loopbackOf(owner);
    const sent = owner === undefined ? undefined : await sendOnce(asked, address, options.timeout);
    const journey: Journey = { asked, server: `${server.host}@${server.port}`, lookups, planes, sent };
    const answered = sent?.endMs !== undefined;
    const steps = describeJourney(journey);
    if (options.output === "json") console.log(JSON.stringify({ answered, steps, ...journey }));
    else console.log(`${asked.method} ${asked.url}\n\n${format(steps)}`);
    return answered ? 0 : 1;
  },
});

function misuse(sentence: string): number {
  console.error(sentence);
  return 2;
}

function readAdmins(texts: readonly string[]): ReadonlyMap<string, Address> | string {
  const admins = new Map<string, Address>(
    PLANES.map((name) => [name, { family: 4, host: "127.0.0.1", port: ADMIN_PORTS[name]! }]),
  );
  for (const text of texts) {
    const [name = "", place = ""] = text.split("=");
    const address = place.includes("@") ? parseServerAddress(place) : undefined;
    if (!admins.has(name) || address === undefined) {
      return `Cannot use --admin ${text}: give SERVICE=ADDRESS@PORT, where SERVICE is ${PLANES.join(" or ")}`;
    }
    admins.set(name, address);
  }
  return admins;
}

async function lookUp(name: string, { host, port }: Address, timeoutMs: number): Promise<(LookupResponse | string)[]> {
  const ask = async (type: string): Promise<LookupResponse | string> => {
    try {
      const question = { server: host, port, name, type, timeoutMs };
      const answer = await lookup({ ...question, transport: "udp" });
      return answer.flags.includes("tc") ? await lookup({ ...question, transport: "tcp" }) : answer;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  return [await ask("A"), await ask("AAAA")];
}

async function askPlanes(
  asked: AskedRequest,
  headers: readonly string[],
  admins: ReadonlyMap<string, Address>,
): Promise<Journey["planes"]> {
  const query = new URLSearchParams({ url: asked.url, method: asked.method });
  for (const header of headers) query.append("header", header);
  const answers = await Promise.all(
    Array.from(admins, async ([name, { host, port }]) => {
      const answer = await askAdmin(host, port, `/explain?${query.toString()}`);
      if ("reason" in answer) return [name, `${host}@${port}: ${answer.reason}`] as const;
      const value = answer.value as PlaneExplanation | { readonly fault: string };
      return [name, "fault" in value ? value.fault : value] as const;
    }),
  );
  return Object.fromEntries(answers);
}

function addressOf({ host, hostIsAddress }: AskedRequest, lookups: Journey["lookups"]): string {
  if (hostIsAddress) return host;
  const records = lookups.flatMap((each) => (typeof each === "string" ? [] : each.answer));
  return records.find(({ type }) => type === "A" || type === "AAAA")?.data ?? "";
}

/** Where the port listens, on loopback if it does. */
function loopbackOf(owner: PlaneExplanation | undefined): string {
  const addresses = owner?.port?.addresses ?? [];
  return addresses.find((address) => address.startsWith("127.") || address === "::1") ?? addresses[0] ?? "127.0.0.1";
}

function format(steps: readonly Step[]): string {
  const rows = steps.flatMap(({ ok, step, ms, lines }) =>
    lines.map((line, index) => (index === 0 ? [ok ? "✓" : "✗", step, timeText(ms), line] : ["", "", "", line])),
  );
  return formatTable(["", "STEP", "MS", "WHAT"], rows);
}
