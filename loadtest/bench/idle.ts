/** What an idle keep-alive connection takes of user-space memory: the slope between two numbers of them. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { StartFault } from "#src/process/fault.ts";
import { freePort } from "#src/testing/service-process.ts";
import { runWrk } from "../generators/wrk.ts";
import { type Point, readTreePss, slopeOf } from "../measure/proportional-set.ts";
import { gatewayFiles, startFairway } from "../peers/fairway.ts";
import { nginxCache, startNginx } from "../peers/nginx.ts";
import { type Origin, startOrigin } from "../peers/origin.ts";
import type { Bench, Contender } from "../run/bench.ts";
import { TestBed } from "../run/test-bed.ts";

const FEW = 5_000;
const MANY = 15_000;
/** Beside the connections. */
const OTHER_FILES = 1_500;
/** Compiled code and the heap reach their size before connections are counted. */
const WARM_UP = { seconds: 2, connections: 64 } as const;
const SETTLE_MS = 1_000;
const CLIENT = join(import.meta.dirname, "../generators/idle-client.ts");

export const idle: Bench = {
  name: "idle",
  help: `User-space memory of an idle keep-alive connection to the edge, between ${FEW} and ${MANY} of them.`,
  unit: "bytes per connection",
  bars: [{ kind: "value", atMost: 400 }],
  programs: ["nginx", "wrk", "prlimit"],
  prepare: async (bed) => {
    allowFiles(MANY + OTHER_FILES);
    const origin = await startOrigin(bed, { bodyBytes: 1024 });
    // Each time a server of its own: memory that connections have once used is not given back.
    const contender = (name: string, start: Start): Contender => ({
      name,
      isFresh: true,
      measure: async () => {
        await using own = new TestBed(bed);
        const port = await freePort();
        const { pid } = await start(own, port, origin);
        const load = { ...WARM_UP, url: `http://127.0.0.1:${port}/`, bodyBytes: origin.body.length };
        const { faults } = await runWrk({ ...load, signal: bed.signal });
        const cost = slopeOf(...(await holdConnections(port, pid, bed.signal)));
        return { cost, faults };
      },
    });
    return [contender("fairway", startOurs), contender("nginx", startTheirs)];
  },
};

type Start = (bed: TestBed, port: number, origin: Origin) => Promise<{ readonly pid: number }>;

const startOurs: Start = (bed, port, origin) =>
  startFairway(bed, { service: "edge", files: gatewayFiles("edge", "HTTP", port, origin.port) });

const startTheirs: Start = (bed, port, origin) => {
  const http = nginxCache(bed.folder, `127.0.0.1:${port} backlog=4096`, origin.port);
  return startNginx(bed, { name: "nginx", core: bed.cores.server, port, http, connections: MANY + OTHER_FILES });
};

async function holdConnections(port: number, pid: number, signal: AbortSignal): Promise<[Point, Point]> {
  const client = spawn(process.execPath, ["--no-warnings", CLIENT, String(port)], {
    stdio: ["pipe", "pipe", "inherit"],
    signal,
  });
  const ended = Promise.withResolvers<never>();
  client.on("error", ended.reject);
  client.on("exit", () => ended.reject(new Error("Cannot measure idle connections: the client has ended")));
  ended.promise.catch(() => {});
  const lines = createInterface({ input: client.stdout });
  const hold = async (count: number): Promise<Point> => {
    client.stdin.write(`${count}\n`);
    await Promise.race([once(lines, "line"), ended.promise]);
    await wait(SETTLE_MS);
    return { count, bytes: readTreePss(pid) };
  };
  try {
    return [await hold(FEW), await hold(MANY)];
  } finally {
    client.kill("SIGKILL");
  }
}

/** Raises the limit of open files, which programs inherit that are started from here, when it is below `count`. */
function allowFiles(count: number): void {
  const hard = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  if (hard === undefined || Number(hard) >= count) return;
  const raised = spawnSync("prlimit", ["--pid", String(process.pid), `--nofile=${count}:${count}`]);
  if (raised.status !== 0) {
    throw new StartFault(
      `Cannot run idle: it needs ${count} open files, and ${hard} are allowed. Run as root: ulimit -n ${count}`,
      2,
    );
  }
}
