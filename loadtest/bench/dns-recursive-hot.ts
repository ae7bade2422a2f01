/** Recursion from a hot cache: 10,000 names that were all asked before. */
import { freePort } from "#src/testing/service-process.ts";
import { runDnsperf } from "../generators/dnsperf.ts";
import { makeQuestions, makeZone, ZONE_ORIGIN } from "../generators/zone.ts";
import { startFairway } from "../peers/fairway.ts";
import { startNsd } from "../peers/nsd.ts";
import { startUnbound } from "../peers/unbound.ts";
import type { Bench } from "../run/bench.ts";
import { cpuContender } from "../run/cpu-contender.ts";
import { answerCheck } from "../run/dns-check.ts";

/** Everyone's names are in the cache after this much load. */
const FILL_SECONDS = 1;

export const dnsRecursiveHot: Bench = {
  name: "dns-recursive-hot",
  help: "A question to the resolver that its cache can answer, 10,000 names, dnsperf -c 4 -T 1 -q 150.",
  unit: "us of CPU per question",
  bars: [{ kind: "ratio", peer: "unbound", atMost: 1 }],
  programs: ["nsd", "unbound", "dnsperf"],
  prepare: async (bed) => {
    const [port, unboundPort, nsdPort] = [await freePort(), await freePort(), await freePort()];
    const questions = bed.write("questions", makeQuestions());
    await startNsd(bed, { core: bed.cores.load, port: nsdPort, origin: ZONE_ORIGIN, text: makeZone() });
    const args = [`--port=${port}`, `--stub=${ZONE_ORIGIN}=127.0.0.1@${nsdPort}`];
    const fairway = await startFairway(bed, { service: "resolver", args });
    const unbound = await startUnbound(bed, { port: unboundPort, zone: ZONE_ORIGIN, server: nsdPort });
    const contenders = [
      { name: "fairway", pid: fairway.pid, port },
      { name: "unbound", pid: unbound.pid, port: unboundPort },
    ];
    const load = { questions, signal: bed.signal };
    for (const { port: at } of contenders) await runDnsperf({ ...load, port: at, seconds: FILL_SECONDS });
    return contenders.map(({ name, pid, port: at }) =>
      cpuContender({
        name,
        pid,
        load: (seconds) => runDnsperf({ ...load, port: at, seconds }),
        check: answerCheck(at),
      }),
    );
  },
};
