/**
 * One client's datagrams to one endpoint, over a socket of its own, which is how answers find their way back. When the
 * endpoint refuses (ICMP port unreachable), turns unhealthy or leaves, the session moves to another.
 */
import type { Address } from "#src/net/address.ts";
import { ECONNREFUSED, EHOSTUNREACH, ENETUNREACH } from "#src/reactor/errno.ts";
import { ReturnPath } from "#src/reactor/return-path.ts";
import type { Slab } from "#src/reactor/slab.ts";
import type { UdpClientHandler } from "#src/reactor/udp-client.ts";
import type { Endpoint } from "../endpoint.ts";
import type { BackendPool } from "../pool.ts";
import type { TableEntry } from "./session-table.ts";

/** A socket connected to an endpoint, as UdpClient is. */
export interface UdpLink extends Disposable {
  /** Bytes sent, or a negative error number. */
  send(slab: Slab, offset: number, length: number): number;
}

export interface UdpSessionHolder {
  /** A negative error number when there is no way to the endpoint, or no descriptor left. */
  openLink(endpoint: Address, handler: UdpClientHandler): UdpLink | number;
  /** A datagram from the endpoint, for the client. */
  onReply(session: UdpSession, slab: Slab, start: number, length: number): void;
}

export interface UdpClientName {
  readonly address: Address;
  readonly name: Uint8Array;
  readonly hash: number;
}

/** Endpoints tried for a new session when there is no way to one. */
const MAX_TRIES = 3;
/** How long a session trusts that its endpoint is still one to be used. */
const RECHECK_MS = 1_000;

export class UdpSession implements TableEntry<UdpSession>, UdpClientHandler {
  readonly hash: number;
  readonly name: Uint8Array;
  readonly client: Address;
  readonly route: string;
  readonly path = new ReturnPath();
  readonly startedAt: number;
  usedAt: number;
  chained: UdpSession | undefined;
  older: UdpSession | undefined;
  newer: UdpSession | undefined;
  receivedBytes = 0;
  sentBytes = 0;
  readonly pool: BackendPool;
  readonly #holder: UdpSessionHolder;
  readonly #key: number;
  #endpoint: Endpoint | undefined;
  #link: UdpLink | undefined;
  #checkedAt: number;
  #isAnswered = false;

  constructor(holder: UdpSessionHolder, client: UdpClientName, route: string, pool: BackendPool, now: number) {
    this.#holder = holder;
    this.hash = client.hash;
    this.name = client.name;
    this.client = client.address;
    this.route = route;
    this.pool = pool;
    this.startedAt = now;
    this.usedAt = now;
    this.#checkedAt = now;
    // Another number than the one that chose the backend, so that the two choices have nothing to do with each other.
    this.#key = Math.imul(client.hash, 0x9e3779b1) >>> 0 || 1;
  }

  /** Address and port of the endpoint in use, "" when there is none. */
  get endpoint(): string {
    return this.#endpoint?.text ?? "";
  }

  /** Chooses an endpoint and opens the way to it. */
  connect(): "open" | "noBackend" | "connectFailed" | "overloaded" {
    const tried: Endpoint[] = [];
    while (tried.length < MAX_TRIES) {
      const endpoint = this.pool.pick(this.#key, tried);
      if (endpoint === undefined) break;
      const result = this.#use(endpoint);
      if (result === 0) return "open";
      if (!isUnreachable(result)) return "overloaded";
      this.pool.failed(endpoint);
      tried.push(endpoint);
    }
    return tried.length === 0 ? "noBackend" : "connectFailed";
  }

  /** A datagram from the client. What the endpoint's queue has no room for is lost, as on the network. */
  forward(slab: Slab, offset: number, length: number, now: number): void {
    if (now - this.#checkedAt >= RECHECK_MS) this.#recheck(now);
    let sent = this.#link!.send(slab, offset, length);
    if (isUnreachable(sent)) {
      // The error is that of an earlier datagram; this one has not left yet.
      this.#moveOn();
      sent = this.#link!.send(slab, offset, length);
    }
    if (sent > 0) this.receivedBytes += sent;
  }

  onDatagram(_link: unknown, slab: Slab, start: number, length: number): void {
    if (!this.#isAnswered) {
      this.#isAnswered = true;
      this.pool.succeeded(this.#endpoint!);
    }
    this.#holder.onReply(this, slab, start, length);
  }

  onError(): void {
    this.#moveOn();
  }

  [Symbol.dispose](): void {
    this.#link?.[Symbol.dispose]();
    this.#link = undefined;
    if (this.#endpoint !== undefined) this.#endpoint.inFlight--;
  }

  /** The endpoint has refused: it is marked, and another takes over if there is one. */
  #moveOn(): void {
    const failed = this.#endpoint!;
    this.#isAnswered = false;
    this.pool.failed(failed);
    const other = this.pool.pick(this.#key, [failed]);
    if (other !== undefined) this.#use(other);
  }

  #recheck(now: number): void {
    this.#checkedAt = now;
    const endpoint = this.#endpoint!;
    const isUsable = endpoint.ready && this.pool.isHealthy(endpoint) && this.pool.endpoints.includes(endpoint);
    if (isUsable) return;
    const other = this.pool.pick(this.#key, [endpoint]);
    if (other !== undefined) this.#use(other);
  }

  /** 0, or the negative error number of the way that cannot be opened: then the old one stays. */
  #use(endpoint: Endpoint): number {
    const link = this.#holder.openLink(endpoint.address, this);
    if (typeof link === "number") return link;
    this.#link?.[Symbol.dispose]();
    this.#link = link;
    if (this.#endpoint !== undefined) this.#endpoint.inFlight--;
    this.#endpoint = endpoint;
    endpoint.inFlight++;
    return 0;
  }
}

function isUnreachable(result: number): boolean {
  return result === -ECONNREFUSED || result === -EHOSTUNREACH || result === -ENETUNREACH;
}
