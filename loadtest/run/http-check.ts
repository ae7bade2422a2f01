/** What HTTP contenders must answer: status and exact bytes, and from the cache what is in the cache. */
import { request } from "node:http";
import { request as requestTls } from "node:https";
import { buffer } from "node:stream/consumers";
import type { Origin, OriginCounts } from "../peers/origin.ts";
import type { Check } from "./cpu-contender.ts";

const TIMEOUT_MS = 20_000;

/** Asks once before the load and once after it: faults when the answer is not the origin's body. */
export function bodyCheck(url: string, origin: Origin): Check {
  return async () => {
    const before = await bodyFaults(url, origin);
    return async () => [...before, ...(await bodyFaults(url, origin))];
  };
}

/** The same where each answer after the first must be a hit: the origin is then asked for nothing. */
export const hitCheck = (url: string, origin: Origin): Check =>
  countedCheck(url, origin, ({ requests }) =>
    requests === 0 ? undefined : `${requests} requests went to the origin instead of the cache`,
  );

/** The same, and what the origin has counted between the two questions must be right: `judge` says what is not. */
export function countedCheck(url: string, origin: Origin, judge: (seen: OriginCounts) => string | undefined): Check {
  const checkBody = bodyCheck(url, origin);
  return async () => {
    const finish = await checkBody();
    const before = await origin.counts();
    return async () => {
      const faults = await finish();
      const after = await origin.counts();
      const fault = judge({
        connections: after.connections - before.connections,
        requests: after.requests - before.requests,
      });
      return fault === undefined ? faults : [...faults, fault];
    };
  };
}

async function bodyFaults(url: string, { body }: Origin): Promise<readonly string[]> {
  const [status, bytes] = await get(url);
  if (status !== 200) return [`status ${status}`];
  return bytes.equals(body) ? [] : [`a body of ${bytes.length} bytes that is not the origin's`];
}

/** On a connection of its own; whose certificate it is does not matter here. */
function get(url: string): Promise<[status: number, body: Buffer]> {
  return new Promise((resolve, reject) => {
    const options = { agent: false, rejectUnauthorized: false, timeout: TIMEOUT_MS } as const;
    const asked = (url.startsWith("https:") ? requestTls : request)(url, options, (response) => {
      buffer(response).then((body) => resolve([response.statusCode!, body]), reject);
    });
    asked.on("timeout", () => asked.destroy(new Error(`Cannot ask ${url}: no answer in time`)));
    asked.on("error", reject);
    asked.end();
  });
}
