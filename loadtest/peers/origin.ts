/** The origin of HTTP benches: nginx on the load's core, with one body, and the count of what it was asked. */
import { freePort } from "#src/testing/service-process.ts";
import { makeBody } from "../generators/body.ts";
import type { TestBed } from "../run/test-bed.ts";
import { startNginx } from "./nginx.ts";

export interface Origin {
  readonly port: number;
  /** What `/` answers. */
  readonly body: Buffer;
  /** Connections accepted and requests answered since it was started, this one left out. */
  readonly counts: () => Promise<OriginCounts>;
}

export interface OriginCounts {
  readonly connections: number;
  readonly requests: number;
}

export interface OriginOptions {
  readonly bodyBytes: number;
  /** A connection for each request. */
  readonly closes?: boolean;
}

/** Longest word of nginx's configuration. */
const MAX_WORD = 4000;

export async function startOrigin(bed: TestBed, { bodyBytes, closes = false }: OriginOptions): Promise<Origin> {
  const [port, statusPort] = [await freePort(), await freePort()];
  const body = makeBody(bodyBytes);
  bed.write("body", body);
  const content =
    bodyBytes > MAX_WORD ? `root ${bed.folder}; sendfile on; try_files /body =404;` : `return 200 ${String(body)};`;
  const http = `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    default_type text/plain;
    ${closes ? "keepalive_timeout 0;" : ""}
    location / { add_header Cache-Control "max-age=86400"; ${content} }
  }
  server {
    listen 127.0.0.1:${statusPort};
    keepalive_timeout 0;
    location / { stub_status; }
  }`;
  await startNginx(bed, { name: "origin", core: bed.cores.load, port, http });
  let own = 0;
  return {
    port,
    body,
    counts: async () => {
      own += 1;
      const response = await fetch(`http://127.0.0.1:${statusPort}/`);
      return parseStubStatus(await response.text(), own);
    },
  };
}

/** ngx_http_stub_status_module: `accepts handled requests` in the third line; `own` of each were ours. */
export function parseStubStatus(text: string, own: number): OriginCounts {
  const found = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/m.exec(text);
  if (found === null) throw new Error(`Cannot read nginx's status: ${text}`);
  return { connections: Number(found[1]) - own, requests: Number(found[3]) - own };
}
