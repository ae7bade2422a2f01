/** nginx with one worker: cache, proxy, stream, and the origin of HTTP benches. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestBed } from "../run/test-bed.ts";
import { accepts, Peer } from "./peer.ts";

export interface NginxOptions {
  /** Unique in the bed. */
  readonly name: string;
  readonly core: number;
  /** That is open when it serves. */
  readonly port: number;
  /** Of the http block. */
  readonly http?: string;
  /** Of the stream block. */
  readonly stream?: string;
  /** Open at once, at most. Default 4,096. */
  readonly connections?: number;
  /** Default: it accepts connections at `port`. */
  readonly isReady?: () => Promise<boolean>;
}

const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** `sendfile off`: on, small objects cost nginx 1.6 times as much. No access log, which is in its favour. */
const httpBlock = (folder: string, inner: string): string => `
http {
  access_log off;
  sendfile off;
  tcp_nopush on;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
${inner}
}
`;

export async function startNginx(bed: TestBed, options: NginxOptions): Promise<Peer> {
  const { name, core, port, http, stream, connections = 4096, isReady = () => accepts(port) } = options;
  const folder = join(bed.folder, name);
  mkdirSync(folder);
  const user = process.getuid?.() === 0 ? "user root;\n" : "";
  const configuration = `${stream === undefined ? "" : `load_module ${STREAM_MODULE};\n`}${user}daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/log;
events { worker_connections ${connections}; }
${http === undefined ? "" : httpBlock(folder, http)}
${stream === undefined ? "" : `stream {\n  access_log off;\n${stream}\n}\n`}`;
  const file = bed.write(`${name}.conf`, configuration);
  const command = ["nginx", "-c", file, "-e", `${folder}/log`];
  return bed.use(await Peer.start({ command, core, isReady }));
}

/** A cache in front of an origin, as `proxy_cache` is usually set up. `listen` is what follows that word. */
export const nginxCache = (folder: string, listen: string, origin: number, server = ""): string => `
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=bench:10m max_size=1g inactive=60m use_temp_path=off;
  upstream origin { server 127.0.0.1:${origin}; keepalive 64; }
  server {
    listen ${listen};
    ${server}
    location / {
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_cache bench;
      proxy_pass http://origin;
    }
  }`;

/** A reverse proxy that keeps its connections to the origin, and tells it the client's address. */
export const nginxProxy = (listen: string, origin: number): string => `
  upstream origin { server 127.0.0.1:${origin}; keepalive 64; }
  server {
    listen ${listen};
    location / {
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_pass http://origin;
    }
  }`;
