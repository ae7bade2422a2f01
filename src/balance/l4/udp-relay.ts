/** One UDP socket of a listener and the sessions of its clients. */
import type { Address } from "#src/net/address.ts";
import { Datagrams } from "#src/reactor/datagrams.ts";
import type { Poller } from "#src/reactor/poller.ts";
import type { Slab } from "#src/reactor/slab.ts";
import { SocketAddress } from "#src/reactor/socket-address.ts";
import { Deadline, type DeadlineOwner } from "#src/reactor/timer-wheel.ts";
import { UdpClient, type UdpClientHandler } from "#src/reactor/udp-client.ts";
import type { L4Place, L4Services } from "./l4-place.ts";
import type { L4Reason } from "./l4-record.ts";
import { hashName, SessionTable } from "./session-table.ts";
import { type UdpLink, UdpSession, type UdpSessionHolder } from "./udp-session.ts";

/** The largest datagram there is, with room to spare. */
export const DATAGRAM_BYTES = 65_536;

export interface UdpRelayOptions extends L4Services {
  readonly poller: Poller;
  /** Where endpoints' datagrams arrive, shared by all relays of a process: DATAGRAM_BYTES. */
  readonly input: Slab;
  readonly host: string;
  readonly port: number;
  readonly maxSessions: number;
}

export class UdpRelay implements UdpSessionHolder, DeadlineOwner, Disposable {
  readonly #options: UdpRelayOptions;
  readonly #place: L4Place;
  readonly #socket: Datagrams;
  readonly #sessions: SessionTable<UdpSession>;
  readonly #idle = new Deadline(this);
  readonly #isWildcard: boolean;

  /** Throws "Cannot listen on ...: reason". */
  constructor(place: L4Place, options: UdpRelayOptions) {
    this.#options = options;
    this.#place = place;
    this.#sessions = new SessionTable(options.maxSessions);
    this.#isWildcard = options.host === "0.0.0.0" || options.host === "::";
    this.#socket = new Datagrams(options.poller, {
      host: options.host,
      port: options.port,
      inputBytes: DATAGRAM_BYTES,
      outputBytes: 1,
      maxTickets: 0,
      onBatch: (batch) => this.#onBatch(batch),
    });
  }

  get bound(): Address {
    return this.#socket.bound;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  openLink({ host, port }: Address, handler: UdpClientHandler): UdpLink | number {
    return UdpClient.open(this.#options.poller, this.#options.input, new SocketAddress(host, port), handler);
  }

  onReply(session: UdpSession, slab: Slab, start: number, length: number): void {
    this.#sessions.touch(session, this.#options.clock.now);
    const sent = this.#socket.sendTo(session.path, slab, start, length);
    if (sent <= 0) return;
    session.sentBytes += sent;
    this.#options.observer.onBytes(0, sent);
  }

  /** Ends the sessions whose time is over, and waits for the next one's. */
  onDue(): void {
    const { clock, limits } = this.#options;
    const { now } = clock;
    for (let oldest = this.#sessions.oldest; oldest !== undefined; oldest = this.#sessions.oldest) {
      const leftMs = oldest.usedAt + limits.udpIdleMs - now;
      if (leftMs > 0) return this.#options.poller.deadlines.arm(this.#idle, 0, leftMs);
      this.#end(oldest, "idle");
    }
  }

  [Symbol.dispose](): void {
    this.#options.poller.deadlines.remove(this.#idle);
    for (let oldest = this.#sessions.oldest; oldest !== undefined; oldest = this.#sessions.oldest) {
      this.#end(oldest, "shutdown");
    }
    this.#socket[Symbol.dispose]();
  }

  #onBatch(batch: Datagrams): void {
    const { now } = this.#options.clock;
    let received = 0;
    for (let index = 0; index < batch.count; index++) {
      const at = batch.nameStart(index);
      const { bytes } = batch.names;
      const hash = hashName(bytes, at, batch.nameBytes);
      const known = this.#sessions.find(hash, bytes, at);
      const session = known ?? this.#open(batch, index, hash, now);
      if (session === undefined) continue;
      if (known !== undefined) this.#sessions.touch(known, now);
      if (known === undefined || this.#isWildcard) batch.keepPath(index, session.path);
      const length = batch.inputLength(index);
      session.forward(batch.input, batch.inputStart(index), length, now);
      received += length;
    }
    if (received > 0) this.#options.observer.onBytes(received, 0);
  }

  #open(batch: Datagrams, index: number, hash: number, now: number): UdpSession | undefined {
    const { limits, maxSessions, observer, poller } = this.#options;
    const { listener, route } = this.#place;
    const pool = route?.pick(hash);
    if (route === undefined || pool === undefined) return this.#drop("noBackend");
    const at = batch.nameStart(index);
    const name = batch.names.bytes.slice(at, at + batch.nameBytes);
    const session = new UdpSession(this, { address: batch.client(index), name, hash }, route.id, pool, now);
    const outcome = session.connect();
    if (outcome !== "open") return this.#drop(outcome);
    const { oldest } = this.#sessions;
    if (oldest !== undefined && this.#sessions.size >= maxSessions) this.#end(oldest, "evicted");
    if (this.#sessions.size === 0 && limits.udpIdleMs > 0) poller.deadlines.arm(this.#idle, 0, limits.udpIdleMs);
    this.#sessions.add(session);
    observer.onStart("UDP", listener);
    return session;
  }

  #drop(reason: L4Reason): undefined {
    this.#options.observer.onDropped(reason);
    return undefined;
  }

  #end(session: UdpSession, reason: L4Reason): void {
    this.#sessions.remove(session);
    session[Symbol.dispose]();
    this.#options.observer.onEnd({
      protocol: "UDP",
      listener: this.#place.listener,
      route: session.route,
      client: session.client,
      backend: session.pool.config.id,
      endpoint: session.endpoint,
      receivedBytes: session.receivedBytes,
      sentBytes: session.sentBytes,
      durationMs: this.#options.clock.now - session.startedAt,
      reason,
    });
  }
}
