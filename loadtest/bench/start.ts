/** From the command line to every service ready. */
import { freePort } from "#src/testing/service-process.ts";
import { makeZone, ZONE_ORIGIN } from "../generators/zone.ts";
import { gatewayFiles } from "../peers/fairway.ts";
import { freeDnsPorts, makeDirectory, READY, spawnUp } from "../peers/fairway-up.ts";
import { startOrigin } from "../peers/origin.ts";
import type { Bench } from "../run/bench.ts";
import { answerCheck } from "../run/dns-check.ts";
import { bodyCheck } from "../run/http-check.ts";

export const start: Bench = {
  name: "start",
  help: "fairway up on a directory with a zone of 10,000 names and two Gateways: until every service is ready.",
  unit: "ms",
  bars: [{ kind: "value", atMost: 1500 }],
  programs: ["nginx"],
  prepare: async (bed) => {
    const origin = await startOrigin(bed, { bodyBytes: 1024 });
    const [edgePort, balancerPort] = [await freePort(), await freePort()];
    const edge = gatewayFiles("edge", "HTTP", edgePort, origin.port, "edge");
    const balancer = gatewayFiles("balancer", "HTTP", balancerPort, origin.port, "balancer");
    const directory = makeDirectory(bed, { ...edge, ...balancer, [`${ZONE_ORIGIN}.zone`]: makeZone() });
    const measure = async (): Promise<{ cost: number; faults: readonly string[] }> => {
      const ports = await freeDnsPorts();
      // As many data processes as there are cores, as without the option.
      const args = ["-f", directory.path, "--workers", "0", "--stub", `${ZONE_ORIGIN}=127.0.0.1@${ports.dns}`];
      const begun = performance.now();
      await using up = spawnUp(bed, args, ports);
      await up.line(READY);
      const cost = performance.now() - begun;
      const urls = [edgePort, balancerPort].map((port) => `http://127.0.0.1:${port}/`);
      const checks = [
        ...urls.map((url) => bodyCheck(url, origin)),
        answerCheck(ports.dns),
        answerCheck(ports.resolver),
      ];
      const faults = await Promise.all(checks.map(async (check) => (await check())()));
      return { cost, faults: faults.flat() };
    };
    return [{ name: "fairway", measure }];
  },
};
