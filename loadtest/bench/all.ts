/** Every bench, in the order in which `all` runs them. */
import type { Bench } from "../run/bench.ts";
import { dnsAuth } from "./dns-auth.ts";
import { httpHit100k, httpHit1k } from "./http-hit.ts";
import { l7 } from "./l7.ts";

export const BENCHES: readonly Bench[] = [dnsAuth, httpHit1k, httpHit100k, l7];
