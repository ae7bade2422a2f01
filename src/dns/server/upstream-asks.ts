/**
 * Carries out the resolver's "ask" actions over real sockets. Every ask ends exactly once: with a response or without.
 * Sending again is the resolver's decision; here one ask is one question to one server.
 */
import { decodeResponse } from "#src/dns/resolver/decode.ts";
import type { AskedQuestion } from "#src/dns/resolver/decode.ts";
import type { Response } from "#src/dns/resolver/classify.ts";
import type { AskAction } from "#src/dns/resolver/recursive-answer.ts";
import { MAX_MESSAGE_BYTES, readUint16, writeUint16 } from "#src/dns/wire/header.ts";
import type { Address } from "#src/net/address.ts";
import { connectTcp } from "#src/reactor/connector.ts";
import { Slab } from "#src/reactor/slab.ts";
import { SocketAddress } from "#src/reactor/socket-address.ts";
import type { CloseReason, Stream, StreamHandler } from "#src/reactor/stream.ts";
import type { Tcp } from "#src/reactor/tcp.ts";
import { Deadline, type DeadlineOwner } from "#src/reactor/timer-wheel.ts";
import { UdpClient, type UdpClientHandler } from "#src/reactor/udp-client.ts";
import { parseServerAddress } from "./server-address.ts";
import { QUESTION_BYTES, QuestionWriter } from "./upstream-question.ts";

/** Why an ask ended without a response. */
export type AskFailure = "timeout" | "refused" | "unreachable" | "forged" | "forbidden" | "overloaded" | "badInput";

export interface UpstreamAsksOptions {
  readonly tcp: Tcp;
  /** The ask's outcome; called inside a batch, never before `ask` has returned. */
  readonly settle: (action: AskAction, outcome: Response | AskFailure) => void;
  /** Whether a server that zones name may be asked: not this host's own services. */
  readonly isAskable: (action: AskAction, address: Address) => boolean;
  /** Sockets open at a time. Default 1000. */
  readonly maxInFlight?: number;
  /** Asks that wait for one; more fail. Default 4000. */
  readonly maxQueued?: number;
}

const PREFIX_BYTES = 2;
/** Datagrams that do not answer the question, from its server's address: somebody guesses. */
const MAX_FORGED = 16;
/**
 * The right id, but not the question's letter case: a server that does not keep it, or somebody who guesses well. As if
 * the answer were truncated, the resolver asks again by TCP, where there is no guessing.
 */
const ASK_BY_TCP: Response = {
  rcode: 0,
  authoritative: false,
  truncated: true,
  answer: [],
  authority: [],
  additional: [],
};
/** A connection has a handshake before its question, and a lost SYN is sent again only after a second. */
const TCP_TIMEOUT_FACTOR = 2;
const MIN_TCP_TIMEOUT_MS = 1_500;

interface Queued {
  readonly action: AskAction;
  readonly expiresAt: number;
}

/** An ask that has a socket. */
interface Flight {
  abandon(): void;
}

export class UpstreamAsks implements Disposable {
  readonly tcp: Tcp;
  /** Where datagrams arrive, and where questions are written before they are sent: used within one call only. */
  readonly input = new Slab(MAX_MESSAGE_BYTES);
  readonly output = new Slab(PREFIX_BYTES + QUESTION_BYTES);
  readonly writer = new QuestionWriter();
  readonly #options: UpstreamAsksOptions;
  readonly #maxInFlight: number;
  readonly #maxQueued: number;
  readonly #flights = new Set<Flight>();
  readonly #queue = new Set<Queued>();

