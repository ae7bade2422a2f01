/** When the certificates of the configuration end, found out when /metrics is asked. */
import { X509Certificate } from "node:crypto";
import type { Entry } from "#src/config/model.ts";
import type { CollectedFigure } from "#src/metrics/registry.ts";

/** Certificates with series of their own; of more than these the first ones are shown. */
const SERIES = 1_000;

export class CertificateFigures {
  #entries: ReadonlyMap<string, Entry> = new Map();
  /** By the entry's version. */
  #known = new Map<string, number>();

  /** `entries`: the whole configuration as it stands. */
  apply({ entries }: { readonly entries: ReadonlyMap<string, Entry> }): void {
    this.#entries = entries;
  }

  readonly metric: CollectedFigure = {
    type: "gauge",
    name: "fairway_certificate_expiry_timestamp_seconds",
    help: "When the certificate in use ends, seconds since 1970; name is the Secret's, as NAMESPACE/NAME.",
    labels: ["name"],
    collect: () => {
      const before = this.#known;
      this.#known = new Map();
      const certificates = [...this.#entries.values()].filter(({ value }) => value.kind === "certificate");
      return certificates.slice(0, SERIES).map(({ key, version, value }) => {
        const seconds = before.get(version) ?? (value.kind === "certificate" ? expiryOf(value.chainPem) : 0);
        this.#known.set(version, seconds);
        return { labels: { name: key.slice(key.indexOf("/") + 1) }, value: seconds };
      });
    },
  };
}

/** Of the leaf; 0 when it cannot be read, which its data processes report. */
function expiryOf(chainPem: string): number {
  try {
    return new X509Certificate(chainPem).validToDate.getTime() / 1000;
  } catch {
    return 0;
  }
}
