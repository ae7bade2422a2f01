/** `fairway dig NAME [TYPE]`: asks a server as a client would, through an independent client library. */
import { defineCommand } from "#src/process/command-line.ts";
import { lookup, LOOKUP_TYPES, type LookupRecord, type LookupResponse } from "./lookup.ts";
import { parseServerAddress } from "./server-address.ts";
import { formatTable } from "./table.ts";
import { OUTPUT_OPTION } from "./output-option.ts";

const AUTHORITATIVE_PORT = 10_053;

export const dig = defineCommand({
  name: "dig",
  help: "Ask a DNS server and print its answer.",
  arguments: [
    { name: "<name>", help: "What to ask about, such as www.demo.test." },
    { name: "[type]", help: "Record type, A by default." },
  ],
  options: {
    server: {
      type: "string",
      short: "s",
      default: `127.0.0.1:${AUTHORITATIVE_PORT}`,
      help: "Address and port of the server.",
    },
    tcp: { type: "boolean", default: false, help: "Ask over TCP." },
    timeout: { type: "duration", default: 5_000, min: 1, max: 60_000, help: "How long to wait for the answer." },
    output: OUTPUT_OPTION,
  },
  run: async ({ arguments: [name, type = "A"], options }) => {
    const server = parseServerAddress(options.server, AUTHORITATIVE_PORT);
    if (server === undefined) {
      console.error(
        `Cannot use --server ${options.server}: give an IP address, with a port behind a colon if it is not ${AUTHORITATIVE_PORT}`,
      );
      return 2;
    }
    if (!LOOKUP_TYPES.includes(type.toUpperCase())) {
      console.error(`Cannot ask for type ${type}: known are ${LOOKUP_TYPES.join(", ")}`);
      return 2;
    }
    try {
      const response = await lookup({
        server: server.host,
        port: server.port,
        name: name!,
        type: type.toUpperCase(),
        transport: options.tcp ? "tcp" : "udp",
        timeoutMs: options.timeout,
      });
      console.log(options.output === "json" ? JSON.stringify(response) : format(response));
      return 0;
    } catch (error) {
      console.error(error instanceof Error ? error.message : String(error));
      return 1;
    }
  },
});

function format(response: LookupResponse): string {
  const lines = [`${response.rcode}, flags ${response.flags.join(" ") || "none"}, ${response.ms.toFixed(1)} ms`];
  const sections: [string, readonly LookupRecord[]][] = [
    ["answer", response.answer],
    ["authority", response.authority],
    ["additional", response.additional],
  ];
  for (const [title, records] of sections) {
    if (records.length === 0) continue;
    lines.push(
      "",
      `${title}:`,
      formatTable(
        [],
        records.map(({ name, ttl, type, data }) => [name, String(ttl), type, data]),
      ),
    );
  }
  return lines.join("\n");
}
