import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createCertificate } from "#src/net/self-signed.ts";
import { Poller } from "#src/reactor/poller.ts";
import { CertificateTable } from "#src/reactor/tls/certificate-store.ts";
import { Tls } from "#src/reactor/tls/tls.ts";
import { CertificateFiles } from "./certificate-files.ts";

const HOUR_MS = 3_600_000;
const ANY = { ecdsa: true, rsa: true };

test("a renewed certificate is taken, a broken one is not, and what is missing at the start ends it", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "fairway-certificate-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const tls = stack.use(new Tls(stack.use(new Poller({ onFault: (error) => assert.fail(String(error)) }))));
  const table = new CertificateTable();
  const paths = { tlsCertificate: join(folder, "chain.pem"), tlsKey: join(folder, "key.pem") };
  const put = (name: string): void => {
    const now = Date.now();
    const made = createCertificate({ names: [name], notBefore: new Date(now), notAfter: new Date(now + HOUR_MS) });
    writeFileSync(paths.tlsKey, made.keyPem);
    writeFileSync(paths.tlsCertificate, made.certificatePem);
  };
  let heard = Promise.withResolvers<string>();
  const open = (): CertificateFiles =>
    new CertificateFiles({
      tls,
      table,
      paths,
      periodMs: 1,
      onLoaded: (expiresAt) => heard.resolve(expiresAt > Date.now() ? "loaded" : "expired"),
      onRefused: (reason) => heard.resolve(reason),
    });
  const next = async (change: () => void): Promise<string> => {
    heard = Promise.withResolvers();
    // The timer alone does not keep the process alive.
    const alive = setTimeout(() => heard.reject(new Error("Cannot wait longer")), 5_000);
    change();
    return heard.promise.finally(() => clearTimeout(alive));
  };

  assert.throws(open, { message: /^Cannot read .*chain\.pem: / });
  put("old.test");
  const files = stack.use(open());
  assert.deepEqual(table.select("any.test", ANY)?.names, ["old.test"]);
  assert.equal(await next(() => put("new.test")).then(() => "changed"), "changed");
  while (table.select("any.test", ANY)?.names[0] !== "new.test") await next(() => {});
  assert.match(await next(() => writeFileSync(paths.tlsCertificate, "nothing")), /^Cannot use the certificate /);
  assert.deepEqual(table.select("any.test", ANY)?.names, ["new.test"]);
  files[Symbol.dispose]();
  assert.equal(table.select("any.test", ANY), undefined);
});
