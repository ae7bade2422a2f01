/** The TCP relay: bulk by the gigabyte, and a connection for each request. */
import { freePort } from "#src/testing/service-process.ts";
import { runBulk } from "../generators/bulk.ts";
import { runWrk } from "../generators/wrk.ts";
import { gatewayFiles, startFairway } from "../peers/fairway.ts";
import { haproxyTcp, startHaproxy } from "../peers/haproxy.ts";
import { type Origin, startOrigin } from "../peers/origin.ts";
import type { Bench, Contender } from "../run/bench.ts";
import { type Check, cpuContender } from "../run/cpu-contender.ts";
import { bodyCheck, countedCheck } from "../run/http-check.ts";
import type { TestBed } from "../run/test-bed.ts";

const BULK_BYTES = 16 * 2 ** 20;
const BULK_CONNECTIONS = 4;
const CONNECTIONS = 64;
/** A user without rights or files of its own: `nobody`. */
const NOBODY = 65_534;
const AS_USER = "fairway-user";

export const l4Bulk: Bench = {
  name: "l4-bulk",
  help: "Downloads of 16 MiB through the TCP relay over four connections; HAProxy splices; ours also as a plain user.",
  unit: "ms of CPU per GB",
  bars: [
    { kind: "ratio", peer: "haproxy", atMost: 1 },
    { kind: "ratio", peer: "haproxy", atMost: 1, subject: AS_USER },
  ],
  programs: ["nginx", "haproxy"],
  prepare: async (bed) => {
    const origin = await startOrigin(bed, { bodyBytes: BULK_BYTES });
    const load = { bodyBytes: BULK_BYTES, connections: BULK_CONNECTIONS, signal: bed.signal };
    const contender = ({ name, pid, port }: Relay): Contender =>
      cpuContender({
        name,
        pid,
        load: (seconds) => runBulk({ ...load, port, seconds }),
        check: bodyCheck(`http://127.0.0.1:${port}/`, origin),
        per: 1e9,
        unitUs: 1000,
      });
    const relays = await relaysOf(bed, origin);
    // Who is not root is that plain user already.
    if (process.getuid?.() === 0) relays.push(await startOurs(bed, origin, AS_USER, NOBODY));
    return relays.map(contender);
  },
};

export const l4Conn: Bench = {
  name: "l4-conn",
  help: "A connection for each request through the TCP relay, response of 1 KiB, wrk -t1 -c64.",
  unit: "us of CPU per connection",
  bars: [{ kind: "ratio", peer: "haproxy", atMost: 1 }],
  programs: ["nginx", "haproxy", "wrk"],
  prepare: async (bed) => {
    const origin = await startOrigin(bed, { bodyBytes: 1024, closes: true });
    const load = { connections: CONNECTIONS, bodyBytes: origin.body.length, signal: bed.signal };
    return (await relaysOf(bed, origin)).map(({ name, pid, port }) => {
      const url = `http://127.0.0.1:${port}/`;
      return cpuContender({
        name,
        pid,
        load: (seconds) => runWrk({ ...load, url, seconds }),
        check: connectionCheck(url, origin),
      });
    });
  },
};

interface Relay {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
}

async function relaysOf(bed: TestBed, origin: Origin): Promise<Relay[]> {
  const port = await freePort();
  const ours = await startOurs(bed, origin, "fairway");
  const haproxy = await startHaproxy(bed, port, haproxyTcp(port, origin.port));
  return [ours, { name: "haproxy", pid: haproxy.pid, port }];
}

async function startOurs(bed: TestBed, origin: Origin, name: string, uid?: number): Promise<Relay> {
  const port = await freePort();
  const files = gatewayFiles("balancer", "TCP", port, origin.port);
  const process = uid === undefined ? {} : { uid };
  const { pid } = await startFairway(bed, { service: "balancer", files, process });
  return { name, pid, port };
}

/** The origin must have seen a connection for each request. */
const connectionCheck = (url: string, origin: Origin): Check =>
  countedCheck(url, origin, ({ connections, requests }) =>
    connections >= requests ? undefined : `${requests} requests came over ${connections} connections`,
  );
