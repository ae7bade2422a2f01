/** DNS over UDP: each slot of a batch is answered in place. */
import type { Query } from "#src/dns/wire/query.ts";
import type { Reply, Ticket, Transport } from "#src/dns/wire/reply.ts";
import { EDNS_UDP_SIZE } from "#src/dns/wire/reply-writer.ts";
import type { Address } from "#src/net/address.ts";
import { Datagrams } from "#src/reactor/datagrams.ts";
import type { DatagramTicket } from "#src/reactor/datagram-ticket.ts";
import type { Poller } from "#src/reactor/poller.ts";
import type { Responder } from "./responder.ts";

export interface UdpServiceOptions {
  readonly host: string;
  /** 0 takes a free one: see `bound` of what is returned. */
  readonly port: number;
  /** Largest answer, whatever the client says it takes. Default 1232 bytes. */
  readonly maxAnswerBytes?: number;
}

/** Larger queries than this are cut, and then FORMERR. */
const INPUT_BYTES = 2048;

/** Serves one address. Throws "Cannot listen on ...: reason". */
export function listenUdp(poller: Poller, responder: Responder, options: UdpServiceOptions): Datagrams {
  const max = options.maxAnswerBytes ?? EDNS_UDP_SIZE;
  const reply = new UdpReply(responder, max);
  return new Datagrams(poller, {
    host: options.host,
    port: options.port,
    inputBytes: INPUT_BYTES,
    // An error reply with the longest name has 282 bytes.
    outputBytes: Math.max(max, 512),
    onBatch: (batch) => answerBatch(batch, responder, reply, poller.now),
  });
}

function answerBatch(batch: Datagrams, responder: Responder, reply: UdpReply, now: number): void {
  const family = batch.bound.family;
  const input = batch.input.bytes;
  reply.datagrams = batch;
  reply.bytes = batch.output.bytes;
  reply.readAt = responder.readAt();
  let answered = 0;
  for (let index = 0; index < batch.count; index++) {
    reply.index = index;
    reply.start = batch.outputStart(index);
    const start = batch.inputStart(index);
    const length = responder.respond(input, start, start + batch.inputLength(index), reply, family, now);
    if (length <= 0) continue;
    batch.reply(index, length);
    answered++;
  }
  // All of them leave together when this returns.
  responder.handedOver(answered, reply.readAt);
}

class UdpReply implements Reply {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  index = 0;
  readAt = 0;
  datagrams: Datagrams | undefined;
  readonly max: number;
  readonly transport: Transport = "udp";
  readonly #responder: Responder;

  constructor(responder: Responder, max: number) {
    this.#responder = responder;
    this.max = max;
  }

  get client(): Address {
    return this.datagrams!.client(this.index);
  }

  later(): Ticket | undefined {
    const way = this.datagrams!.later(this.index);
    if (way === undefined) return undefined;
    return new UdpTicket(this.#responder, way, this.max, this.readAt);
  }
}

class UdpTicket implements Ticket {
  readonly query: Query;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly max: number;
  readonly transport: Transport = "udp";
  readonly #responder: Responder;
  readonly #way: DatagramTicket;
  readonly #readAt: number;

  constructor(responder: Responder, way: DatagramTicket, max: number, readAt: number) {
    this.query = responder.copy(responder.query);
    this.bytes = way.slab.bytes;
    this.start = way.start;
    this.max = max;
    this.#responder = responder;
    this.#way = way;
    this.#readAt = readAt;
  }

  get client(): Address {
    return this.#way.client;
  }

  send(length: number): void {
    this.#responder.finish(this.query, this, length);
    this.#way.send(length);
    this.#responder.handedOver(1, this.#readAt);
  }

  drop(): void {
    this.#way.drop();
  }
}
