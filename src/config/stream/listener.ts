/**
 * The config stream's TLS listener in a controller: lets pods in by their token, and keeps each no longer than its token
 * allows. Nothing that a stranger sends is read further than one bounded frame, and nobody stays long without one.
 */
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import { type Clock, systemClock } from "#src/process/clock.ts";
import { type Admission, AdmittedPeer, type AdmissionFault } from "./admitted-peer.ts";
import { readFirstToken } from "./first-token.ts";
import { encodeFrame } from "./frame.ts";
import type { PodIdentity, TokenIdentity } from "./identity.ts";
import type { ConfigServer } from "./server.ts";
import type { TokenVerifier } from "./token-verifier.ts";

export interface StreamCertificate {
  readonly "tls.crt": string;
  readonly "tls.key": string;
}

/**
 * Why a connection did not become, or stay, a client: its token, a service account of no plane, another pod's token on an
 * open connection; not TLS 1.3; no token frame within the time and length; too many connections.
 */
export type RefusalReason = AdmissionFault | "handshake" | "noToken" | "tooMany";

export interface Refusal {
  readonly reason: RefusalReason;
  readonly address: string;
  /** Refusals since the last one that was told. */
  readonly unreported: number;
}

export interface StreamListenerOptions {
  /** Takes those that were let in; by their plane, so that planes may have servers of their own. */
  readonly serverOf: (identity: PodIdentity) => ConfigServer;
  readonly verifier: TokenVerifier;
  /** Which plane a pod of that service account is, and so what it may see; undefined: none. */
  readonly planeOf: (account: Pick<TokenIdentity, "namespace" | "serviceAccount">) => string | undefined;
  readonly certificate: StreamCertificate;
  /** At most one a second. */
  readonly onRefused?: (refusal: Refusal) => void;
  readonly limits?: Partial<StreamLimits>;
  readonly clock?: Clock;
}

export interface StreamLimits {
  /** Connections, those let in included. Default 4,096. */
  readonly connections: number;
  /** Connections whose token is not verified yet. Default 256. */
  readonly strangers: number;
  /** Of these from one address. Default 32. */
  readonly strangersOfAddress: number;
  /** Connections of one pod that were let in. Default 8. */
  readonly connectionsOfPod: number;
  /** From the connection to its token, the handshake included. Default 5,000. */
  readonly tokenMs: number;
  /** How long a connection may outlive its token. Default 60,000. */
  readonly graceMs: number;
}

const LIMITS: StreamLimits = {
  connections: 4096,
  strangers: 256,
  strangersOfAddress: 32,
  connectionsOfPod: 8,
  tokenMs: 5000,
  graceMs: 60_000,
};
const REPORT_MS = 1000;
/** How long one that is refused may take to read why. */
const LINGER_MS = 1000;

export class StreamListener implements AsyncDisposable {
  readonly #options: StreamListenerOptions;
  readonly #limits: StreamLimits;
  readonly #clock: Clock;
  readonly #server: Server;
  /** Deadlines of connections that are not let in yet, by the connection's addresses. */
  readonly #strangers = new Map<string, NodeJS.Timeout>();
  readonly #sockets = new Set<Socket>();
  readonly #peers = new Set<AdmittedPeer>();
  readonly #refusals = new Map<RefusalReason, number>();
  #reportedAt = -REPORT_MS;
  #unreported = 0;

  constructor(options: StreamListenerOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#server = createServer(contextOf(options.certificate));
    // One that could not be accepted is not there.
    this.#server.on("error", ignore);
    this.#server.on("connection", (socket: Socket) => this.#onConnection(socket));
    this.#server.on("tlsClientError", (_error, socket) => this.#onHandshakeFailed(socket));
    this.#server.on("secureConnection", (socket) => void this.#admit(socket));
  }

  /** By reason, since the start. */
  get refusals(): ReadonlyMap<RefusalReason, number> {
    return this.#refusals;
  }

  /** Resolves to the port; rejects when it cannot be had. `::` serves IPv4 too. */
  async listen(host: string, port: number): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** For handshakes from now on; open connections go on. Throws when key and certificate do not fit. */
  setCertificate(certificate: StreamCertificate): void {
    this.#server.setSecureContext(contextOf(certificate));
  }

