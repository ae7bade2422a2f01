/** Forwarding over HTTP/1.1 with pooled connections to the origin: 1 KiB. */
import { freePort } from "#src/testing/service-process.ts";
import { runWrk } from "../generators/wrk.ts";
import { gatewayFiles, startFairway } from "../peers/fairway.ts";
import { haproxyHttp, startHaproxy } from "../peers/haproxy.ts";
import { nginxProxy, startNginx } from "../peers/nginx.ts";
import { startOrigin } from "../peers/origin.ts";
import type { Bench, Contender } from "../run/bench.ts";
import { cpuContender } from "../run/cpu-contender.ts";
import { bodyCheck } from "../run/http-check.ts";

const CONNECTIONS = 64;

export const l7: Bench = {
  name: "l7-1k",
  help: "A request forwarded by the balancer, response of 1 KiB, HTTP/1.1, wrk -t1 -c64.",
  unit: "us of CPU per request",
  bars: [{ kind: "ratio", peer: "haproxy", atMost: 0.8 }],
  programs: ["nginx", "wrk"],
  optional: ["haproxy"],
  prepare: async (bed) => {
    const origin = await startOrigin(bed, { bodyBytes: 1024 });
    const [port, haproxyPort, nginxPort] = [await freePort(), await freePort(), await freePort()];
    const files = gatewayFiles("balancer", "HTTP", port, origin.port);
    const fairway = await startFairway(bed, { service: "balancer", files });
    const http = nginxProxy(`127.0.0.1:${nginxPort} backlog=4096`, origin.port);
    const nginx = await startNginx(bed, { name: "nginx", core: bed.cores.server, port: nginxPort, http });
    const contender = (name: string, pid: number, at: number): Contender => {
      const url = `http://127.0.0.1:${at}/`;
      const load = { url, connections: CONNECTIONS, bodyBytes: origin.body.length, signal: bed.signal };
      return cpuContender({
        name,
        pid,
        load: (seconds) => runWrk({ ...load, seconds }),
        check: bodyCheck(url, origin),
      });
    };
    const contenders = [contender("fairway", fairway.pid, port), contender("nginx", nginx.pid, nginxPort)];
    if (bed.leftOut.includes("haproxy")) return contenders;
    const haproxy = await startHaproxy(bed, haproxyPort, haproxyHttp(haproxyPort, origin.port));
    return [...contenders, contender("haproxy", haproxy.pid, haproxyPort)];
  },
};
