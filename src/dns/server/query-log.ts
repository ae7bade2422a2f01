/**
 * The query log: JSON lines, made off the hot path. Queries are kept in a ring of fixed size; the text is made after the
 * batch. When writing falls behind, queries are left out and counted.
 */
import type { Query } from "#src/dns/wire/query.ts";
import { rcodeName } from "#src/dns/wire/rcode.ts";
import { MAX_NAME_BYTES } from "#src/dns/wire/name.ts";
import { formatName } from "#src/dns/wire/name-text.ts";
import type { Reply, Transport } from "#src/dns/wire/reply.ts";
import { className, typeName } from "#src/dns/wire/type.ts";
import type { Address } from "#src/net/address.ts";

export interface QueryLogOptions {
  /** Every n-th answer is logged; 1 logs all. */
  readonly sampleEvery: number;
  /** Answers kept until they are written. Default 4096. */
  readonly capacity?: number;
  /** Takes whole lines, each with its newline. */
  readonly write: (lines: string) => void;
  /** Runs the task after the batch. */
  readonly defer: (task: () => void) => void;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

const DEFAULT_CAPACITY = 4096;

interface Entry {
  time: number;
  transport: Transport;
  client: Address | undefined;
  type: number;
  class: number;
  rcode: number;
  queryBytes: number;
  replyBytes: number;
}

export class QueryLog {
  /** Answers that should have been logged but found the ring full. */
  dropped = 0;
  readonly #options: QueryLogOptions;
  readonly #entries: Entry[];
  readonly #names: Uint8Array;
  #countdown: number;
  #count = 0;
  readonly #flush = (): void => this.flush();

  constructor(options: QueryLogOptions) {
    this.#options = options;
    this.#countdown = options.sampleEvery;
    this.#entries = Array.from({ length: options.capacity ?? DEFAULT_CAPACITY }, () => ({
      time: 0,
      transport: "udp",
      client: undefined,
      type: 0,
      class: 0,
      rcode: 0,
      queryBytes: 0,
      replyBytes: 0,
    }));
    this.#names = new Uint8Array(this.#entries.length * MAX_NAME_BYTES);
  }

  /** Takes note of an answer of `length` bytes. */
  record(query: Query, reply: Pick<Reply, "bytes" | "start" | "transport" | "client">, length: number): void {
    if (--this.#countdown > 0) return;
    this.#countdown = this.#options.sampleEvery;
    if (this.#count === this.#entries.length) {
      this.dropped++;
      return;
    }
    const entry = this.#entries[this.#count]!;
    const hasQuestion = query.questionEnd !== 0;
    entry.time = this.#options.clock();
    entry.transport = reply.transport;
    entry.client = reply.client;
    entry.type = hasQuestion ? query.type : 0;
    entry.class = hasQuestion ? query.class : 0;
    entry.rcode = reply.bytes[reply.start + 3]! & 0xf;
    entry.queryBytes = query.end - query.start;
    entry.replyBytes = length;
    const at = this.#count * MAX_NAME_BYTES;
    const nameLength = hasQuestion ? query.nameEnd - query.nameStart : 0;
    this.#names[at] = 0;
    for (let index = 0; index < nameLength; index++) this.#names[at + index] = query.bytes[query.nameStart + index]!;
    this.#count++;
    if (this.#count === 1) this.#options.defer(this.#flush);
  }

  /** Writes what has been kept. */
  flush(): void {
    let lines = "";
    for (let index = 0; index < this.#count; index++)
      lines += this.#line(this.#entries[index]!, index * MAX_NAME_BYTES);
    this.#count = 0;
    if (lines !== "") this.#options.write(lines);
  }

  #line(entry: Entry, name: number): string {
    const line = {
      time: new Date(entry.time).toISOString(),
      event: "dnsQuery",
      transport: entry.transport,
      client: entry.client?.host,
      port: entry.client?.port,
      name: formatName(this.#names, name),
      class: className(entry.class),
      type: typeName(entry.type),
      rcode: rcodeName(entry.rcode),
      queryBytes: entry.queryBytes,
      replyBytes: entry.replyBytes,
    };
    return `${JSON.stringify(line)}\n`;
  }
}