  /** Those that have not shown a token yet included. */
  get connections(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #onConnection(socket: Socket): void {
    if (this.#isFull(socket)) {
      this.#count("tooMany", socket);
      socket.destroy();
      return;
    }
    socket.setKeepAlive(true, 30_000);
    this.#sockets.add(socket);
    const name = nameOf(socket);
    const deadline = setTimeout(() => {
      this.#count("noToken", socket);
      this.#strangers.delete(name);
      socket.destroy();
    }, this.#limits.tokenMs);
    this.#strangers.set(name, deadline);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#endDeadline(name);
    });
  }

  #isFull({ remoteAddress }: Socket): boolean {
    const { connections, strangers, strangersOfAddress } = this.#limits;
    if (this.#sockets.size >= connections || this.#strangers.size >= strangers) return true;
    const ofAddress = this.#strangers.keys().filter((name) => name.startsWith(`${remoteAddress} `));
    return [...ofAddress].length >= strangersOfAddress;
  }

  #onHandshakeFailed(socket: TLSSocket): void {
    if (this.#endDeadline(nameOf(socket))) this.#count("handshake", socket);
    socket.destroy();
  }

  /** False: there is none any more. */
  #endDeadline(name: string): boolean {
    clearTimeout(this.#strangers.get(name));
    return this.#strangers.delete(name);
  }

  async #admit(socket: TLSSocket): Promise<void> {
    // Until the server has it, an error is only the end of a stranger.
    socket.on("error", ignore);
    const token = await readFirstToken(socket);
    if (token === undefined) return this.#turnAway(socket, "noToken");
    const admission = await this.#check(token);
    if ("fault" in admission) return this.#turnAway(socket, admission.fault);
    const { identity, expiresAt } = admission;
    if (this.#connectionsOf(identity) >= this.#limits.connectionsOfPod) return this.#turnAway(socket, "tooMany");
    if (socket.destroyed || !this.#endDeadline(nameOf(socket))) return;
    const peer: AdmittedPeer = new AdmittedPeer({
      identity,
      graceMs: this.#limits.graceMs,
      clock: this.#clock,
      check: (fresh) => this.#check(fresh),
      onRefused: (reason) => this.#count(reason, socket),
      onEnd: () => void this.#peers.delete(peer),
    });
    this.#peers.add(peer);
    peer.begin(this.#options.serverOf(identity).attach(socket, peer), expiresAt);
    socket.off("error", ignore);
    socket.resume();
  }

  #connectionsOf({ podUid }: PodIdentity): number {
    return [...this.#peers].filter(({ identity }) => identity.podUid === podUid).length;
  }

  async #check(token: string): Promise<Admission> {
    const verdict = await this.#options.verifier.verify(token);
    if ("fault" in verdict) return verdict;
    const plane = this.#options.planeOf(verdict.identity);
    if (plane === undefined) return { fault: "noPlane" };
    return { identity: { ...verdict.identity, plane }, expiresAt: verdict.expiresAt };
  }

  #turnAway(socket: TLSSocket, reason: RefusalReason): void {
    if (!this.#endDeadline(nameOf(socket))) return;
    this.#count(reason, socket);
    socket.resume();
    socket.end(encodeFrame({ type: "refused", reason }));
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
  }

  #count(reason: RefusalReason, socket: Socket): void {
    this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1);
    const now = this.#clock.now();
    if (now - this.#reportedAt < REPORT_MS) {
      this.#unreported += 1;
      return;
    }
    this.#reportedAt = now;
    this.#options.onRefused?.({ reason, address: socket.remoteAddress ?? "", unreported: this.#unreported });
    this.#unreported = 0;
  }
}

function contextOf({ "tls.crt": cert, "tls.key": key }: StreamCertificate): SecureContextOptions {
  return { minVersion: "TLSv1.3", cert, key };
}

const ignore = (): void => {};

/** A TCP connection and the TLS socket on it have the same. */
function nameOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
