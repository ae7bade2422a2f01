/** A hit in the cache over HTTP/1.1: 1 KiB, and 100 KiB. */
import { freePort } from "#src/testing/service-process.ts";
import { runWrk } from "../generators/wrk.ts";
import { gatewayFiles, startFairway } from "../peers/fairway.ts";
import { nginxCache, startNginx } from "../peers/nginx.ts";
import { type Origin, startOrigin } from "../peers/origin.ts";
import { startVarnish } from "../peers/varnish.ts";
import type { Bench, Contender } from "../run/bench.ts";
import { cpuContender } from "../run/cpu-contender.ts";
import { hitCheck } from "../run/http-check.ts";
import type { TestBed } from "../run/test-bed.ts";

const CONNECTIONS = 64;

export const httpHit1k: Bench = {
  name: "http-hit-1k",
  help: "A hit of 1 KiB in the edge's cache, HTTP/1.1, wrk -t1 -c64.",
  unit: "us of CPU per request",
  bars: [
    { kind: "ratio", peer: "nginx", atMost: 0.6 },
    { kind: "ratio", peer: "varnish", atMost: 0.4 },
  ],
  programs: ["nginx", "wrk"],
  optional: ["varnishd"],
  prepare: async (bed) => {
    const origin = await startOrigin(bed, { bodyBytes: 1024 });
    const ours = await cachesOf(bed, origin);
    if (bed.leftOut.includes("varnishd")) return ours;
    const port = await freePort();
    const varnish = await startVarnish(bed, port, origin.port);
    return [...ours, hitContender(bed, "varnish", varnish.pid, port, origin)];
  },
};

export const httpHit100k: Bench = {
  name: "http-hit-100k",
  help: "A hit of 100 KiB in the edge's cache, HTTP/1.1, wrk -t1 -c64.",
  unit: "us of CPU per request",
  bars: [{ kind: "ratio", peer: "nginx", atMost: 0.9 }],
  programs: ["nginx", "wrk"],
  prepare: async (bed) => cachesOf(bed, await startOrigin(bed, { bodyBytes: 102_400 })),
};

/** Ours, and nginx with proxy_cache. */
async function cachesOf(bed: TestBed, origin: Origin): Promise<Contender[]> {
  const [port, nginxPort] = [await freePort(), await freePort()];
  const files = gatewayFiles("edge", "HTTP", port, origin.port);
  const fairway = await startFairway(bed, { service: "edge", files });
  const http = nginxCache(bed.folder, `127.0.0.1:${nginxPort} backlog=4096`, origin.port);
  const nginx = await startNginx(bed, { name: "nginx", core: bed.cores.server, port: nginxPort, http });
  return [
    hitContender(bed, "fairway", fairway.pid, port, origin),
    hitContender(bed, "nginx", nginx.pid, nginxPort, origin),
  ];
}

function hitContender(bed: TestBed, name: string, pid: number, port: number, origin: Origin): Contender {
  const url = `http://127.0.0.1:${port}/`;
  const bodyBytes = origin.body.length;
  return cpuContender({
    name,
    pid,
    load: (seconds) => runWrk({ url, seconds, connections: CONNECTIONS, bodyBytes, signal: bed.signal }),
    check: hitCheck(url, origin),
  });
}
