/** The UDP relay: questions and answers of four clients through it to one server. */
import { freePort } from "#src/testing/service-process.ts";
import { runDnsperf } from "../generators/dnsperf.ts";
import { makeQuestions, makeZone, ZONE_ORIGIN } from "../generators/zone.ts";
import { gatewayFiles, startFairway } from "../peers/fairway.ts";
import { startNginx } from "../peers/nginx.ts";
import { startNsd } from "../peers/nsd.ts";
import type { Bench } from "../run/bench.ts";
import { cpuContender } from "../run/cpu-contender.ts";
import { answerCheck, isAnswering } from "../run/dns-check.ts";

export const udp: Bench = {
  name: "udp",
  help: "A datagram and its answer through the UDP relay to NSD, dnsperf -c 4 -T 1 -q 150.",
  unit: "us of CPU per question",
  bars: [{ kind: "ratio", peer: "nginx", atMost: 1 }],
  programs: ["nginx", "nsd", "dnsperf"],
  prepare: async (bed) => {
    const [port, nginxPort, nsdPort] = [await freePort(), await freePort(), await freePort()];
    const questions = bed.write("questions", makeQuestions());
    await startNsd(bed, { core: bed.cores.load, port: nsdPort, origin: ZONE_ORIGIN, text: makeZone() });
    const files = gatewayFiles("balancer", "UDP", port, nsdPort);
    const fairway = await startFairway(bed, { service: "balancer", files });
    // Sessions end by time on both sides: nginx would end them by a count of answers only where it is told to.
    const stream = `  server { listen 127.0.0.1:${nginxPort} udp; proxy_pass 127.0.0.1:${nsdPort}; proxy_timeout 60s; }`;
    const isReady = (): Promise<boolean> => isAnswering(nginxPort);
    const nginx = await startNginx(bed, { name: "nginx", core: bed.cores.server, port: nginxPort, stream, isReady });
    return [
      { name: "fairway", pid: fairway.pid, port },
      { name: "nginx", pid: nginx.pid, port: nginxPort },
    ].map(({ name, pid, port: at }) =>
      cpuContender({
        name,
        pid,
        load: (seconds) => runDnsperf({ port: at, questions, seconds, signal: bed.signal }),
        check: answerCheck(at),
      }),
    );
  },
};
