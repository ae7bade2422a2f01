/** A server's certificate chain and key, with what it demands of clients. */
import { createHash, X509Certificate } from "node:crypto";
import { Slab } from "../slab.ts";
import {
  CTRL,
  MODES,
  openssl,
  OPTIONS,
  SSL_VERIFY_NONE,
  SSL_VERIFY_PEER,
  SSL_VERIFY_REQUIRED,
  TLS1_2,
} from "./openssl.ts";
import { useAuthorities, useChain, useKey } from "./pem.ts";
import type { Tls } from "./tls.ts";

export interface IdentityOptions {
  /** Leaf first, PEM. */
  readonly chainPem: string;
  readonly keyPem: string;
  /** Client certificates: asked for, or demanded, and verified against these authorities. */
  readonly clients?: { readonly authoritiesPem: string; readonly mode: "request" | "require" };
}

export class TlsIdentity implements Disposable {
  /** DNS names of the certificate's subjectAltName, lower case, wildcards included. */
  readonly names: readonly string[];
  readonly keyType: "ecdsa" | "rsa";
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly #context: bigint;
  readonly #verify: bigint;
  /** Tickets are good only among identities that demand the same of clients. */
  readonly #policy: Slab;
  #isFreed = false;

  constructor(context: bigint, leaf: X509Certificate, clients: IdentityOptions["clients"]) {
    this.#context = context;
    this.names = dnsNames(leaf);
    this.keyType = leaf.publicKey.asymmetricKeyType === "rsa" ? "rsa" : "ecdsa";
    this.expiresAt = leaf.validToDate.getTime();
    this.#verify =
      clients === undefined ? SSL_VERIFY_NONE : clients.mode === "require" ? SSL_VERIFY_REQUIRED : SSL_VERIFY_PEER;
    const policy = clients === undefined ? "none" : `${clients.mode}:${clients.authoritiesPem}`;
    this.#policy = new Slab(new Uint8Array(createHash("sha256").update(policy).digest()));
  }

  /**
   * Makes this the identity of a connection whose ClientHello has arrived: certificate, policy and
   * session context together. False when it has been disposed of.
   */
  useFor(ssl: bigint): boolean {
    if (this.#isFreed) return false;
    openssl.SSL_set_SSL_CTX(ssl, this.#context);
    openssl.SSL_set_session_id_context(ssl, this.#policy.pointer, BigInt(this.#policy.length));
    openssl.SSL_set_verify(ssl, this.#verify, 0n);
    return true;
  }

  /** Connections that use it go on: they hold it themselves. */
  [Symbol.dispose](): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    openssl.SSL_CTX_free(this.#context);
  }
}

/** An identity, or why there is none: "the private key is not the certificate's". */
export function createIdentity(tls: Tls, options: IdentityOptions): TlsIdentity | { readonly reason: string } {
  const context = serverContext(tls);
  const { clients } = options;
  const reason =
    useChain(tls, context, options.chainPem) ??
    useKey(tls, context, options.keyPem) ??
    (clients === undefined ? undefined : useAuthorities(tls, context, clients.authoritiesPem, true));
  if (reason === undefined) return new TlsIdentity(context, new X509Certificate(options.chainPem), clients);
  openssl.SSL_CTX_free(context);
  return { reason };
}

/** A context with everything that does not depend on the certificate. */
export function serverContext(tls: Tls): bigint {
  const context = newContext(openssl.TLS_server_method());
  openssl.SSL_CTX_set_num_tickets(context, 1n);
  openssl.SSL_CTX_set_alpn_select_cb(context, tls.alpnCallback, 0n);
  return context;
}

export function newContext(method: bigint): bigint {
  const context = openssl.SSL_CTX_new(method);
  openssl.SSL_CTX_ctrl(context, CTRL.setMinProtoVersion, BigInt(TLS1_2), 0n);
  openssl.SSL_CTX_ctrl(context, CTRL.mode, MODES, 0n);
  openssl.SSL_CTX_ctrl(context, CTRL.sessionCacheMode, 0n, 0n);
  openssl.SSL_CTX_set_options(context, OPTIONS);
  return context;
}

function dnsNames(leaf: X509Certificate): string[] {
  return (leaf.subjectAltName ?? "")
    .split(", ")
    .filter((name) => name.startsWith("DNS:"))
    .map((name) => name.slice(4).toLowerCase());
}
