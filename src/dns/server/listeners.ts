/** The sockets of one DNS service in one data process: UDP, TCP and, with a certificate, TLS at each of its addresses. */
import { setTimeout as wait } from "node:timers/promises";
import type { Datagrams } from "#src/reactor/datagrams.ts";
import { TcpListener } from "#src/reactor/tcp-listener.ts";
import type { Tcp } from "#src/reactor/tcp.ts";
import type { TlsServer } from "#src/reactor/tls/tls-server.ts";
import type { Responder } from "./responder.ts";
import { StreamService } from "./stream-service.ts";
import { listenUdp } from "./udp-service.ts";

const DRAIN_STEP_MS = 10;

export interface DnsListenersOptions {
  /** IP addresses; `::` is IPv6 alone. */
  readonly hosts: readonly string[];
  /** For UDP and TCP. */
  readonly port: number;
  /** DNS over TLS (RFC 7858), when there is a certificate. */
  readonly tls?: { readonly port: number; readonly server: TlsServer };
  /** Open connections of each stream listener. */
  readonly maxConnections: number;
}

export class DnsListeners implements Disposable {
  readonly #tcp: Tcp;
  readonly #datagrams: Datagrams[] = [];
  readonly #listeners: TcpListener[] = [];
  readonly #streams: StreamService;

  /** Throws "Cannot listen on ...: reason"; nothing is left open then. */
  constructor(tcp: Tcp, responder: Responder, options: DnsListenersOptions) {
    this.#tcp = tcp;
    this.#streams = new StreamService(responder, { clock: () => tcp.poller.now });
    try {
      for (const host of options.hosts) this.#listen(host, responder, options);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * No new connections; those that are open end as soon as nothing is owed to them. Resolves when all have, and `owed`
   * says that no answer over UDP is still to come. UDP goes on until disposal.
   */
  async drain(owed: () => number): Promise<void> {
    for (const listener of this.#listeners) listener[Symbol.dispose]();
    this.#tcp.poller.run(() => this.#streams.end());
    while (this.#streams.connections > 0 || owed() > 0) await wait(DRAIN_STEP_MS);
  }

  /** Answers what still waits, then closes all sockets. */
  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener[Symbol.dispose]();
    for (const datagrams of this.#datagrams) {
      this.#tcp.poller.run(() => datagrams.onReady());
      datagrams[Symbol.dispose]();
    }
    this.#datagrams.length = 0;
  }

  #listen(host: string, responder: Responder, { port, tls, maxConnections }: DnsListenersOptions): void {
    this.#datagrams.push(listenUdp(this.#tcp.poller, responder, { host, port }));
    this.#listeners.push(
      new TcpListener(this.#tcp, {
        host,
        port,
        maxConnections,
        onStream: (stream) => this.#streams.acceptTcp(stream),
      }),
    );
    if (tls === undefined) return;
    this.#listeners.push(
      new TcpListener(this.#tcp, {
        host,
        port: tls.port,
        maxConnections,
        onStream: (stream) => tls.server.accept(stream, this.#streams.acceptTls()),
      }),
    );
  }
}
