/**
 * DNS over TCP and TLS (RFC 7766, RFC 7858): messages with a length in front, many at a time, answered in whatever order
 * they are ready. One connection object serves both, since a Stream hides which it is.
 */
import { readUint16, writeUint16, MAX_MESSAGE_BYTES } from "#src/dns/wire/header.ts";
import type { Query } from "#src/dns/wire/query.ts";
import type { Reply, Ticket, Transport } from "#src/dns/wire/reply.ts";
import type { Address } from "#src/net/address.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { Stream, StreamHandler } from "#src/reactor/stream.ts";
import type { Responder } from "./responder.ts";

export interface StreamServiceOptions {
  /** Milliseconds of the poller's clock. */
  readonly clock: () => number;
  /** Without a query, and with nothing owed. Default 30 s (RFC 7766 section 6.2.3 asks for seconds). */
  readonly idleMs?: number;
  /** From a message's first byte to its last. Default 5 s. */
  readonly messageMs?: number;
  /** For the client to read what was sent. Default 10 s. */
  readonly writeMs?: number;
  /** Answers owed to one connection; it is not read meanwhile. Default 100. */
  readonly maxPipelined?: number;
  /** Answers owed to all connections, each with 64 KiB to be written in. Default 512. */
  readonly maxTickets?: number;
}

const PREFIX_BYTES = 2;
/** Answers are gathered and sent by one call; one more must always fit. */
const OUTPUT_BYTES = 2 * (PREFIX_BYTES + MAX_MESSAGE_BYTES);

const DEADLINE = { idle: 1, message: 2, write: 3 } as const;
type DeadlineKind = (typeof DEADLINE)[keyof typeof DEADLINE];

export class StreamService {
  readonly responder: Responder;
  readonly clock: () => number;
  readonly maxPipelined: number;
  /** Where answers are written before they are sent; used within one call only. */
  readonly output: Slab = new Slab(OUTPUT_BYTES);
  readonly #milliseconds: Readonly<Record<DeadlineKind, number>>;
  readonly #maxTickets: number;
  readonly #free: Slab[] = [];
  readonly #open = new Set<DnsConnection>();
  #made = 0;

