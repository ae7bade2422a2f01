/** A hit in the cache over TLS 1.3 with an ECDSA P-256 certificate: HTTP/1.1, and HTTP/2 with ten streams at once. */
import { createCertificate } from "#src/net/self-signed.ts";
import { formatYaml } from "#src/resource/yaml.ts";
import { freePort } from "#src/testing/service-process.ts";
import { runH2load } from "../generators/h2load.ts";
import type { LoadResult } from "../generators/load-result.ts";
import { runWrk } from "../generators/wrk.ts";
import { gatewayFiles, startFairway } from "../peers/fairway.ts";
import { nginxCache, startNginx } from "../peers/nginx.ts";
import { type Origin, startOrigin } from "../peers/origin.ts";
import type { Bench, Contender } from "../run/bench.ts";
import { cpuContender } from "../run/cpu-contender.ts";
import { hitCheck } from "../run/http-check.ts";
import type { TestBed } from "../run/test-bed.ts";

const CONNECTIONS = 64;
const STREAMS = 10;
const HOUR_MS = 3_600_000;

/** Fields that ours sends by itself, so that both send about as many bytes of them. */
const FIELDS = `add_header Via "1.1 nginx";
    add_header Cache-Status "nginx; hit; ttl=86399";
    add_header Age 1;`;

type Load = (url: string, seconds: number, bed: TestBed, origin: Origin) => Promise<LoadResult>;

export const httpHitTls: Bench = {
  name: "http-hit-tls",
  help: "A hit of 1 KiB in the edge's cache, TLS 1.3, HTTP/1.1, wrk -t1 -c64.",
  unit: "us of CPU per request",
  bars: [{ kind: "ratio", peer: "nginx", atMost: 0.55 }],
  programs: ["nginx", "wrk"],
  prepare: (bed) =>
    contendersOf(bed, "ssl", (url, seconds, { signal }, { body }) =>
      runWrk({ url, seconds, connections: CONNECTIONS, bodyBytes: body.length, signal }),
    ),
};

export const httpHitH2: Bench = {
  name: "http-hit-h2",
  help: "A hit of 1 KiB in the edge's cache, TLS 1.3, HTTP/2, h2load -t 1 -c 64 -m 10.",
  unit: "us of CPU per request",
  bars: [{ kind: "ratio", peer: "nginx", atMost: 0.25 }],
  programs: ["nginx", "h2load"],
  prepare: (bed) =>
    contendersOf(bed, "ssl http2", (url, seconds, { signal }, { body }) =>
      runH2load({ url, seconds, connections: CONNECTIONS, streams: STREAMS, bodyBytes: body.length, signal }),
    ),
};

async function contendersOf(bed: TestBed, listen: string, load: Load): Promise<readonly Contender[]> {
  const origin = await startOrigin(bed, { bodyBytes: 1024 });
  const [port, nginxPort] = [await freePort(), await freePort()];
  const now = Date.now();
  const { certificatePem, keyPem } = createCertificate({
    names: ["localhost", "127.0.0.1"],
    notBefore: new Date(now - HOUR_MS),
    notAfter: new Date(now + 24 * HOUR_MS),
  });
  const files = {
    ...gatewayFiles("edge", "HTTPS", port, origin.port),
    "secret.yaml": secretOf(certificatePem, keyPem),
  };
  const fairway = await startFairway(bed, { service: "edge", files });
  const tls = `ssl_certificate ${bed.write("chain.pem", certificatePem)};
    ssl_certificate_key ${bed.write("key.pem", keyPem)};
    ssl_protocols TLSv1.3;
    ${FIELDS}`;
  const http = nginxCache(bed.folder, `127.0.0.1:${nginxPort} ${listen} backlog=4096`, origin.port, tls);
  const nginx = await startNginx(bed, { name: "nginx", core: bed.cores.server, port: nginxPort, http });
  const contender = (name: string, pid: number, at: number): Contender => {
    const url = `https://127.0.0.1:${at}/`;
    return cpuContender({
      name,
      pid,
      load: (seconds) => load(url, seconds, bed, origin),
      check: hitCheck(url, origin),
    });
  };
  return [contender("fairway", fairway.pid, port), contender("nginx", nginx.pid, nginxPort)];
}

const encode = (pem: string): string => Buffer.from(pem).toString("base64");

const secretOf = (certificatePem: string, keyPem: string): string =>
  formatYaml({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "bench-tls" },
    type: "kubernetes.io/tls",
    data: { "tls.crt": encode(certificatePem), "tls.key": encode(keyPem) },
  });
