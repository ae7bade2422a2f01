/** What TLS connections to the same kind of server have in common: trusted authorities, protocols, a certificate of our own. */
import { isIP } from "node:net";
import { getCACertificates } from "node:tls";
import { Slab } from "../slab.ts";
import type { Stream, StreamHandler } from "../stream.ts";
import { CTRL, openssl, SSL_VERIFY_NONE, SSL_VERIFY_PEER } from "./openssl.ts";
import { useAuthorities, useChain, useKey } from "./pem.ts";
import { newContext } from "./tls-identity.ts";
import type { Tls } from "./tls.ts";
import { TlsStream } from "./tls-stream.ts";

export interface TlsClientOptions {
  /** PEM of the authorities that a server's chain may end in; "system" for those of the machine; "none" verifies nothing. */
  readonly authorities: { readonly pem: string } | "system" | "none";
  readonly alpn: readonly string[];
  /** Shown to servers that ask for it. */
  readonly identity?: { readonly chainPem: string; readonly keyPem: string };
  /** Milliseconds from the TCP connection to the handshake's end, unless the stream's handler arms a deadline of its own. */
  readonly handshakeMs: number;
}

/** X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS: `f*.example.com` matches nothing (RFC 9525 section 6.3). */
const NO_PARTIAL_WILDCARDS = 0x4n;

export class TlsClient implements Disposable {
  readonly #tls: Tls;
  readonly #context: bigint;
  readonly #handshakeMs: number;
  #isFreed = false;

  constructor(tls: Tls, context: bigint, handshakeMs: number) {
    this.#tls = tls;
    this.#context = context;
    this.#handshakeMs = handshakeMs;
  }

  /**
   * The TLS stream over one that is being connected; the handler hears onOpen when the handshake is done and the server
   * is who it should be, or onClose("tlsFailed"), and `failure` says why. `serverName` is a host name, which is also sent
   * as SNI, or an IP address.
   */
  connect(stream: Stream, serverName: string, handler: StreamHandler): TlsStream {
    const ssl = openssl.SSL_new(this.#context);
    const name = new Slab(new TextEncoder().encode(`${serverName}\0`));
    if (isIP(serverName) !== 0) {
      openssl.X509_VERIFY_PARAM_set1_ip_asc(openssl.SSL_get0_param(ssl), name.pointer);
    } else {
      openssl.SSL_set_hostflags(ssl, NO_PARTIAL_WILDCARDS);
      openssl.SSL_set1_host(ssl, name.pointer);
      openssl.SSL_ctrl(ssl, CTRL.setTlsextHostname, 0n, name.pointer);
    }
    const made = new TlsStream(this.#tls, stream, handler, ssl, undefined, this.#handshakeMs);
    made.serverName = isIP(serverName) === 0 ? serverName.toLowerCase() : "";
    return made;
  }

  /** Connections that are open go on. */
  [Symbol.dispose](): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    openssl.SSL_CTX_free(this.#context);
  }
}

/** A client, or why there is none. */
export function createTlsClient(tls: Tls, options: TlsClientOptions): TlsClient | { readonly reason: string } {
  const context = newContext(openssl.TLS_client_method());
  const { authorities, identity, alpn } = options;
  let reason: string | undefined;
  if (authorities !== "none") {
    reason = useAuthorities(tls, context, authorities === "system" ? systemAuthorities() : authorities.pem, false);
  }
  openssl.SSL_CTX_set_verify(context, authorities === "none" ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, 0n);
  if (identity !== undefined) {
    reason ??= useChain(tls, context, identity.chainPem) ?? useKey(tls, context, identity.keyPem);
  }
  if (alpn.length > 0) {
    const list = new Slab(new Uint8Array(alpn.flatMap((name) => [name.length, ...new TextEncoder().encode(name)])));
    openssl.SSL_CTX_set_alpn_protos(context, list.pointer, BigInt(list.length));
  }
  if (reason === undefined) return new TlsClient(tls, context, options.handshakeMs);
  openssl.SSL_CTX_free(context);
  return { reason };
}

/** The machine's own, or those that come with Node where it has none, as in an image without them. */
function systemAuthorities(): string {
  const system = getCACertificates("system");
  return (system.length > 0 ? system : getCACertificates("bundled")).join("\n");
}
