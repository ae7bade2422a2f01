/** The two extensions of a ClientHello that choose a certificate. Pure; whatever a client sends gives a value. */

/** Which keys a client can verify signatures of (RFC 8446 section 4.2.3). */
export interface ClientAlgorithms {
  readonly ecdsa: boolean;
  readonly rsa: boolean;
}

/** A client that names none, as TLS 1.2 allows, can do both. */
export const ANY_ALGORITHM: ClientAlgorithms = { ecdsa: true, rsa: true };

const HOST_NAME = 0;
/** RFC 1035 section 2.3.4. */
const MAX_NAME = 255;

/**
 * The host name of a server_name extension (RFC 6066 section 3), in lower case and without a final dot; "" when there is
 * none, undefined when the extension is malformed.
 */
export function serverNameOf(extension: Uint8Array): string | undefined {
  if (extension.length < 2 || readUint16(extension, 0) !== extension.length - 2) return undefined;
  let name = "";
  for (let at = 2; at < extension.length;) {
    if (at + 3 > extension.length) return undefined;
    const length = readUint16(extension, at + 1);
    const start = at + 3;
    if (length === 0 || length > MAX_NAME || start + length > extension.length) return undefined;
    if (extension[at] === HOST_NAME) {
      if (name !== "") return undefined;
      name = hostName(extension.subarray(start, start + length));
      if (name === "") return undefined;
    }
    at = start + length;
  }
  return name;
}

/** Octets that a host name has, in lower case; "" for anything else. */
function hostName(octets: Uint8Array): string {
  let name = "";
  for (const octet of octets) {
    const lower = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
    const isLetterOrDigit = (lower >= 0x61 && lower <= 0x7a) || (lower >= 0x30 && lower <= 0x39);
    if (!isLetterOrDigit && lower !== 0x2d && lower !== 0x2e && lower !== 0x5f) return "";
    name += String.fromCharCode(lower);
  }
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

/** What a signature_algorithms extension allows. */
export function algorithmsOf(extension: Uint8Array): ClientAlgorithms {
  let ecdsa = false;
  let rsa = false;
  for (let at = 2; at + 1 < extension.length; at += 2) {
    const scheme = readUint16(extension, at);
    if ((scheme & 0xff) === 0x03 && scheme >= 0x0203) ecdsa = true;
    if (((scheme & 0xff) === 0x01 && scheme >= 0x0201) || (scheme >= 0x0804 && scheme <= 0x0806)) rsa = true;
  }
  return { ecdsa, rsa };
}

function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
