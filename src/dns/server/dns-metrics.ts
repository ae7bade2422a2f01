/** What every DNS service counts of its clients: the declarations, and the counters over their slots. */
import { rcodeName } from "#src/dns/wire/rcode.ts";
import type { Transport } from "#src/dns/wire/reply.ts";
import { TYPE, typeName } from "#src/dns/wire/type.ts";
import { counter, type Counter, type CounterDeclaration } from "#src/metrics/declaration.ts";
import type { DnsCounters, DnsDropReason } from "./dns-counters.ts";

const TRANSPORTS: readonly Transport[] = ["udp", "tcp", "tls", "https"];
const FAMILIES = ["4", "6"];
const DROP_REASONS: readonly DnsDropReason[] = ["shortHeader", "isResponse", "overloaded", "rateLimited"];

/** Types with series of their own; the first label stands for all others. */
const COUNTED_TYPES = [
  TYPE.A,
  TYPE.NS,
  TYPE.CNAME,
  TYPE.SOA,
  TYPE.PTR,
  TYPE.MX,
  TYPE.TXT,
  TYPE.AAAA,
  TYPE.SRV,
  TYPE.NAPTR,
  TYPE.DS,
  TYPE.DNSKEY,
  TYPE.TLSA,
  TYPE.SVCB,
  TYPE.HTTPS,
  TYPE.ANY,
  TYPE.CAA,
];
const TYPE_LABELS = ["other", ...COUNTED_TYPES.map(typeName)];
/** Index of each type's label: 0 is that of all others. */
const TYPE_INDEX = new Uint8Array(65_536);
for (const [index, type] of COUNTED_TYPES.entries()) TYPE_INDEX[type] = index + 1;

/** The codes that fit in a header and have a name. */
const RCODES = Array.from({ length: 11 }, (_, rcode) => rcodeName(rcode));
const RCODE_LABELS = [...RCODES, "other"];

/** The label of a response code. */
export const rcodeLabel = (rcode: number): string => RCODES[rcode] ?? "other";

export const RCODE_DIMENSION = { label: "rcode", values: RCODE_LABELS } as const;

export interface DnsMetricDeclarations {
  readonly requests: CounterDeclaration;
  readonly responses: CounterDeclaration;
  readonly dropped: CounterDeclaration;
}

/** `prefix` is `fairway_dns` or `fairway_resolver`. */
export function declareDnsMetrics(prefix: string): DnsMetricDeclarations {
  return {
    requests: counter(
      `${prefix}_requests_total`,
      "Messages of clients that can be answered, by transport, address family and type asked.",
      { label: "proto", values: TRANSPORTS },
      { label: "family", values: FAMILIES },
      { label: "type", values: TYPE_LABELS },
    ),
    responses: counter(`${prefix}_responses_total`, "Answers sent, by response code.", RCODE_DIMENSION),
    dropped: counter(`${prefix}_dropped_total`, "Messages that were left without an answer, by reason.", {
      label: "reason",
      values: DROP_REASONS,
    }),
  };
}

export class DnsSlotCounters implements DnsCounters {
  readonly #requests: Counter;
  readonly #responses: Counter;
  readonly #dropped: Counter;

  constructor(handles: { readonly requests: Counter; readonly responses: Counter; readonly dropped: Counter }) {
    this.#requests = handles.requests;
    this.#responses = handles.responses;
    this.#dropped = handles.dropped;
  }

  request(transport: Transport, family: 4 | 6, type: number): void {
    const { strides } = this.#requests;
    const series =
      TRANSPORTS.indexOf(transport) * strides[0]! + (family === 4 ? 0 : strides[1]!) + TYPE_INDEX[type]! * strides[2]!;
    this.#requests.add(series, 1);
  }

  response(rcode: number): void {
    this.#responses.add(Math.min(rcode, RCODES.length) * this.#responses.strides[0]!, 1);
  }

  dropped(reason: DnsDropReason): void {
    this.#dropped.add(this.#dropped.seriesOf(reason), 1);
  }
}
