import { type Certificate, createCertificate } from "#src/net/self-signed.ts";

const DAY_MS = 86_400_000;

/** Of one host name, signed by itself, and good for a day. */
export function certificateFor(host: string): Certificate {
  const now = Date.now();
  return createCertificate({ names: [host], notBefore: new Date(now - DAY_MS / 24), notAfter: new Date(now + DAY_MS) });
}

/** A Secret of type kubernetes.io/tls, as JSON. */
export function tlsSecret(namespace: string, name: string, { certificatePem, keyPem }: Certificate): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace, name },
    type: "kubernetes.io/tls",
    stringData: { "tls.crt": certificatePem, "tls.key": keyPem },
  });
}