  constructor(options: UpstreamAsksOptions) {
    this.tcp = options.tcp;
    this.#options = options;
    this.#maxInFlight = options.maxInFlight ?? 1_000;
    this.#maxQueued = options.maxQueued ?? 4_000;
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  get queued(): number {
    return this.#queue.size;
  }

  ask(action: AskAction): void {
    if (this.#flights.size < this.#maxInFlight) this.#start(action);
    else if (this.#queue.size >= this.#maxQueued) this.#failLater(action, "overloaded");
    else this.#queue.add({ action, expiresAt: this.tcp.poller.now + action.timeoutMs });
  }

  /** Ends a flight: its socket is closed already. */
  landed(flight: Flight, action: AskAction, outcome: Response | AskFailure): void {
    this.#flights.delete(flight);
    this.#options.settle(action, outcome);
    this.#startQueued();
  }

  /** Gives up all asks, whose outcomes nobody waits for any more. */
  [Symbol.dispose](): void {
    this.#queue.clear();
    for (const flight of this.#flights) flight.abandon();
    this.#flights.clear();
  }

  #startQueued(): void {
    for (const queued of this.#queue) {
      if (this.#flights.size >= this.#maxInFlight) return;
      this.#queue.delete(queued);
      if (queued.expiresAt <= this.tcp.poller.now) this.#failLater(queued.action, "timeout");
      else this.#start(queued.action);
    }
  }

  #start(action: AskAction): void {
    const address = parseServerAddress(action.server);
    if (address === undefined || !this.#options.isAskable(action, address)) return this.#failLater(action, "forbidden");
    const flight = action.transport === "udp" ? new UdpFlight(this, action) : new TcpFlight(this, action);
    const fault = flight.start(address);
    if (fault === undefined) this.#flights.add(flight);
    else this.#failLater(action, fault);
  }

  #failLater(action: AskAction, failure: AskFailure): void {
    this.tcp.poller.defer(() => this.#options.settle(action, failure));
  }
}

class UdpFlight implements Flight, UdpClientHandler, DeadlineOwner {
  readonly #asks: UpstreamAsks;
  readonly #action: AskAction;
  readonly #deadline = new Deadline(this);
  #asked: AskedQuestion | undefined;
  #client: UdpClient | undefined;
  #forged = 0;

  constructor(asks: UpstreamAsks, action: AskAction) {
    this.#asks = asks;
    this.#action = action;
  }

  /** Undefined when the question has left. A socket of its own gives it a source port of its own (RFC 5452 section 9.2). */
  start(address: Address): AskFailure | undefined {
    const { tcp, input, output, writer } = this.#asks;
    const client = UdpClient.open(tcp.poller, input, new SocketAddress(address.host, address.port), this);
    if (typeof client === "number") return "unreachable";
    this.#asked = writer.write(this.#action, output.bytes, 0);
    if (client.send(output, 0, writer.length) < 0) {
      client[Symbol.dispose]();
      return "unreachable";
    }
    this.#client = client;
    tcp.poller.deadlines.arm(this.#deadline, 0, this.#action.timeoutMs);
    return undefined;
  }

  onDatagram(_client: UdpClient, slab: Slab, start: number, length: number): void {
    const response = decodeResponse(slab.bytes, start, start + length, this.#asked!);
    if (typeof response !== "string") this.#land(response);
    else if (response === "wrongQuestion") this.#land(ASK_BY_TCP);
    else if (++this.#forged === MAX_FORGED) this.#land("forged");
  }

  onError(_client: UdpClient, reason: "refused" | "unreachable"): void {
    this.#land(reason);
  }

  onDue(): void {
    this.#land("timeout");
  }

  abandon(): void {
    this.#asks.tcp.poller.deadlines.remove(this.#deadline);
    this.#client?.[Symbol.dispose]();
  }

  #land(outcome: Response | AskFailure): void {
    this.abandon();
    this.#asks.landed(this, this.#action, outcome);
  }
}

class TcpFlight implements Flight, StreamHandler, DeadlineOwner {
  readonly #asks: UpstreamAsks;
  readonly #action: AskAction;
  readonly #deadline = new Deadline(this);
  #asked: AskedQuestion | undefined;
  #stream: Stream | undefined;
  #isDone = false;

  constructor(asks: UpstreamAsks, action: AskAction) {
    this.#asks = asks;
    this.#action = action;
  }

  start(address: Address): AskFailure | undefined {
    const { tcp, output, writer } = this.#asks;
    const stream = connectTcp(tcp, { address, timeoutMs: 0 }, this);
    if (typeof stream === "string") return "unreachable";
    this.#stream = stream;
    this.#asked = writer.write(this.#action, output.bytes, PREFIX_BYTES);
    writeUint16(output.bytes, 0, writer.length);
    stream.send(output, 0, PREFIX_BYTES + writer.length);
    const timeoutMs = Math.max(TCP_TIMEOUT_FACTOR * this.#action.timeoutMs, MIN_TCP_TIMEOUT_MS);
    tcp.poller.deadlines.arm(this.#deadline, 0, timeoutMs);
    return undefined;
  }

  onOpen(): void {}

  onData(stream: Stream, slab: Slab, start: number, end: number): number {
    if (this.#isDone) return end - start;
    if (end - start < PREFIX_BYTES) return 0;
    const from = start + PREFIX_BYTES;
    const to = from + readUint16(slab.bytes, start);
    if (to > end) return 0;
    const response = decodeResponse(slab.bytes, from, to, this.#asked!);
    this.#land(typeof response === "string" ? "badInput" : response);
    stream.close("done");
    return end - start;
  }

  onEnd(stream: Stream): void {
    stream.close("peerClosed");
  }

  onDrain(): void {}

  onDeadline(): void {}

  onClose(_stream: Stream, reason: CloseReason): void {
    this.#land(reason === "refused" || reason === "timeout" ? reason : "unreachable");
  }

  onDue(): void {
    this.#stream?.abort("timeout");
    this.#land("timeout");
  }

  abandon(): void {
    this.#isDone = true;
    this.#asks.tcp.poller.deadlines.remove(this.#deadline);
    this.#stream?.abort("shutdown");
  }

  #land(outcome: Response | AskFailure): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#asks.tcp.poller.deadlines.remove(this.#deadline);
    this.#asks.landed(this, this.#action, outcome);
  }
}
