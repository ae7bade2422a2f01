/**
 * X.509 version 3 certificates (RFC 5280) made here: for the demo's own HTTPS listener and for tests. ECDSA on P-256,
 * self-signed or signed by another that was made here.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";

export interface SelfSignedOptions {
  /** Host names (wildcards too) and IP addresses, for subjectAltName; the first is also the subject's common name. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** May sign others. */
  readonly isAuthority?: boolean;
  /** Who signs; itself when absent. */
  readonly issuer?: Certificate;
}

export interface Certificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** The name that certificates signed by this one give as their issuer. */
  readonly commonName: string;
}

/** Tags of DER (ITU-T X.690). */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Object identifiers as DER content. */
const OID = {
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  commonName: [0x55, 0x04, 0x03],
  subjectAltName: [0x55, 0x1d, 0x11],
  basicConstraints: [0x55, 0x1d, 0x13],
  keyUsage: [0x55, 0x1d, 0x0f],
} as const;

/** keyUsage: digitalSignature, or keyCertSign and cRLSign (RFC 5280 section 4.2.1.3), as a bit string's content. */
const USAGE_SIGNATURE = [0x07, 0x80];
const USAGE_AUTHORITY = [0x01, 0x06];

export function createCertificate(options: SelfSignedOptions): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const commonName = options.names[0] ?? "localhost";
  const algorithm = sequence(der(TAG.oid, OID.ecdsaWithSha256));
  const body = sequence(
    der(0xa0, der(TAG.integer, [2])),
    der(TAG.integer, serialNumber()),
    algorithm,
    distinguishedName(options.issuer?.commonName ?? commonName),
    sequence(time(options.notBefore), time(options.notAfter)),
    distinguishedName(commonName),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions(options))),
  );
  const signer: KeyObject = options.issuer === undefined ? privateKey : createPrivateKey(options.issuer.keyPem);
  const signature = sign("sha256", body, signer);
  return {
    certificatePem: pem("CERTIFICATE", sequence(body, algorithm, der(TAG.bitString, [0], signature))),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }),
    commonName,
  };
}

function extensions(options: SelfSignedOptions): Uint8Array[] {
  const isAuthority = options.isAuthority ?? false;
  const list = [
    extension(OID.basicConstraints, true, isAuthority ? sequence(der(TAG.boolean, [0xff])) : sequence()),
    extension(OID.keyUsage, true, der(TAG.bitString, isAuthority ? USAGE_AUTHORITY : USAGE_SIGNATURE)),
  ];
  if (options.names.length > 0)
    list.push(extension(OID.subjectAltName, false, sequence(...options.names.map(generalName))));
  return list;
}

function extension(oid: readonly number[], critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? der(TAG.boolean, [0xff]) : new Uint8Array(0);
  return sequence(der(TAG.oid, oid), flag, der(TAG.octetString, value));
}

/** dNSName or iPAddress (RFC 5280 section 4.2.1.6). */
function generalName(name: string): Uint8Array {
  if (isIPv4(name)) return der(0x87, name.split(".").map(Number));
  if (isIPv6(name)) return der(0x87, ipv6Octets(name));
  return der(0x82, new TextEncoder().encode(name));
}

function ipv6Octets(text: string): number[] {
  const [head = "", tail = ""] = text.split("::");
  const front = hexWords(head);
  const back = hexWords(tail);
  const gap = Array.from({ length: 8 - front.length - back.length }, () => 0);
  return [...front, ...gap, ...back].flatMap((word) => [word >> 8, word & 0xff]);
}

function hexWords(part: string): number[] {
  return part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16));
}

function distinguishedName(commonName: string): Uint8Array {
  const value = der(TAG.utf8, new TextEncoder().encode(commonName));
  return sequence(der(TAG.set, sequence(der(TAG.oid, OID.commonName), value)));
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
function time(date: Date): Uint8Array {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  const isLate = date.getUTCFullYear() >= 2050;
  return der(isLate ? TAG.generalizedTime : TAG.utcTime, new TextEncoder().encode(isLate ? digits : digits.slice(2)));
}

/** Positive and of full length: the first octet is neither 0 nor above 0x7f. */
function serialNumber(): Uint8Array {
  const octets = randomBytes(16);
  octets[0] = (octets[0]! & 0x3f) | 0x40;
  return octets;
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return der(TAG.sequence, ...parts);
}

/** Tag, length, content (X.690 section 8.1). */
function der(tag: number, ...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const content = Buffer.concat(parts.map((part) => Uint8Array.from(part)));
  const { length } = content;
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.from(header), content]);
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
