/** PEM text to OpenSSL objects in an SSL_CTX, without files. Each returns a reason when it cannot. */
import { Slab } from "../slab.ts";
import { CTRL, openssl } from "./openssl.ts";
import type { Tls } from "./tls.ts";

/** More than any real chain, and far less than the out slab holds. */
const MAX_CHAIN_BYTES = 64 * 1024;

/** The empty password, so that an encrypted key is refused instead of asking the terminal. */
const NO_PASSWORD = new Slab(Uint8Array.of(0));

function eachCertificate(tls: Tls, pem: string, use: (certificate: bigint) => boolean): number | undefined {
  const text = new Slab(new TextEncoder().encode(`${pem}\n`));
  const bio = openssl.BIO_new_mem_buf(text.pointer, BigInt(text.length));
  let count = 0;
  let isUsed = true;
  while (isUsed) {
    const certificate = openssl.PEM_read_bio_X509(bio, 0n, 0n, NO_PASSWORD.pointer);
    if (certificate === 0n) break;
    isUsed = use(certificate);
    openssl.X509_free(certificate);
    count++;
  }
  openssl.BIO_free(bio);
  // The text had to live until here: the BIO held no more than its address.
  text.bytes.fill(0);
  const error = tls.takeError();
  return isUsed && (error === "" || error === "no start line") ? count : undefined;
}

/** The leaf first, then its chain. */
export function useChain(tls: Tls, context: bigint, pem: string): string | undefined {
  if (pem.length > MAX_CHAIN_BYTES) return `the chain is larger than ${MAX_CHAIN_BYTES} bytes`;
  let isLeaf = true;
  const count = eachCertificate(tls, pem, (certificate) => {
    if (!isLeaf) return openssl.SSL_CTX_ctrl(context, CTRL.chainCert, 1n, certificate) === 1n;
    isLeaf = false;
    return openssl.SSL_CTX_use_certificate(context, certificate) === 1;
  });
  if (count === undefined) return "a certificate of the chain cannot be read";
  return count === 0 ? "there is no certificate in it" : undefined;
}

export function useKey(tls: Tls, context: bigint, pem: string): string | undefined {
  const text = new Slab(new TextEncoder().encode(`${pem}\n`));
  const bio = openssl.BIO_new_mem_buf(text.pointer, BigInt(text.length));
  const key = openssl.PEM_read_bio_PrivateKey(bio, 0n, 0n, NO_PASSWORD.pointer);
  openssl.BIO_free(bio);
  text.bytes.fill(0);
  if (key === 0n) {
    tls.takeError();
    return "the private key cannot be read";
  }
  const isUsed = openssl.SSL_CTX_use_PrivateKey(context, key) === 1 && openssl.SSL_CTX_check_private_key(context) === 1;
  openssl.EVP_PKEY_free(key);
  tls.takeError();
  return isUsed ? undefined : "the private key is not the certificate's";
}

/** Certificates that a peer's chain may end in; `announce` also names them to clients that are asked for theirs. */
export function useAuthorities(tls: Tls, context: bigint, pem: string, announce: boolean): string | undefined {
  const store = openssl.SSL_CTX_get_cert_store(context);
  const count = eachCertificate(tls, pem, (certificate) => {
    if (announce) openssl.SSL_CTX_add_client_CA(context, certificate);
    return openssl.X509_STORE_add_cert(store, certificate) === 1;
  });
  if (count === undefined) return "an authority's certificate cannot be read";
  return count === 0 ? "there is no authority's certificate in it" : undefined;
}
