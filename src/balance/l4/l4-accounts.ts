/** The observer of a data process: counts in its row, and hands records on to the access log. */
import type { MetricHandles } from "#src/metrics/declaration.ts";
import { type L4_METRICS, protoLabel } from "./l4-metrics.ts";
import type { L4Observer, L4Protocol, L4Reason, L4Record } from "./l4-record.ts";

export interface L4AccountsOptions {
  readonly metrics: MetricHandles<typeof L4_METRICS>;
  /** Called once for everything that has ended. */
  readonly onRecord: (record: L4Record) => void;
}

export class L4Accounts implements L4Observer {
  readonly #metrics: MetricHandles<typeof L4_METRICS>;
  readonly #onRecord: (record: L4Record) => void;
  readonly #in: number;
  readonly #out: number;

  constructor({ metrics, onRecord }: L4AccountsOptions) {
    this.#metrics = metrics;
    this.#onRecord = onRecord;
    this.#in = metrics.l4Bytes.seriesOf("in");
    this.#out = metrics.l4Bytes.seriesOf("out");
  }

  onStart(protocol: L4Protocol, listener: string): void {
    const { l4Connections, l4Active } = this.#metrics;
    const label = protoLabel(protocol);
    l4Connections.add(l4Connections.seriesOf([listener], label), 1);
    l4Active.add(l4Active.seriesOf(label), 1);
  }

  onBytes(receivedBytes: number, sentBytes: number): void {
    this.#metrics.l4Bytes.add(this.#in, receivedBytes);
    this.#metrics.l4Bytes.add(this.#out, sentBytes);
  }

  onEnd(record: L4Record): void {
    const { l4Active, l4Ended } = this.#metrics;
    const label = protoLabel(record.protocol);
    l4Active.add(l4Active.seriesOf(label), -1);
    l4Ended.add(l4Ended.seriesOf(label, record.reason), 1);
    this.#onRecord(record);
  }

  onDropped(reason: L4Reason): void {
    const { l4Dropped } = this.#metrics;
    l4Dropped.add(l4Dropped.seriesOf(reason), 1);
  }
}
