/** What a DNS service counts, as conventions name it: requests, responses, drops. An implementation adds to slots. */
import type { NoAnswerReason, Transport } from "#src/dns/wire/reply.ts";

/** The `reason` label of fairway_dns_dropped_total. */
export type DnsDropReason = NoAnswerReason;

export interface DnsCounters {
  /** A message that can be answered. `type` is the question's, 0 when it could not be read. */
  request(transport: Transport, family: 4 | 6, type: number): void;
  response(rcode: number): void;
  dropped(reason: DnsDropReason): void;
}
