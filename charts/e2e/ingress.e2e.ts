/** An Ingress of class `fairway`: hosts, paths, TLS, the default backend, and its address in status. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { demoApplication } from "#src/testing/demo-application.ts";
import { Installation } from "#src/testing/installation.ts";
import { getObject, here, isReached, onLan, waitFor } from "#src/testing/kubectl.ts";
import { certificateFor, tlsSecret } from "#src/testing/tls-secret.ts";
import { until } from "#src/testing/until.ts";

const SITE = "fairway-e2e-ingress";
const HOST = "www.ingress.test";
const folder = mkdtempSync(join(tmpdir(), "fairway-e2e-"));
const authority = join(folder, "ca.crt");
const certificate = certificateFor(HOST);
writeFileSync(authority, certificate.certificatePem);

const OBJECTS = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: site, namespace: ${SITE} }
spec:
  ingressClassName: fairway
  tls: [{ hosts: [${HOST}], secretName: site-tls }]
  defaultBackend: { service: { name: other, port: { name: http } } }
  rules:
    - host: ${HOST}
      http:
        paths:
          - { path: /web, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }
          - { path: /exact, pathType: Exact, backend: { service: { name: web, port: { name: http } } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: rest, namespace: ${SITE} }
spec:
  ingressClassName: fairway
  defaultBackend: { service: { name: other, port: { number: 80 } } }
`;

let fairway: Installation;
let address = "";

interface IngressStatus {
  readonly status: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] } };
}

before(async () => {
  fairway = await Installation.make();
  for (const name of ["web", "other"]) await fairway.apply(SITE, demoApplication({ namespace: SITE, name }));
  await fairway.apply(SITE, tlsSecret(SITE, "site-tls", certificate));
  await fairway.apply(SITE, OBJECTS);
  for (const name of ["web", "other"]) await waitFor("Available", SITE, `deployment/${name}`);
  address = await until("an address", async () => {
    const { status } = await getObject<IngressStatus>("-n", SITE, "ingress", "site");
    return status.loadBalancer?.ingress?.[0]?.ip;
  });
  for (const port of [80, 443]) for (const place of [here, onLan]) await isReached(place, address, port);
});

after(async () => {
  await fairway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const ANSWERS = [
  ["/web", "web"],
  ["/web/a", "web"],
  ["/webs", "other"],
  ["/exact", "web"],
  ["/exact/a", "other"],
  ["/", "other"],
] as const;

for (const scheme of ["http", "https"]) {
  for (const [name, place] of [
    ["this machine", here],
    ["a host of the network", onLan],
  ] as const) {
    test(`paths by ${scheme} from ${name}`, async () => {
      for (const [path, application] of ANSWERS) {
        const flags = ["-sS", "-m", "5", "--connect-to", `::${address}:`, "--cacert", authority];
        const said = await place("curl", ...flags, `${scheme}://${HOST}${path}`);
        assert.equal(said, `${application} has ${path} of ${HOST}\n`);
      }
    });
  }
}

test("a host that no Ingress has goes to the one without rules", async () => {
  const said = await here("curl", "-sS", "-m", "5", "--connect-to", `::${address}:`, "http://other.ingress.test/web");
  assert.equal(said, "other has /web of other.ingress.test\n");
});
