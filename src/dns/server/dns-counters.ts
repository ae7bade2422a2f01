/** What a DNS service counts of its clients: requests, responses, drops, durations. An implementation adds to slots. */
import type { NoAnswerReason, Transport } from "#src/dns/wire/reply.ts";

/** The `reason` label of fairway_dns_dropped_total. */
export type DnsDropReason = NoAnswerReason;

export interface DnsCounters {
  /** A message that can be answered. `type` is the question's, 0 when it could not be read; `zone` is `Query.zone`. */
  request(transport: Transport, family: 4 | 6, type: number, zone: number): void;
  response(rcode: number, zone: number): void;
  dropped(reason: DnsDropReason): void;
  /** So many answers have been handed over, each so long after its message was read. */
  answered(count: number, seconds: number): void;
}
