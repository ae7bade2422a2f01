/** Authoritative DNS over UDP: 10,000 names, each asked in turn. */
import { freePort } from "#src/testing/service-process.ts";
import { runDnsperf } from "../generators/dnsperf.ts";
import { makeQuestions, makeZone, ZONE_ORIGIN } from "../generators/zone.ts";
import { startFairway } from "../peers/fairway.ts";
import { startNsd } from "../peers/nsd.ts";
import type { Bench } from "../run/bench.ts";
import { cpuContender } from "../run/cpu-contender.ts";
import { answerCheck } from "../run/dns-check.ts";

export const dnsAuth: Bench = {
  name: "dns-auth",
  help: "A question to the authoritative server over UDP, 10,000 names, dnsperf -c 4 -T 1 -q 150.",
  unit: "us of CPU per question",
  bars: [{ kind: "ratio", peer: "nsd", atMost: 1 }],
  programs: ["dnsperf"],
  optional: ["nsd"],
  prepare: async (bed) => {
    const [port, nsdPort] = [await freePort(), await freePort()];
    const questions = bed.write("questions", makeQuestions());
    const text = makeZone();
    const files = { [`${ZONE_ORIGIN}.zone`]: text };
    const fairway = await startFairway(bed, { service: "dns", args: [`--port=${port}`], files });
    const servers = [{ name: "fairway", pid: fairway.pid, port }];
    if (!bed.leftOut.includes("nsd")) {
      const nsd = await startNsd(bed, { core: bed.cores.server, port: nsdPort, origin: ZONE_ORIGIN, text });
      servers.push({ name: "nsd", pid: nsd.pid, port: nsdPort });
    }
    return servers.map(({ name, pid, port: at }) =>
      cpuContender({
        name,
        pid,
        load: (seconds) => runDnsperf({ port: at, questions, seconds, signal: bed.signal }),
        check: answerCheck(at),
      }),
    );
  },
};
