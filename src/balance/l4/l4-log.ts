/** The access log of TCP and UDP: a JSON line for each connection or session that has ended, or for one of so many. */
import type { DataPlaneConfig } from "#src/config/model.ts";
import type { LineQueue, LineWriter } from "#src/process/line-writer.ts";
import type { L4Record } from "./l4-record.ts";

/** Records that may wait for their line. */
const CAPACITY = 2048;

interface Waiting {
  record: L4Record | undefined;
  /** Milliseconds since 1970. */
  time: number;
}

export interface L4LogOptions {
  readonly writer: LineWriter;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
}

export class L4Log {
  readonly #queue: LineQueue<Waiting>;
  readonly #wall: () => number;
  /** Records from one logged to the next; 0: none is. */
  #every = 0;
  #left = 0;

  /** Off until it is configured. */
  constructor({ writer, wall }: L4LogOptions) {
    this.#wall = wall;
    this.#queue = writer.queue({
      capacity: CAPACITY,
      make: emptyWaiting,
      format: formatLine,
    });
  }

  /** In force from the next record on. */
  configure({ mode, sampleEvery }: DataPlaneConfig["accessLog"]): void {
    if (mode === "off") this.#every = 0;
    else this.#every = mode === "full" ? 1 : Math.max(1, sampleEvery);
    this.#left = this.#every;
  }

  /** Records that were to be logged and are not, because the log's reader is slower than the traffic. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  write(record: L4Record): void {
    if (this.#every === 0 || --this.#left > 0) return;
    this.#left = this.#every;
    const waiting = this.#queue.take();
    if (waiting === undefined) return;
    waiting.record = record;
    waiting.time = this.#wall();
  }
}

const emptyWaiting = (): Waiting => ({ record: undefined, time: 0 });

function formatLine(waiting: Waiting): string {
  const { record, time } = waiting;
  waiting.record = undefined;
  if (record === undefined) return "{}";
  return JSON.stringify({
    time: new Date(time).toISOString(),
    protocol: record.protocol,
    client: record.client.host,
    clientPort: record.client.port,
    listener: record.listener,
    route: record.route,
    backend: record.backend,
    endpoint: record.endpoint,
    bytesIn: record.receivedBytes,
    bytesOut: record.sentBytes,
    durationMs: Math.round(record.durationMs * 1000) / 1000,
    reason: record.reason,
  });
}
