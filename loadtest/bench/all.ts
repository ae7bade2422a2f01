/** Every bench, in the order in which `all` runs them. */
import { StartFault } from "#src/process/fault.ts";
import type { Bench } from "../run/bench.ts";
import { dnsAuth } from "./dns-auth.ts";
import { dnsRecursiveHot } from "./dns-recursive-hot.ts";
import { ffi } from "./ffi.ts";
import { httpHit100k, httpHit1k } from "./http-hit.ts";
import { httpHitH2, httpHitTls } from "./http-hit-tls.ts";
import { idle } from "./idle.ts";
import { l4Bulk, l4Conn } from "./l4.ts";
import { l7 } from "./l7.ts";
import { reload } from "./reload.ts";
import { start } from "./start.ts";
import { udp } from "./udp.ts";

export const BENCHES: readonly Bench[] = [
  ffi,
  dnsAuth,
  dnsRecursiveHot,
  httpHit1k,
  httpHit100k,
  httpHitTls,
  httpHitH2,
  l7,
  l4Bulk,
  l4Conn,
  udp,
  idle,
  start,
  reload,
];

/** Throws a StartFault (2) when there is none of this name. */
export function selectBench(name: string): Bench {
  const found = BENCHES.find((one) => one.name === name);
  if (found === undefined)
    throw new StartFault(`Cannot run ${name}: there is no such bench. See npm run bench -- list`, 2);
  return found;
}
