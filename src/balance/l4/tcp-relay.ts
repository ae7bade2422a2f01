/**
 * One TCP connection through the balancer: client, endpoint, and the bytes between them. What arrives is sent on straight
 * from the receive slab; a direction that turns out to be bulk is handed to the kernel (splice). Each side may end
 * its half alone. Nothing is read from the client before an endpoint has accepted, so a refused one costs nothing but time.
 */
import type { Address } from "#src/net/address.ts";
import type { Slab } from "#src/reactor/slab.ts";
import type { CloseReason, Stream, StreamHandler } from "#src/reactor/stream.ts";
import type { Endpoint } from "../endpoint.ts";
import type { BackendPool } from "../pool.ts";
import type { L4Place, L4Services } from "./l4-place.ts";
import type { L4Reason } from "./l4-record.ts";

/** A Stream that counts, as TcpStream does, spliced bytes included. */
export interface RelayStream extends Stream {
  readonly receivedBytes: number;
  /** Has the kernel look for a silent peer. */
  keepalive(): void;
}

/** Starts a connection: as connectTcp, with a reason when nothing was started. */
export type Dial = (address: Address, timeoutMs: number, handler: StreamHandler) => RelayStream | CloseReason;

export interface RelayServices extends L4Services {
  readonly dial: Dial;
  /** Relays that live, so that a stop finds them. */
  readonly relays: Set<TcpRelay>;
}

/** Endpoints tried for one connection. */
const MAX_TRIES = 3;
/** Two reads in a row of at least this size make a direction bulk. */
const BULK_BYTES = 32 * 1024;
const BULK_READS = 2;
/** A connection is looked at this often, or four times per idle timeout if that is more often. */
const CHECK_MS = 5_000;
const CHECK = 1;

const NOBODY: readonly Endpoint[] = [];

export class TcpRelay implements StreamHandler {
  readonly #client: RelayStream;
  readonly #place: L4Place;
  readonly #services: RelayServices;
  readonly #startedAt: number;
  #route = "";
  #pool: BackendPool | undefined;
  #endpoint: Endpoint | undefined;
  #upstream: RelayStream | undefined;
  #tried: readonly Endpoint[] = NOBODY;
  #isOpen = false;
  #openStreams = 1;
  #reason: L4Reason | undefined;
  /** The kernel looks for a silent endpoint. */
  #isKept = false;
  #clientEnded = false;
  #upstreamEnded = false;
  /** Full reads in a row from each side. */
  #clientBulk = 0;
  #upstreamBulk = 0;
  #reportedIn = 0;
  #reportedOut = 0;
  #checkMs = 0;
  #idleMs = 0;
  #quietMs = 0;

