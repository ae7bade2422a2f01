/** One HTTP or HTTPS port of a data process: its listeners, its certificates, and the value that exchanges read. */
import type { PortConfig } from "#src/config/model.ts";
import type { HttpEngine } from "#src/http/engine/http-engine.ts";
import type { PortPlace } from "#src/http/engine/services.ts";
import type { Stage } from "#src/http/stage.ts";
import { CertificateTable, type NamedIdentity } from "#src/reactor/tls/certificate-store.ts";
import type { Tcp } from "#src/reactor/tcp.ts";
import { TcpListener } from "#src/reactor/tcp-listener.ts";
import type { Tls } from "#src/reactor/tls/tls.ts";
import { TlsServer } from "#src/reactor/tls/tls-server.ts";

export interface HttpPortOptions {
  readonly tcp: Tcp;
  readonly tls: Tls;
  readonly engine: HttpEngine;
  readonly ticketKeys: Uint8Array;
  /** IP addresses to listen at. */
  readonly hosts: readonly string[];
}

const HANDSHAKE_MS = 10_000;

export class HttpPortListener implements Disposable {
  readonly config: PortConfig;
  readonly hosts: readonly string[];
  readonly #place: PortPlace;
  readonly #engine: HttpEngine;
  readonly #certificates = new CertificateTable();
  readonly #server: TlsServer | undefined;
  readonly #listeners: TcpListener[] = [];

  /** Throws "Cannot listen on ...: reason". */
  constructor(
    config: PortConfig,
    stages: readonly Stage[],
    identities: readonly NamedIdentity[],
    options: HttpPortOptions,
  ) {
    const { tcp, tls, engine, ticketKeys, hosts } = options;
    const secure = config.protocol === "HTTPS";
    this.config = config;
    this.hosts = hosts;
    this.#engine = engine;
    this.#place = { current: { secure, stages } };
    this.#certificates.replace(identities);
    this.#server = secure
      ? new TlsServer(tls, {
          certificates: this.#certificates,
          alpn: ["h2", "http/1.1"],
          ticketKeys,
          handshakeMs: HANDSHAKE_MS,
        })
      : undefined;
    try {
      for (const host of hosts) this.#listeners.push(this.#listen(tcp, host, config.port));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** New exchanges run through these stages, new handshakes show these certificates. */
  use(stages: readonly Stage[], identities: readonly NamedIdentity[]): void {
    this.#place.current = { secure: this.#place.current.secure, stages };
    this.#certificates.replace(identities);
  }

  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener[Symbol.dispose]();
    this.#listeners.length = 0;
    this.#engine.forget(this.#place);
    this.#server?.[Symbol.dispose]();
  }

  #listen(tcp: Tcp, host: string, port: number): TcpListener {
    const server = this.#server;
    return new TcpListener(tcp, {
      host,
      port,
      onStream: (stream) => {
        if (server === undefined) return this.#engine.accept(stream, this.#place);
        const secured = server.accept(stream);
        secured.handler = this.#engine.accept(secured, this.#place);
        return secured;
      },
    });
  }
}
