/**
 * What `npm start` shows when all is up: it asks every plane itself, as a client would, and prints the command to type
 * with the reply that really came.
 */
import { createSocket } from "node:dgram";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { lookup } from "./lookup.ts";
import { formatTable } from "./table.ts";

const TIMEOUT_MS = 2_000;

interface Stop {
  readonly plane: string;
  readonly address: string;
  /** What a person types to see the same. */
  readonly command: string;
  readonly ask: () => Promise<string>;
  /** What the reply must contain for the tick. */
  readonly expect: RegExp;
}

const dnsStop = (
  plane: string,
  server: string,
  port: number,
  transport: "udp" | "tcp",
  name: string,
  type: string,
  expect: RegExp,
): Stop => ({
  plane,
  address: `${server.includes(":") ? `[${server}]` : server}:${port}`,
  command: `dig @${server} -p ${port}${transport === "tcp" ? " +tcp" : ""} ${name} ${type} +short`,
  ask: async () => {
    const { rcode, answer } = await lookup({ server, port, name, type, transport, timeoutMs: TIMEOUT_MS });
    return rcode === "NOERROR" ? answer.map(({ data }) => data).join(" ") : rcode;
  },
  expect,
});

interface HttpStop {
  readonly plane: string;
  readonly secure?: boolean;
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly expect: RegExp;
  /** Field of the response to show behind the status instead of the body. */
  readonly show?: string;
}

function httpStop({ plane, secure = false, host, port, name, path, headers = {}, expect, show }: HttpStop): Stop {
  const bracketed = host.includes(":") ? `[${host}]` : host;
  const scheme = secure ? "https" : "http";
  const flags = [show === undefined ? "-s" : "-si", ...(secure ? ["-k"] : [])].join(" ");
  const fields = Object.entries(headers).map(([field, value]) => ` -H '${field}: ${value}'`);
  return {
    plane,
    address: `${bracketed}:${port}`,
    command: `curl ${flags} --connect-to ${name}:${port}:${bracketed}:${port}${fields.join("")} ${scheme}://${name}:${port}${path}`,
    ask: () => askHttp(secure, host, port, name, path, headers, show),
    expect,
  };
}

function askHttp(
  secure: boolean,
  host: string,
  port: number,
  name: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  show: string | undefined,
): Promise<string> {
  const options = {
    host,
    port,
    path,
    headers: { ...headers, host: `${name}:${port}` },
    timeout: TIMEOUT_MS,
    agent: false,
  } as const;
  // The demo's certificate is made anew at each start and signed by nobody; -k says the same to curl.
  const request = secure
    ? httpsRequest({ ...options, servername: name, rejectUnauthorized: false })
    : httpRequest(options);
  return new Promise((resolve, reject) => {
    request.on("timeout", () => request.destroy(new Error("no reply in time")));
    request.on("error", reject);
    request.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => (body += text));
      response.on("end", () =>
        resolve(
          `${response.statusCode} ${show === undefined ? body.trim() : `${show}: ${String(response.headers[show] ?? "")}`}`,
        ),
      );
      response.on("error", reject);
    });
    request.end();
  });
}

function askTcp(host: string, port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = "";
    const socket = connect({ host, port });
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("no reply in time")));
    socket.setEncoding("utf8").on("data", (data: string) => (got += data));
    socket.on("error", reject).on("close", () => resolve(got.trim()));
    socket.end(`${text}\n`);
  });
}

function askUdp(host: string, port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const timer = setTimeout(() => end(() => reject(new Error("no reply in time"))), TIMEOUT_MS);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.close();
      settle();
    };
    socket.once("error", (error) => end(() => reject(error)));
    socket.once("message", (message) => end(() => resolve(message.toString().trim())));
    socket.send(`${text}\n`, port, host);
  });
}

const STOPS: readonly Stop[] = [
  dnsStop("dns", "127.0.0.1", 10_053, "udp", "shop.demo.test", "A", /^127\.0\.0\.1$/),
  dnsStop("dns", "::1", 10_053, "tcp", "demo.test", "MX", /10 mail\.demo\.test\./),
  dnsStop("dns, by health", "127.0.0.1", 10_053, "udp", "origins.demo.test", "AAAA", /^::1$/),
  dnsStop("resolver", "127.0.0.1", 10_054, "udp", "www.demo.test", "A", /127\.0\.0\.1/),
  httpStop({ plane: "edge", host: "127.0.0.1", port: 8080, name: "cdn.demo.test", path: "/", expect: /^200 hello/ }),
  httpStop({
    plane: "edge, again",
    host: "::1",
    port: 8080,
    name: "cdn.demo.test",
    path: "/",
    show: "cache-status",
    expect: /hit|collapsed/,
  }),
  httpStop({
    plane: "edge, TLS",
    secure: true,
    host: "127.0.0.1",
    port: 8443,
    name: "cdn.demo.test",
    path: "/",
    expect: /^200 hello/,
  }),
  httpStop({
    plane: "balancer",
    host: "127.0.0.1",
    port: 8090,
    name: "shop.demo.test",
    path: "/",
    expect: /^200 hello/,
  }),
  httpStop({
    plane: "balancer, header",
    host: "::1",
    port: 8090,
    name: "shop.demo.test",
    path: "/",
    headers: { "x-canary": "yes" },
    expect: /origin c/,
  }),
  httpStop({
    plane: "balancer, redirect",
    host: "127.0.0.1",
    port: 8090,
    name: "shop.demo.test",
    path: "/old/shoes",
    show: "location",
    expect: /^301 .*\/new\/shoes/,
  }),
  httpStop({
    plane: "balancer, TLS",
    secure: true,
    host: "127.0.0.1",
    port: 8493,
    name: "shop.demo.test",
    path: "/",
    expect: /^200 hello/,
  }),
  {
    plane: "balancer, TCP",
    address: "127.0.0.1:8091",
    command: "echo ahoy | nc -N 127.0.0.1 8091",
    ask: () => askTcp("127.0.0.1", 8091, "ahoy"),
    expect: /^ahoy$/,
  },
  {
    plane: "balancer, UDP",
    address: "[::1]:8092",
    command: "echo ahoy | nc -u -w1 ::1 8092",
    ask: () => askUdp("::1", 8092, "ahoy"),
    expect: /^ahoy$/,
  },
];

export interface TourResult {
  readonly text: string;
  readonly ok: boolean;
}

/** Asks one stop after the other, since a later one may look at what an earlier one left in the cache. */
export async function takeTour(): Promise<TourResult> {
  const rows: string[][] = [];
  let ok = true;
  for (const { plane, address, command, ask, expect } of STOPS) {
    const reply = await ask().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    const good = expect.test(reply);
    ok &&= good;
    rows.push([good ? "✓" : "✗", plane, address, reply, command]);
  }
  return { text: formatTable(["", "PLANE", "ADDRESS", "REPLY", "TYPE THIS"], rows), ok };
}
