/** The certificate for DNS over TLS, read from its files again whenever they have changed: renewals need no restart. */
import { readFileSync } from "node:fs";
import { StartFault } from "#src/process/fault.ts";
import type { CertificateTable } from "#src/reactor/tls/certificate-store.ts";
import { createIdentity, type IdentityOptions, type TlsIdentity } from "#src/reactor/tls/tls-identity.ts";
import type { Tls } from "#src/reactor/tls/tls.ts";

export interface CertificatePaths {
  readonly tlsCertificate: string;
  readonly tlsKey: string;
}

/** The files' contents, undefined when none are named. Throws a StartFault. */
export function readCertificate({ tlsCertificate, tlsKey }: CertificatePaths): IdentityOptions | undefined {
  if (tlsCertificate === "" && tlsKey === "") return undefined;
  if (tlsCertificate === "" || tlsKey === "") {
    throw new StartFault("Cannot serve DNS over TLS: give both --tls-certificate and --tls-key", 2);
  }
  return { chainPem: readPem(tlsCertificate), keyPem: readPem(tlsKey) };
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new StartFault(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export interface CertificateFilesOptions {
  readonly tls: Tls;
  readonly table: CertificateTable;
  readonly paths: CertificatePaths;
  /** How often the files are looked at, in milliseconds. */
  readonly periodMs: number;
  /** A certificate is in use, until `expiresAt` in milliseconds since 1970. */
  readonly onLoaded: (expiresAt: number) => void;
  /** New files cannot be used: the certificate before goes on. Told once per content. */
  readonly onRefused: (reason: string) => void;
}

export class CertificateFiles implements Disposable {
  readonly #options: CertificateFilesOptions;
  readonly #timer: NodeJS.Timeout;
  #identity: TlsIdentity | undefined;
  /** What was read last, usable or not. */
  #seen = "";

  /** Throws a StartFault when there is no certificate to begin with. */
  constructor(options: CertificateFilesOptions) {
    this.#options = options;
    const reason = this.#load();
    if (reason !== undefined) throw new StartFault(reason);
    this.#timer = setInterval(() => this.#reload(), options.periodMs).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#options.table.replace([]);
    this.#identity?.[Symbol.dispose]();
  }

  #reload(): void {
    const reason = this.#load();
    if (reason !== undefined) this.#options.onRefused(reason);
  }

  /** Why there is no new certificate in use, undefined when there is or nothing has changed. */
  #load(): string | undefined {
    const { tls, table, paths, onLoaded } = this.#options;
    const pem = attempt(() => readCertificate(paths));
    const seen = JSON.stringify(pem);
    if (seen === this.#seen) return undefined;
    this.#seen = seen;
    if (pem === undefined || typeof pem === "string") return pem;
    const identity = createIdentity(tls, pem);
    if ("reason" in identity) return `Cannot use the certificate ${paths.tlsCertificate}: ${identity.reason}`;
    table.replace([{ name: "", identity }]);
    this.#identity?.[Symbol.dispose]();
    this.#identity = identity;
    onLoaded(identity.expiresAt);
    return undefined;
  }
}

function attempt<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
