/** What a TLS listener's connections have in common: certificates, protocols, ticket keys. */
import { Slab } from "../slab.ts";
import type { Stream, StreamHandler } from "../stream.ts";
import { CTRL, openssl } from "./openssl.ts";
import { alpnSlabs } from "./tls-callbacks.ts";
import type { CertificateStore } from "./certificate-store.ts";
import { serverContext } from "./tls-identity.ts";
import type { Tls } from "./tls.ts";
import { TlsStream } from "./tls-stream.ts";

/** Octets of a set of ticket keys: name, HMAC and AES keys as OpenSSL lays them out. */
export const TICKET_KEY_BYTES = 80;

export interface TlsServerOptions {
  readonly certificates: CertificateStore;
  /** Protocols in order of preference, such as `["h2", "http/1.1"]` or `["dot"]`. A client that offers none of them is refused, one that does not offer at all is not. */
  readonly alpn: readonly string[];
  /** TICKET_KEY_BYTES random octets, the same in every process that shall resume each other's sessions. */
  readonly ticketKeys: Uint8Array;
  /** Milliseconds that a handshake may take, unless the stream's handler arms a deadline of its own. */
  readonly handshakeMs: number;
}

/** In place until the stream's holder sets its own. */
const NO_HANDLER: StreamHandler = {
  onOpen: () => {},
  onData: (_stream, _slab, start, end) => end - start,
  onEnd: () => {},
  onDrain: () => {},
  onDeadline: () => {},
  onClose: () => {},
};

export class TlsServer implements Disposable {
  readonly certificates: CertificateStore;
  readonly alpn: readonly Slab[];
  readonly handshakeMs: number;
  readonly #tls: Tls;
  readonly #context: bigint;
  #isFreed = false;

  constructor(tls: Tls, options: TlsServerOptions) {
    this.#tls = tls;
    this.certificates = options.certificates;
    this.alpn = alpnSlabs(options.alpn);
    this.handshakeMs = options.handshakeMs;
    this.#context = serverContext(tls);
    openssl.SSL_CTX_set_client_hello_cb(this.#context, tls.clientHelloCallback, 0n);
    this.useTicketKeys(options.ticketKeys);
  }

  /** New keys: sessions of the old ones end in a full handshake. */
  useTicketKeys(keys: Uint8Array): void {
    if (keys.length !== TICKET_KEY_BYTES)
      throw new RangeError(`Cannot use ticket keys: ${keys.length} bytes, not ${TICKET_KEY_BYTES}`);
    const slab = new Slab(keys.slice());
    openssl.SSL_CTX_ctrl(this.#context, CTRL.setTlsextTicketKeys, BigInt(TICKET_KEY_BYTES), slab.pointer);
    slab.bytes.fill(0);
  }

  /**
   * The TLS stream over an accepted one, which is also that one's handler. Its own handler, given here or set before the
   * next event, hears onOpen when the handshake is done.
   */
  accept(stream: Stream, handler: StreamHandler = NO_HANDLER): TlsStream {
    return new TlsStream(this.#tls, stream, handler, openssl.SSL_new(this.#context), this, this.handshakeMs);
  }

  /** Connections that are open go on. */
  [Symbol.dispose](): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    openssl.SSL_CTX_free(this.#context);
  }
}
