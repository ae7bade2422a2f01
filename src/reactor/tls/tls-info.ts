/** What a handshake has agreed on, and why one has failed. */
import { copyNative } from "../binding.ts";
import { Slab } from "../slab.ts";
import type { TlsInfo } from "../stream.ts";
import { openssl, TLS1_3 } from "./openssl.ts";
import { cText, type Tls } from "./tls.ts";

/** Reads everything at once: the connection may end before anybody asks. */
export function readTlsInfo(tls: Tls, ssl: bigint, serverName: string): TlsInfo {
  const { scratch } = tls;
  openssl.SSL_CIPHER_description(openssl.SSL_get_current_cipher(ssl), scratch.pointer, BigInt(scratch.length));
  const cipher = cText(scratch).split(" ")[0]!;
  openssl.SSL_get0_alpn_selected(ssl, scratch.pointer, scratch.at(8));
  const length = scratch.view.getUint32(8, true);
  const alpn =
    length === 0 ? "" : Buffer.from(copyNative(scratch.view.getBigUint64(0, true), length)).toString("latin1");
  return {
    version: openssl.SSL_version(ssl) === TLS1_3 ? "TLSv1.3" : "TLSv1.2",
    cipher,
    serverName,
    alpn,
    clientCertificate: peerCertificate(tls, ssl),
    resumed: openssl.SSL_session_reused(ssl) === 1,
  };
}

/** DER, also after resumption: it is in the session. */
function peerCertificate(tls: Tls, ssl: bigint): Uint8Array | undefined {
  const certificate = openssl.SSL_get1_peer_certificate(ssl);
  if (certificate === 0n) return undefined;
  const length = openssl.i2d_X509(certificate, 0n);
  const der = new Slab(Math.max(length, 1));
  tls.scratch.view.setBigUint64(0, der.pointer, true);
  if (length > 0) openssl.i2d_X509(certificate, tls.scratch.pointer);
  openssl.X509_free(certificate);
  return length > 0 ? der.bytes : undefined;
}

/** X509_V_ERR_* that operators meet. */
const VERIFY_FAULTS: Readonly<Record<number, string>> = {
  7: "certificate signature failure",
  9: "certificate is not yet valid",
  10: "certificate has expired",
  18: "self-signed certificate",
  19: "self-signed certificate in the chain",
  20: "unknown authority",
  21: "certificate cannot be verified",
  23: "certificate is revoked",
  24: "invalid authority certificate",
  25: "chain is too long",
  26: "certificate is not for this purpose",
  62: "certificate is for another host name",
  64: "certificate is for another IP address",
};

/** Why the peer's certificate was not accepted, undefined when that is not what failed. */
export function verifyFault(ssl: bigint): string | undefined {
  const code = Number(openssl.SSL_get_verify_result(ssl));
  return code === 0 ? undefined : (VERIFY_FAULTS[code] ?? `certificate refused (${code})`);
}
