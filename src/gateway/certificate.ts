import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Secret } from "#src/resource/secret.ts";

/** A usable certificate, or the sentence that says why it is none. */
export type CertificateOutcome = { readonly chainPem: string; readonly keyPem: string } | string;

/** Checks a TLS certificate of a Secret. The work is some hundred microseconds: callers may keep outcomes by Secret. */
export type CheckCertificate = (secret: Secret) => CertificateOutcome;

/** Reads `tls.crt` and `tls.key` (Secret type kubernetes.io/tls): both parse, and the key is the certificate's. */
export function checkCertificate(secret: Secret): CertificateOutcome {
  if (secret.type !== "kubernetes.io/tls") return `its type is ${secret.type}, not kubernetes.io/tls`;
  const chainPem = read(secret, "tls.crt");
  const keyPem = read(secret, "tls.key");
  if (chainPem === "" || keyPem === "") return `it has no ${chainPem === "" ? "tls.crt" : "tls.key"}`;
  try {
    const certificate = new X509Certificate(chainPem);
    // The first is the server's own; those behind it must be certificates too.
    const chain = chainPem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    if (chain.map((pem) => new X509Certificate(pem)).length === 0) return "tls.crt has no certificate";
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) return "tls.key is not the key of tls.crt";
  } catch (error) {
    return `tls.crt or tls.key is not valid PEM (${error instanceof Error ? error.message : String(error)})`;
  }
  return { chainPem, keyPem };
}

function read(secret: Secret, name: string): string {
  return secret.stringData?.[name] ?? Buffer.from(secret.data?.[name] ?? "", "base64").toString("latin1");
}
