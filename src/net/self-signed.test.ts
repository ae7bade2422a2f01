import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createCertificate } from "./self-signed.ts";

const YEAR = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2027-01-01T00:00:00Z") };

test("a self-signed certificate says what it was made for, and its key is its own", () => {
  const made = createCertificate({ names: ["shop.example.com", "*.example.net", "192.0.2.1", "2001:db8::1"], ...YEAR });
  const certificate = new X509Certificate(made.certificatePem);
  assert.equal(certificate.subject, "CN=shop.example.com");
  assert.equal(certificate.issuer, certificate.subject);
  assert.equal(
    certificate.subjectAltName,
    "DNS:shop.example.com, DNS:*.example.net, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1",
  );
  assert.equal(certificate.validFromDate.getTime(), YEAR.notBefore.getTime());
  assert.equal(certificate.validToDate.getTime(), YEAR.notAfter.getTime());
  assert.equal(certificate.ca, false);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(made.keyPem)));
});

test("one that an authority has signed", () => {
  const authority = createCertificate({ names: ["Test Authority"], isAuthority: true, ...YEAR });
  const made = createCertificate({ names: ["a.example"], issuer: authority, ...YEAR });
  const root = new X509Certificate(authority.certificatePem);
  const leaf = new X509Certificate(made.certificatePem);
  assert.ok(root.ca);
  assert.ok(leaf.checkIssued(root));
  assert.ok(leaf.verify(root.publicKey));
  assert.equal(leaf.verify(leaf.publicKey), false);
});

test("times after 2049 and other long fields", () => {
  const names = Array.from({ length: 40 }, (_, i) => `host-number-${i}.example.com`);
  const notAfter = new Date("2061-02-03T04:05:06Z");
  const certificate = new X509Certificate(
    createCertificate({ names, notBefore: YEAR.notBefore, notAfter }).certificatePem,
  );
  assert.equal(certificate.validToDate.getTime(), notAfter.getTime());
  assert.ok(certificate.checkHost("host-number-39.example.com"));
});
