/** One of a thousand routes is changed under load: from saving the file to the first answer that shows it. */
import { Agent, request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "#src/testing/service-process.ts";
import { runWrk } from "../generators/wrk.ts";
import { spreadOf } from "../measure/statistics.ts";
import { gatewayFiles } from "../peers/fairway.ts";
import { freeDnsPorts, makeDirectory, READY, spawnUp } from "../peers/fairway-up.ts";
import { startOrigin } from "../peers/origin.ts";
import type { Bench, Sample } from "../run/bench.ts";

const ROUTES = 1_000;
/** The route that is changed, and the one that the load asks for. */
const CHANGED = 500;
const ASKED = 1;
const CONNECTIONS = 8;
const PAUSE_MS = 200;
const LATEST_MS = 10_000;

export const reload: Bench = {
  name: "reload",
  help: `One of ${ROUTES} routes changed in the directory of fairway up, under load: until an answer shows it.`,
  unit: "ms",
  bars: [{ kind: "value", atMost: 100 }],
  programs: ["nginx", "wrk"],
  prepare: async (bed) => {
    const origin = await startOrigin(bed, { bodyBytes: 1024 });
    const port = await freePort();
    const routes = Array.from({ length: ROUTES }, (_, index) => [`route-${index}.yaml`, routeOf(index, 0)]);
    const files = { ...gatewayFiles("balancer", "HTTP", port, origin.port), ...Object.fromEntries(routes) };
    const directory = makeDirectory(bed, files as Record<string, string>);
    const up = bed.use(spawnUp(bed, ["-f", directory.path], await freeDnsPorts()));
    await up.line(READY);
    let version = 0;
    const change = async (): Promise<number> => {
      version += 1;
      const begun = performance.now();
      directory.write(`route-${CHANGED}.yaml`, routeOf(CHANGED, version));
      while ((await versionAt(port)) !== String(version)) {
        if (performance.now() - begun > LATEST_MS) throw new Error(`Cannot see the change after ${LATEST_MS} ms`);
      }
      return performance.now() - begun;
    };
    const measure = async (seconds: number): Promise<Sample> => {
      const url = `http://127.0.0.1:${port}/`;
      const headers = [`Host: ${hostOf(ASKED)}`];
      const load = { url, headers, connections: CONNECTIONS, bodyBytes: origin.body.length, signal: bed.signal };
      const running = { is: true };
      const loaded = runWrk({ ...load, seconds }).finally(() => (running.is = false));
      const times: number[] = [];
      do {
        await wait(PAUSE_MS);
        times.push(await change());
      } while (running.is);
      const { operations, faults } = await loaded;
      const note = `${times.length} changes, ${operations} requests meanwhile`;
      return { cost: spreadOf(times).median, faults, note };
    };
    return [{ name: "fairway", measure }];
  },
};

const hostOf = (index: number): string => `r${index}.bench.test`;

const routeOf = (index: number, version: number): string => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: route-${index} }
spec:
  parentRefs: [{ name: bench }]
  hostnames: [${hostOf(index)}]
  rules:
    - filters:
        - type: ResponseHeaderModifier
          responseHeaderModifier: { set: [{ name: x-version, value: "${version}" }] }
      backendRefs: [{ group: fairway.dev, kind: Backend, name: bench }]
`;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** The version that the changed route answers with. */
function versionAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: hostOf(CHANGED) };
    const asked = request({ host: "127.0.0.1", port, agent, headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(String(response.headers["x-version"])));
    });
    asked.on("error", reject);
    asked.end();
  });
}
