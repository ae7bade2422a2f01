/** The admin endpoint: `/livez /readyz /metrics` and what a service adds, by plain node:http. It is never the data path. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { isIPv6 } from "node:net";
import { StartFault } from "./fault.ts";

export interface AdminAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export type AdminPath = (query: URLSearchParams) => AdminAnswer | Promise<AdminAnswer>;

export class AdminServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #paths = new Map<string, AdminPath>();

  constructor() {
    this.#server = createServer({ requestTimeout: 10_000, keepAliveTimeout: 30_000 }, (request, response) => {
      const url = URL.parse(request.url ?? "/", "http://admin");
      const path = this.#paths.get(url?.pathname ?? "");
      if (request.method !== "GET" && request.method !== "HEAD") send(response, text(405, "Only GET and HEAD"));
      else if (url === null || path === undefined)
        send(response, text(404, `Nothing here. There is: ${[...this.#paths.keys()].join(" ")}`));
      else void answer(response, path, url.searchParams);
    });
    this.#server.maxConnections = 256;
  }

  add(path: string, answerer: AdminPath): void {
    this.#paths.set(path, answerer);
  }

  /** Resolves to the port; throws a StartFault when it cannot be had. */
  async listen(host: string, port: number): Promise<number> {
    this.#server.listen(port, host);
    try {
      await once(this.#server, "listening");
    } catch (error) {
      throw new StartFault(`Cannot open the admin endpoint at ${hostPort(host, port)}: ${reasonOf(error)}`);
    }
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

export function text(status: number, body: string): AdminAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${body}\n` };
}

export function json(value: unknown): AdminAnswer {
  return { status: 200, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function hostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

async function answer(response: ServerResponse, path: AdminPath, query: URLSearchParams): Promise<void> {
  try {
    send(response, await path(query));
  } catch (error) {
    send(response, text(500, error instanceof Error ? error.message : String(error)));
  }
}

function send(response: ServerResponse, { status, contentType, body }: AdminAnswer): void {
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process has the port",
  EACCES: "no right to use the port; take one above 1023 or allow it with sysctl net.ipv4.ip_unprivileged_port_start",
  EADDRNOTAVAIL: "the machine does not have the address",
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return ("code" in error ? REASONS[String(error.code)] : undefined) ?? error.message;
}
