import assert from "node:assert/strict";
import { test } from "node:test";
import { toEntry } from "#src/config/stream/entry.ts";
import { createCertificate } from "#src/net/self-signed.ts";
import { CertificateFigures } from "./certificate-figures.ts";

const entryOf = (name: string, chainPem: string) =>
  toEntry(`certificate/shop/${name}`, { kind: "certificate", chainPem, keyPem: "" });

test("each certificate of the configuration has its end; one that cannot be read has 0, one that is gone none", async () => {
  const notAfter = new Date("2031-02-03T04:05:06Z");
  const made = createCertificate({ names: ["a.test"], notBefore: new Date("2026-01-01T00:00:00Z"), notAfter });
  const figures = new CertificateFigures();
  const show = async () => Array.from(await figures.metric.collect(), ({ labels, value }) => [labels["name"], value]);
  const [good, bad] = [entryOf("good", made.certificatePem), entryOf("bad", "nothing")];
  figures.apply({ entries: new Map([good, bad].map((entry) => [entry.key, entry])) });
  for (const _scrape of [1, 2])
    assert.deepEqual(await show(), [
      ["shop/good", notAfter.getTime() / 1000],
      ["shop/bad", 0],
    ]);
  figures.apply({ entries: new Map() });
  assert.deepEqual(await show(), []);
});