  constructor(responder: Responder, options: StreamServiceOptions) {
    this.responder = responder;
    this.clock = options.clock;
    this.maxPipelined = options.maxPipelined ?? 100;
    this.#maxTickets = options.maxTickets ?? 512;
    this.#milliseconds = {
      [DEADLINE.idle]: options.idleMs ?? 30_000,
      [DEADLINE.message]: options.messageMs ?? 5_000,
      [DEADLINE.write]: options.writeMs ?? 10_000,
    };
  }

  /** The handler of an accepted TCP stream. */
  acceptTcp(stream: Stream): StreamHandler {
    const connection = new DnsConnection(this, "tcp");
    connection.onOpen(stream);
    return connection;
  }

  /** The handler of a TLS stream whose handshake has yet to be done. */
  acceptTls(): StreamHandler {
    return new DnsConnection(this, "tls");
  }

  /** Connections that are open, handshakes not counted. */
  get connections(): number {
    return this.#open.size;
  }

  /** Ends every connection as soon as nothing is owed to it; called inside a batch. */
  end(): void {
    for (const connection of this.#open) connection.onEnd();
  }

  opened(connection: DnsConnection): void {
    this.#open.add(connection);
  }

  gone(connection: DnsConnection): void {
    this.#open.delete(connection);
  }

  deadlineMs(kind: DeadlineKind): number {
    return this.#milliseconds[kind];
  }

  /** Memory for an answer that comes later, or undefined when too many are owed. */
  takeSlab(): Slab | undefined {
    const slab = this.#free.pop();
    if (slab !== undefined || this.#made === this.#maxTickets) return slab;
    this.#made++;
    return new Slab(PREFIX_BYTES + MAX_MESSAGE_BYTES);
  }

  giveSlab(slab: Slab): void {
    this.#free.push(slab);
  }
}

class DnsConnection implements StreamHandler, Reply {
  readonly bytes: Uint8Array;
  readonly max: number = MAX_MESSAGE_BYTES;
  readonly transport: Transport;
  start = 0;
  #readAt = 0;
  readonly #service: StreamService;
  #stream: Stream | undefined;
  /** Answers owed. */
  #pending = 0;
  #isBlocked = false;
  #isEnding = false;
  #deadline: DeadlineKind | 0 = 0;

  constructor(service: StreamService, transport: Transport) {
    this.#service = service;
    this.transport = transport;
    this.bytes = service.output.bytes;
  }

  get client(): Address {
    return this.#stream!.peer;
  }

  onOpen(stream: Stream): void {
    this.#stream = stream;
    this.#service.opened(this);
    this.#arm(DEADLINE.idle);
  }

  onData(stream: Stream, slab: Slab, start: number, end: number): number {
    this.#stream = stream;
    const service = this.#service;
    const family = stream.peer.family;
    const now = service.clock();
    this.#readAt = service.responder.readAt();
    let answered = 0;
    let at = start;
    let used = 0;
    while (!this.#isFull() && end - at >= PREFIX_BYTES) {
      const from = at + PREFIX_BYTES;
      const to = from + readUint16(slab.bytes, at);
      if (to > end) break;
      this.start = used + PREFIX_BYTES;
      const length = service.responder.respond(slab.bytes, from, to, this, family, now);
      if (length < 0) {
        stream.close("badInput");
        return end - start;
      }
      at = to;
      if (length === 0) continue;
      answered++;
      writeUint16(this.bytes, used, length);
      used += PREFIX_BYTES + length;
      if (used > MAX_MESSAGE_BYTES) used = this.#send(used);
    }
    if (used > 0) this.#send(used);
    service.responder.handedOver(answered, this.#readAt);
    this.#settle(end > at);
    return at - start;
  }

  onEnd(): void {
    this.#isEnding = true;
    this.#settle(false);
  }

  onDrain(): void {
    this.#isBlocked = false;
    this.#deadline = 0;
    this.#settle(false);
    this.#stream!.resumeReading();
  }

  onDeadline(stream: Stream, kind: number): void {
    // Who does not read is cut off; whoever is silent is told by FIN.
    if (kind === DEADLINE.write) stream.abort("timeout");
    else stream.close("timeout");
  }

  onClose(): void {
    this.#stream = undefined;
    this.#service.gone(this);
  }

  later(): Ticket | undefined {
    const slab = this.#service.takeSlab();
    if (slab === undefined) return undefined;
    this.#pending++;
    return new StreamTicket(this.#service, this, slab, this.#readAt);
  }

  /** An answer of `length` bytes, its prefix in front, is in `slab`. */
  sendLater(slab: Slab, length: number): void {
    const stream = this.#stream;
    if (stream !== undefined && !stream.closed && !stream.send(slab, 0, length)) this.#block(stream);
  }

  /** One answer less is owed. */
  settleLater(): void {
    const wasFull = this.#isFull();
    this.#pending--;
    if (this.#stream === undefined || this.#stream.closed) return;
    this.#settle(this.#deadline === DEADLINE.message);
    if (wasFull && !this.#isFull()) this.#stream.resumeReading();
  }

  #isFull(): boolean {
    return this.#isBlocked || this.#pending >= this.#service.maxPipelined;
  }

  #send(used: number): number {
    const stream = this.#stream!;
    if (!stream.send(this.#service.output, 0, used)) this.#block(stream);
    return 0;
  }

  /** The client does not read: nothing more is read from it. */
  #block(stream: Stream): void {
    this.#isBlocked = true;
    stream.pauseReading();
    this.#arm(DEADLINE.write);
  }

  /** Chooses what the connection waits for now. */
  #settle(isPartial: boolean): void {
    const stream = this.#stream;
    if (stream === undefined || this.#isBlocked) return;
    if (this.#isEnding && this.#pending === 0) stream.close("done");
    else if (this.#pending > 0) {
      if (this.#isFull()) stream.pauseReading();
      this.#disarm();
    } else if (!isPartial) this.#arm(DEADLINE.idle);
    // Not armed again by every byte: the whole message has one deadline.
    else if (this.#deadline !== DEADLINE.message) this.#arm(DEADLINE.message);
  }

  #arm(kind: DeadlineKind): void {
    this.#deadline = kind;
    this.#stream!.deadline(kind, this.#service.deadlineMs(kind));
  }

  #disarm(): void {
    this.#deadline = 0;
    this.#stream!.deadline(0, 0);
  }
}

class StreamTicket implements Ticket {
  readonly query: Query;
  readonly bytes: Uint8Array;
  readonly start: number = PREFIX_BYTES;
  readonly max: number = MAX_MESSAGE_BYTES;
  readonly transport: Transport;
  readonly client: Address;
  readonly #service: StreamService;
  readonly #connection: DnsConnection;
  readonly #slab: Slab;
  readonly #readAt: number;
  #isDone = false;

  constructor(service: StreamService, connection: DnsConnection, slab: Slab, readAt: number) {
    this.query = service.responder.copy(service.responder.query);
    this.bytes = slab.bytes;
    this.transport = connection.transport;
    this.client = connection.client;
    this.#service = service;
    this.#connection = connection;
    this.#slab = slab;
    this.#readAt = readAt;
  }

  send(length: number): void {
    if (this.#isDone) return;
    this.#service.responder.finish(this.query, this, length);
    writeUint16(this.bytes, 0, length);
    this.#connection.sendLater(this.#slab, PREFIX_BYTES + length);
    this.#service.responder.handedOver(1, this.#readAt);
    this.drop();
  }

  drop(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#service.giveSlab(this.#slab);
    this.#connection.settleLater();
  }
}
