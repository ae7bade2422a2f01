/** A request as a person names it, by URL, method and header lines: checked within bounds, and as the head that the engine would read. */
import { isIP } from "node:net";
import { DEFAULT_LIMITS } from "#src/http/engine/limits.ts";
import { headReason, statusOfReason } from "#src/http/h1/head-reason.ts";
import { parseRequest } from "#src/http/h1/parse.ts";
import { Message } from "#src/http/message.ts";

export interface AskedRequest {
  readonly url: string;
  readonly secure: boolean;
  /** Lower case, an IPv6 address without its brackets. */
  readonly host: string;
  readonly hostIsAddress: boolean;
  readonly port: number;
  /** Path and query. */
  readonly target: string;
  readonly method: string;
  /** Host or :authority. */
  readonly authority: string;
  /** Without Host; names as given. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const MAX_URL = 4096;
const MAX_HEADERS = 64;
const MAX_HEADER = 2048;
const METHOD = /^[!#$%&'*+.^_`|~\w-]{1,32}$/;
const HEADER = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;
/** They frame the message or rule the connection, and whoever sends the request has no body. */
const NOT_GIVEN = ["connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"];

/** Or one sentence that says what is wrong. `headers` are `name: value`. */
export function readAskedRequest(url: string, method: string, headers: readonly string[]): AskedRequest | string {
  if (url.length > MAX_URL) return `Cannot explain a URL of more than ${MAX_URL} characters`;
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    return `Cannot explain ${url.slice(0, 80)}: give a URL such as http://shop.demo.test:8090/path`;
  }
  if (parsed.username !== "" || parsed.password !== "") return "Cannot explain a URL with a user: leave it out";
  if (!METHOD.test(method)) return `Cannot use the method ${JSON.stringify(method.slice(0, 40))}: it is no HTTP token`;
  if (method === "CONNECT") return "Cannot explain CONNECT: no listener is a forward proxy";
  const fields = readHeaders(headers);
  if (typeof fields === "string") return fields;
  const secure = parsed.protocol === "https:";
  const host = parsed.hostname.replace(/^\[(.*)\]$/, "$1");
  const hosts = fields.filter(([name]) => name.toLowerCase() === "host");
  if (hosts.length > 1) return "Cannot send more than one Host";
  return {
    url: parsed.href,
    secure,
    host,
    hostIsAddress: isIP(host) !== 0,
    port: parsed.port === "" ? (secure ? 443 : 80) : Number(parsed.port),
    target: `${parsed.pathname}${parsed.search}`,
    method,
    authority: hosts[0]?.[1] ?? parsed.host,
    headers: fields.filter(([name]) => name.toLowerCase() !== "host"),
  };
}

function readHeaders(headers: readonly string[]): (readonly [string, string])[] | string {
  if (headers.length > MAX_HEADERS) return `Cannot send more than ${MAX_HEADERS} headers`;
  const fields: (readonly [string, string])[] = [];
  for (const header of headers) {
    const [, name, value] = (header.length > MAX_HEADER ? undefined : HEADER.exec(header)) ?? [];
    if (name === undefined || value === undefined) {
      return `Cannot use the header ${JSON.stringify(header.slice(0, 80))}: give 'name: value' of at most ${MAX_HEADER} characters`;
    }
    if (NOT_GIVEN.includes(name.toLowerCase())) {
      return `Cannot use the header ${name}: the request has no body, and the connection is its own`;
    }
    fields.push([name, value]);
  }
  return fields;
}

/** The head by the engine's own parser, or how the engine refuses it. */
export function headOf(asked: AskedRequest, headBytes: number): Message | { readonly refused: string } {
  const { method, target, authority, headers, secure } = asked;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${authority}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  const bytes = Uint8Array.from(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
  const message = new Message();
  const end = parseRequest(bytes, 0, bytes.length, message, { headBytes, fields: DEFAULT_LIMITS.fields });
  message.secure = secure;
  if (end === bytes.length) return message;
  const reason = headReason(end);
  return { refused: `${statusOfReason(reason)} ${reason}` };
}
