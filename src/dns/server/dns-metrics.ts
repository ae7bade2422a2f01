/** What every DNS service counts of its clients: the declarations, and the counters over their slots. */
import { rcodeName } from "#src/dns/wire/rcode.ts";
import type { Transport } from "#src/dns/wire/reply.ts";
import { TYPE, typeName } from "#src/dns/wire/type.ts";
import {
  type CappedDimension,
  counter,
  type Counter,
  type CounterDeclaration,
  histogram,
  type Histogram,
  type HistogramDeclaration,
} from "#src/metrics/declaration.ts";
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

/** A microsecond, what a kept answer takes, to ten seconds, what a client waits for. */
const BUCKETS_SECONDS: readonly number[] = [
  0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export interface DnsMetricDeclarations {
  readonly requests: CounterDeclaration;
  readonly responses: CounterDeclaration;
  readonly dropped: CounterDeclaration;
  readonly duration: HistogramDeclaration;
}

/** The `zone` label of what is answered from no zone: no origin is without a dot at its end. */
const NO_ZONE = "none";
/** Zones with series of their own: each has 144 of requests alone. */
const ZONES = 128;

/** The zone that an answer is from. */
export const ZONE_DIMENSION: CappedDimension = {
  labels: ["zone"],
  cap: ZONES,
  tuples: ({ value }) => (value.kind === "zone" ? [[value.origin]] : []),
  always: [[NO_ZONE]],
};

/** `prefix` is `fairway_dns` or `fairway_resolver`; `zones` are ZONE_DIMENSION where there are zones, else nothing. */
export function declareDnsMetrics(prefix: string, ...zones: readonly CappedDimension[]): DnsMetricDeclarations {
  const fromZone = zones.length === 0 ? "" : " Zone none: answered from no zone, by an error or a refusal.";
  return {
    requests: counter(
      `${prefix}_requests_total`,
      `Messages of clients that can be answered, by transport, address family and type asked.${fromZone}`,
      ...zones,
      { label: "proto", values: TRANSPORTS },
      { label: "family", values: FAMILIES },
      { label: "type", values: TYPE_LABELS },
    ),
    responses: counter(
      `${prefix}_responses_total`,
      `Answers sent, by response code.${fromZone}`,
      ...zones,
      RCODE_DIMENSION,
    ),
    dropped: counter(`${prefix}_dropped_total`, "Messages that were left without an answer, by reason.", {
      label: "reason",
      values: DROP_REASONS,
    }),
    duration: histogram(
      `${prefix}_request_duration_seconds`,
      "From reading a message to handing its answer to the socket; messages that are read together are answered together, and each has taken the time of all.",
      BUCKETS_SECONDS,
    ),
  };
}

export interface DnsMetricHandles {
  readonly requests: Counter;
  readonly responses: Counter;
  readonly dropped: Counter;
  readonly duration: Histogram;
}

export class DnsSlotCounters implements DnsCounters {
  readonly #requests: Counter;
  readonly #responses: Counter;
  readonly #dropped: Counter;
  readonly #duration: Histogram;
  // What one step of each label is worth in a series number; 0 for the zone where there are none.
  readonly #requestsOfZone: number;
  readonly #responsesOfZone: number;
  readonly #transport: number;
  readonly #family: number;
  readonly #noZone: number;

  constructor(handles: DnsMetricHandles) {
    const { requests, responses, dropped, duration } = handles;
    this.#requests = requests;
    this.#responses = responses;
    this.#dropped = dropped;
    this.#duration = duration;
    const hasZones = responses.strides.length === 2;
    this.#requestsOfZone = hasZones ? requests.strides[0]! : 0;
    this.#responsesOfZone = hasZones ? responses.strides[0]! : 0;
    this.#transport = requests.strides.at(-3)!;
    this.#family = requests.strides.at(-2)!;
    this.#noZone = hasZones ? zoneNumber(handles, NO_ZONE) : 0;
  }

  request(transport: Transport, family: 4 | 6, type: number, zone: number): void {
    const series =
      (zone < 0 ? this.#noZone : zone) * this.#requestsOfZone +
      TRANSPORTS.indexOf(transport) * this.#transport +
      (family === 4 ? 0 : this.#family) +
      TYPE_INDEX[type]!;
    this.#requests.add(series, 1);
  }

  response(rcode: number, zone: number): void {
    const series = (zone < 0 ? this.#noZone : zone) * this.#responsesOfZone + Math.min(rcode, RCODES.length);
    this.#responses.add(series, 1);
  }

  dropped(reason: DnsDropReason): void {
    this.#dropped.add(this.#dropped.seriesOf(reason), 1);
  }

  answered(count: number, seconds: number): void {
    this.#duration.observe(0, seconds, count);
  }
}

/** What `Query.zone` is for the zone of this name, until the configuration changes. */
export function zoneNumber({ responses }: DnsMetricHandles, origin: string): number {
  return responses.seriesOf([origin], RCODES[0]!) / responses.strides[0]!;
}