  /** Takes an accepted stream over; the caller makes this its handler. */
  constructor(client: RelayStream, place: L4Place, services: RelayServices) {
    this.#client = client;
    this.#place = place;
    this.#services = services;
    this.#startedAt = services.clock.now;
    services.relays.add(this);
    services.observer.onStart("TCP", place.listener);
    client.handler = this;
    client.pauseReading();
    const { route } = place;
    this.#route = route?.id ?? "";
    this.#pool = route?.pick(0);
    if (this.#pool === undefined) this.#giveUp("noBackend", "unreachable");
    else this.#connect(this.#pool);
  }

  /** Ends both sides at once. */
  abort(): void {
    this.#giveUp("shutdown", "shutdown");
  }

  onOpen(): void {
    this.#isOpen = true;
    this.#pool!.succeeded(this.#endpoint!);
    this.#tried = NOBODY;
    this.#idleMs = this.#services.limits.tcpIdleMs;
    this.#checkMs = Math.min(CHECK_MS, this.#idleMs > 0 ? this.#idleMs / 4 : CHECK_MS);
    this.#client.deadline(CHECK, this.#checkMs);
    this.#client.resumeReading();
  }

  onData(from: Stream, slab: Slab, start: number, end: number): number {
    const length = end - start;
    const isClient = from === this.#client;
    const to = isClient ? this.#upstream! : this.#client;
    const sent = to.send(slab, start, length);
    const full = length >= BULK_BYTES ? (isClient ? this.#clientBulk : this.#upstreamBulk) + 1 : 0;
    if (isClient) this.#clientBulk = full;
    else this.#upstreamBulk = full;
    if (!sent) from.pauseReading();
    else if (full >= BULK_READS) from.spliceTo(to);
    return length;
  }

  onDrain(to: Stream): void {
    const isUpstream = to === this.#upstream;
    const from = isUpstream ? this.#client : this.#upstream;
    if (from === undefined || from.closed) return;
    // A bulk direction always finds its queue full; the moment when it has become empty is when it can be spliced.
    if ((isUpstream ? this.#clientBulk : this.#upstreamBulk) >= BULK_READS) from.spliceTo(to);
    from.resumeReading();
  }

  onEnd(from: Stream): void {
    if (from === this.#client) {
      this.#clientEnded = true;
      this.#upstream?.endWriting();
    } else {
      this.#upstreamEnded = true;
      this.#client.endWriting();
    }
  }

  onDeadline(): void {
    // Short connections, which are most, need none.
    if (!this.#isKept) this.#upstream?.keepalive();
    this.#isKept = true;
    this.#quietMs = this.#report() ? 0 : this.#quietMs + this.#checkMs;
    if (this.#idleMs > 0 && this.#quietMs >= this.#idleMs) this.#giveUp("idle", "timeout");
    else this.#client.deadline(CHECK, this.#checkMs);
  }

  onClose(stream: Stream, reason: CloseReason): void {
    const isClient = stream === this.#client;
    this.#openStreams--;
    if (!isClient && !this.#isOpen && this.#reason === undefined) return this.#onRefused(reason);
    if (this.#reason === undefined) {
      this.#reason = relayReason(isClient, reason);
      this.#closeOther(isClient, reason);
    } else if (this.#reason === "done") this.#reason = relayReason(isClient, reason);
    if (this.#openStreams === 0) this.#finish();
  }

  #connect(pool: BackendPool): void {
    const { dial, limits } = this.#services;
    while (this.#tried.length < MAX_TRIES) {
      const endpoint = pool.pick(0, this.#tried);
      if (endpoint === undefined) break;
      const stream = dial(endpoint.address, limits.connectMs, this);
      if (typeof stream !== "string") {
        this.#endpoint = endpoint;
        this.#upstream = stream;
        this.#openStreams++;
        endpoint.inFlight++;
        return;
      }
      if (stream === "overloaded") return this.#giveUp("overloaded", "overloaded");
      this.#blame(pool, endpoint);
    }
    this.#giveUp(this.#tried.length === 0 ? "noBackend" : "connectFailed", "unreachable");
  }

  #onRefused(reason: CloseReason): void {
    const pool = this.#pool!;
    const endpoint = this.#endpoint!;
    endpoint.inFlight--;
    this.#endpoint = undefined;
    this.#upstream = undefined;
    if (reason === "overloaded") return this.#giveUp("overloaded", "overloaded");
    this.#blame(pool, endpoint);
    this.#connect(pool);
  }

  #blame(pool: BackendPool, endpoint: Endpoint): void {
    pool.failed(endpoint);
    this.#tried = [...this.#tried, endpoint];
  }

  /** Ends what is open with a reset; the record follows when the streams have said that they are closed. */
  #giveUp(reason: L4Reason, how: CloseReason): void {
    this.#reason ??= reason;
    this.#upstream?.abort(how);
    this.#client.abort(how);
  }

  /**
   * The other side learns how this one ended: in order, or, when bytes may be missing, by a reset. A side that had
   * ended its own half before it failed has given all it had.
   */
  #closeOther(isClient: boolean, reason: CloseReason): void {
    const other = isClient ? this.#upstream : this.#client;
    if (other === undefined || other.closed) return;
    const isComplete = this.#isOpen && (isClient ? this.#clientEnded : this.#upstreamEnded);
    if (reason === "done" || isComplete) other.close(reason);
    else other.abort(reason);
  }

  /** True when bytes have moved since the last report. */
  #report(): boolean {
    const received = this.#client.receivedBytes;
    const sent = this.#upstream?.receivedBytes ?? 0;
    if (received === this.#reportedIn && sent === this.#reportedOut) return false;
    this.#services.observer.onBytes(received - this.#reportedIn, sent - this.#reportedOut);
    this.#reportedIn = received;
    this.#reportedOut = sent;
    return true;
  }

  #finish(): void {
    const { clock, observer, relays } = this.#services;
    if (!relays.delete(this)) return;
    this.#report();
    if (this.#endpoint !== undefined) this.#endpoint.inFlight--;
    observer.onEnd({
      protocol: "TCP",
      listener: this.#place.listener,
      route: this.#route,
      client: this.#client.peer,
      backend: this.#pool?.config.id ?? "",
      endpoint: this.#endpoint?.text ?? "",
      receivedBytes: this.#reportedIn,
      sentBytes: this.#reportedOut,
      durationMs: clock.now - this.#startedAt,
      reason: this.#reason ?? "error",
    });
  }
}

const SHARED_REASONS: Readonly<Partial<Record<CloseReason, L4Reason>>> = {
  done: "done",
  overloaded: "overloaded",
  shutdown: "shutdown",
  error: "error",
};

function relayReason(isClient: boolean, reason: CloseReason): L4Reason {
  return SHARED_REASONS[reason] ?? (isClient ? "clientReset" : "endpointReset");
}
