/**
 * The certificates of the config stream: an authority of its own and the controller's certificate, as the data of one
 * Secret that the leader writes and everybody reads. Values in, values out.
 *
 * How it rotates without a connection refused: a client trusts all authorities of `ca.crt`. When the authority is at two
 * thirds of its life, the next one is added in front, while the certificate still comes from the one before (renewed by
 * it at that moment). OVERLAP_MS later every client has read the longer `ca.crt`, and the certificate is signed by the
 * next. Another OVERLAP_MS later every server has loaded that, and the authority before is left out.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type Certificate, createCertificate } from "#src/net/self-signed.ts";

/**
 * The keys of the Secret: PEM texts. `ca.crt` is one authority, or while rotating two, the one that signs next first;
 * `ca.key` is that one's. Clients need `ca.crt` alone, servers `tls.crt` and `tls.key`.
 */
export type StreamSecret = Readonly<Record<"tls.crt" | "tls.key" | "ca.crt" | "ca.key", string>>;

export interface AuthorityOptions {
  /** Names that clients verify: those of the controller's Service. */
  readonly names: readonly string[];
  readonly now: Date;
}

export interface RenewedSecret {
  readonly data: StreamSecret;
  /** Why it is not what it was; undefined: it is the same. */
  readonly change: "created" | "damaged" | "authority" | "certificate" | "names" | "retired" | undefined;
  /** When to ask again. */
  readonly nextAt: Date;
}

const DAY_MS = 86_400_000;
const AUTHORITY_MS = 365 * DAY_MS;
const LEAF_MS = 30 * DAY_MS;
/** Kubelets bring a changed Secret to pods within minutes. */
const OVERLAP_MS = DAY_MS;
/** Clocks of other machines may be behind. */
const SKEW_MS = 5 * 60_000;

interface Parsed {
  /** The first signs. */
  readonly authorities: readonly X509Certificate[];
  readonly leaf: X509Certificate;
}

/** What the Secret should be now, given what it is; undefined or without sense: it is made from nothing. */
export function renewStreamSecret(
  current: Readonly<Record<string, string>> | undefined,
  options: AuthorityOptions,
): RenewedSecret {
  const { now } = options;
  const data = current === undefined ? undefined : asSecret(current);
  const parsed = data === undefined ? undefined : parse(data);
  if (data === undefined || parsed === undefined || parsed.authorities[0]!.validToDate <= now) {
    const fresh = begin(options);
    return { data: fresh, change: current === undefined ? "created" : "damaged", nextAt: nextAt(fresh) };
  }
  const [data2, change] = step(data, parsed, options);
  return { data: data2, change, nextAt: nextAt(data2) };
}

/** One step at most: they are hours and days apart. */
function step(data: StreamSecret, parsed: Parsed, options: AuthorityOptions): [StreamSecret, RenewedSecret["change"]] {
  const { authorities, leaf } = parsed;
  const { now } = options;
  const [first, before] = authorities;
  const signer = signerOf(data, first!);
  const isAlone = before === undefined;
  if (isAlone && now.getTime() >= renewalTime(first!)) {
    const next = createAuthority(now);
    const renewed = sign(options, signer);
    return [{ ...renewed, "ca.crt": next.certificatePem + pemOf(first!), "ca.key": next.keyPem }, "authority"];
  }
  if (!isAlone && !leaf.verify(first!.publicKey)) {
    // The other's key is gone: until the change of hands the certificate is as it is, unless it has no time left.
    const isDue = now.getTime() >= overlapEnd(first!, 1) || leaf.validToDate.getTime() - now.getTime() < DAY_MS;
    return isDue ? [{ ...data, ...sign(options, signer) }, "certificate"] : [data, undefined];
  }
  if (!isAlone && (now.getTime() >= overlapEnd(first!, 2) || before.validToDate <= now)) {
    return [{ ...data, "ca.crt": pemOf(first!) }, "retired"];
  }
  if (!hasNames(leaf, options.names)) return [{ ...data, ...sign(options, signer) }, "names"];
  if (now.getTime() >= renewalTime(leaf)) return [{ ...data, ...sign(options, signer) }, "certificate"];
  return [data, undefined];
}

function begin(options: AuthorityOptions): StreamSecret {
  const authority = createAuthority(options.now);
  return { ...sign(options, authority), "ca.crt": authority.certificatePem, "ca.key": authority.keyPem };
}

/** Each has a name of its own, or a verifier could take the one for the other's issuer. */
function createAuthority(now: Date): Certificate {
  return createCertificate({
    names: [`fairway-stream-${now.toISOString().replaceAll(/[^0-9]/g, "")}`],
    notBefore: new Date(now.getTime() - SKEW_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_MS),
    isAuthority: true,
  });
}

function sign({ names, now }: AuthorityOptions, issuer: Certificate): { "tls.crt": string; "tls.key": string } {
  const { certificatePem, keyPem } = createCertificate({
    names,
    notBefore: new Date(now.getTime() - SKEW_MS),
    notAfter: new Date(now.getTime() + LEAF_MS),
    issuer,
  });
  return { "tls.crt": certificatePem, "tls.key": keyPem };
}

function signerOf(data: StreamSecret, authority: X509Certificate): Certificate {
  return {
    certificatePem: pemOf(authority),
    keyPem: data["ca.key"],
    commonName: authority.subject.replace(/^CN=/, ""),
  };
}

function renewalTime({ validFromDate, validToDate }: X509Certificate): number {
  return validFromDate.getTime() + ((validToDate.getTime() - validFromDate.getTime()) * 2) / 3;
}

function overlapEnd(authority: X509Certificate, times: number): number {
  return authority.validFromDate.getTime() + SKEW_MS + times * OVERLAP_MS;
}

function nextAt(data: StreamSecret): Date {
  const { authorities, leaf } = parse(data)!;
  const [first, before] = authorities;
  const times = [renewalTime(leaf), renewalTime(first!)];
  if (before !== undefined) times.push(overlapEnd(first!, leaf.verify(first!.publicKey) ? 2 : 1));
  return new Date(Math.min(...times));
}

function asSecret(data: Readonly<Record<string, string>>): StreamSecret | undefined {
  const { "tls.crt": certificate, "tls.key": key, "ca.crt": authority, "ca.key": authorityKey } = data;
  return certificate && key && authority && authorityKey
    ? { "tls.crt": certificate, "tls.key": key, "ca.crt": authority, "ca.key": authorityKey }
    : undefined;
}

/** Undefined: not what it should be, or the parts do not belong together. */
function parse(data: StreamSecret): Parsed | undefined {
  try {
    const authorities = (data["ca.crt"].match(PEM) ?? []).map((pem) => new X509Certificate(pem));
    const leaf = new X509Certificate(data["tls.crt"]);
    const isWhole =
      authorities.length > 0 &&
      authorities[0]!.checkPrivateKey(createPrivateKey(data["ca.key"])) &&
      leaf.checkPrivateKey(createPrivateKey(data["tls.key"])) &&
      authorities.some(({ publicKey }) => leaf.verify(publicKey));
    return isWhole ? { authorities, leaf } : undefined;
  } catch {
    return undefined;
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

function pemOf(certificate: X509Certificate): string {
  return certificate.toString();
}

function hasNames(leaf: X509Certificate, names: readonly string[]): boolean {
  return names.every((name) => (isIP(name) > 0 ? leaf.checkIP(name) : leaf.checkHost(name)) !== undefined);
}
