import { BACKEND_TTL, type Zone } from "./zone.ts";

/** Says what is wrong with a zone's text, by line from 1; none when it can be served. */
export type CheckZone = (zone: ZoneText) => readonly { readonly line: number; readonly reason: string }[];

/** A Zone resource as a master file (RFC 1035 section 5). */
export interface ZoneText {
  /** Absolute, lower case, with its final dot. */
  readonly origin: string;
  readonly text: string;
  /** Names that are a Backend's addresses; the text has a comment in their place. */
  readonly backends: readonly ZoneBackendRef[];
  /** Where in the resource a line (from 1) of the text comes from; `line` counts within a zoneFile, else it is 0. */
  readonly placeOf: (line: number) => { readonly path: readonly (string | number)[]; readonly line: number };
}

export interface ZoneBackendRef {
  /** Of the text, from 1. */
  readonly line: number;
  /** Owner as a zone file has it: without a final dot below the origin. */
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
  readonly ref: { readonly name: string; readonly namespace?: string };
}

/** Renders a Zone: its own zone file behind $ORIGIN and $TTL, or its SOA, NS and records. */
export function renderZone({ spec }: Zone): ZoneText {
  const origin = absolute(spec.domain);
  const head = [`$ORIGIN ${origin}`, `$TTL ${spec.ttl}`];
  const { zoneFile } = spec;
  if (zoneFile !== undefined) {
    const text = `${head.join("\n")}\n${zoneFile}`;
    return {
      origin,
      text,
      backends: [],
      placeOf: (line) => ({ path: ["spec", "zoneFile"], line: Math.max(1, line - head.length) }),
    };
  }
  const lines = head;
  const paths: (readonly (string | number)[])[] = [
    ["spec", "domain"],
    ["spec", "ttl"],
  ];
  const write = (line: string, path: readonly (string | number)[]): void => {
    lines.push(line);
    paths.push(path);
  };
  write(renderSoa(spec), ["spec", "soa"]);
  spec.nameServers?.forEach((server, index) => write(`@ IN NS ${server}`, ["spec", "nameServers", index]));
  const backends: ZoneBackendRef[] = [];
  spec.records?.forEach(({ name, type, ttl, data, backendRef }, record) => {
    data?.forEach((item, index) => {
      const rdata = type === "TXT" ? quoteText(item) : item;
      write(`${name} ${ttl ?? spec.ttl} IN ${type} ${rdata}`, ["spec", "records", record, "data", index]);
    });
    if (backendRef === undefined) return;
    write(`; ${name}: addresses of a Backend`, ["spec", "records", record]);
    backends.push({ line: lines.length, name, ttl: ttl ?? BACKEND_TTL, ref: backendRef });
  });
  return {
    origin,
    text: `${lines.join("\n")}\n`,
    backends,
    placeOf: (line) => ({ path: paths[line - 1] ?? ["spec"], line: 0 }),
  };
}

function absolute(domain: string): string {
  const lower = domain.toLowerCase();
  return lower.endsWith(".") ? lower : `${lower}.`;
}

function renderSoa({ soa, nameServers }: Zone["spec"]): string {
  const primary = soa.primary ?? nameServers?.[0] ?? "@";
  return `@ IN SOA ${primary} ${soa.contact} ${soa.serial} ${soa.refresh} ${soa.retry} ${soa.expire} ${soa.minimum}`;
}

/** Character strings of a text: at most 255 bytes each (RFC 1035 section 3.3), special bytes as \DDD (section 5.1). */
function quoteText(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  const strings: string[] = [];
  for (let at = 0; at < bytes.length; at += 255) {
    let quoted = "";
    for (const byte of bytes.subarray(at, at + 255)) {
      const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
      quoted += isPlain ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, "0")}`;
    }
    strings.push(`"${quoted}"`);
  }
  return strings.join(" ");
}
