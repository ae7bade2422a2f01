/** `fairway explain` as a person types it, against `fairway up` with a directory on ports of its own. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createCertificate } from "#src/net/self-signed.ts";
import { formatYaml } from "#src/resource/yaml.ts";
import { freePort } from "#src/testing/service-process.ts";
import { Up } from "#src/testing/up.ts";

const MAIN = join(import.meta.dirname, "main.ts");
const NAMES = ["dns", "balancerAdmin", "edgeAdmin", "http", "https", "cdn", "dead", "unused"] as const;

const directory = mkdtempSync(join(tmpdir(), "fairway-explain-"));
const port = {} as Record<(typeof NAMES)[number], number>;
const origin = createServer((_request, response) => {
  response.setHeader("cache-control", "max-age=60");
  response.end("hello\n");
});
let up: Up;

const configuration = (originPort: number): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front }
spec:
  gatewayClassName: fairway
  listeners:
    - { name: http, protocol: HTTP, port: ${port.http} }
    - { name: https, protocol: HTTPS, port: ${port.https}, tls: { certificateRefs: [{ name: web }] } }
    - { name: app, protocol: HTTPS, port: ${port.https}, hostname: app.x.test, tls: { certificateRefs: [{ name: web }] } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: cdn }
spec:
  gatewayClassName: fairway-edge
  listeners: [{ name: http, protocol: HTTP, port: ${port.cdn} }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop }
spec:
  parentRefs: [{ name: front }]
  hostnames: [shop.x.test]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /old } }]
      filters:
        - type: RequestRedirect
          requestRedirect: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /new }, statusCode: 301 }
    - matches: [{ path: { type: PathPrefix, value: /dead } }]
      backendRefs: [{ group: fairway.dev, kind: Backend, name: dead }]
    - matches: [{ path: { type: PathPrefix, value: /list }, headers: [{ name: accept, value: "a, b" }] }]
      backendRefs: [{ group: fairway.dev, kind: Backend, name: origin }]
    - matches: [{ path: { type: PathPrefix, value: /app } }]
      backendRefs: [{ group: fairway.dev, kind: Backend, name: origin }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: files }
spec:
  parentRefs: [{ name: cdn }]
  hostnames: [cdn.x.test]
  rules: [{ backendRefs: [{ group: fairway.dev, kind: Backend, name: origin }] }]
---
apiVersion: fairway.dev/v1alpha1
kind: Backend
metadata: { name: origin }
spec: { endpoints: [{ address: 127.0.0.1, port: ${originPort} }] }
---
apiVersion: fairway.dev/v1alpha1
kind: Backend
metadata: { name: dead }
spec:
  endpoints: [{ address: 127.0.0.1, port: ${port.dead} }]
  health: { type: tcp, interval: 100ms, timeout: 100ms, fall: 1 }
---
apiVersion: fairway.dev/v1alpha1
kind: Zone
metadata: { name: x }
spec:
  domain: x.test
  nameServers: [ns]
  records:
    - { name: ns, type: A, data: [127.0.0.1] }
    - { name: shop, type: A, data: [127.0.0.1] }
    - { name: cdn, type: AAAA, data: ["::1"] }
`;

function secret(): string {
  const now = Date.now();
  const { certificatePem, keyPem } = createCertificate({
    names: ["*.x.test"],
    notBefore: new Date(now - 86_400_000),
    notAfter: new Date(now + 86_400_000),
  });
  const encode = (pem: string): string => Buffer.from(pem).toString("base64");
  return formatYaml({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "web" },
    type: "kubernetes.io/tls",
    data: { "tls.crt": encode(certificatePem), "tls.key": encode(keyPem) },
  });
}

before(async () => {
  for (const name of NAMES) port[name] = await freePort();
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  writeFileSync(join(directory, "all.yaml"), configuration((origin.address() as AddressInfo).port));
  writeFileSync(join(directory, "secret.yaml"), secret());
  up = new Up(["-f", directory], {
    FAIRWAY_DNS_PORT: String(port.dns),
    FAIRWAY_DNS_ADMIN_PORT: "0",
    FAIRWAY_RESOLVER_PORT: String(await freePort()),
    FAIRWAY_RESOLVER_ADMIN_PORT: "0",
    FAIRWAY_BALANCER_ADMIN_PORT: String(port.balancerAdmin),
    FAIRWAY_EDGE_ADMIN_PORT: String(port.edgeAdmin),
  });
  await up.line(/^all services ready/);
});

after(async () => {
  await up.stop();
  origin.closeAllConnections();
  origin.close();
  rmSync(directory, { recursive: true, force: true });
});

async function explain(...args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const places = [
    `--dns=127.0.0.1@${port.dns}`,
    `--admin=balancer=127.0.0.1@${port.balancerAdmin},edge=127.0.0.1@${port.edgeAdmin}`,
  ];
  const child = spawn(process.execPath, ["--no-warnings", MAIN, "explain", ...places, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (text += bytes.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

interface Case {
  readonly name: string;
  readonly args: () => readonly string[];
  readonly code?: number;
  readonly sees: readonly RegExp[];
}

const http = (path: string, host = "shop.x.test"): string => `http://${host}:${port.http}${path}`;
const cdn = (): string => `http://cdn.x.test:${port.cdn}/file`;

const CASES: readonly Case[] = [
  {
    name: "a match",
    args: () => [http("/app/1")],
    sees: [
      /✓ +dns +[\d.]+ +NOERROR from 127\.0\.0\.1@\d+\n.*shop\.x\.test\. A 127\.0\.0\.1/,
      /✓ +listener +[\d.]+ +default\/front\/http \(every host\), HTTP port \d+ of balancer/,
      /✓ +route +[\d.]+ +default\/shop rule 3 match 0: host shop\.x\.test, path prefix \/app/,
      /default\/origin, weight 1 of 1\n.*127\.0\.0\.1:\d+ weight 1, unprobed/,
      /✓ +response +[\d.]+ +200, 6 bytes/,
    ],
  },
  {
    name: "a header with a comma",
    args: () => [http("/list"), "-H", "accept: a, b", "-H", "x-other: 1"],
    sees: [/✓ +route .*default\/shop rule 2 .*header accept: a, b/, /response .*200/],
  },
  {
    name: "a header that is missing",
    args: () => [http("/list")],
    sees: [
      /✗ +route .*none matches: 404/,
      /not default\/shop rule 2 match 0 \(header\): wants accept: "a, b", the request has none/,
    ],
  },
  {
    name: "a host that no route has, unknown to DNS",
    args: () => [http("/app", "shp.x.test")],
    sees: [
      /✗ +dns .*NXDOMAIN/,
      /goes on at 127\.0\.0\.1/,
      /✗ +route .*none matches/,
      /\(host\): is for shop\.x\.test, the request's host is "shp\.x\.test"/,
      /response .*404/,
    ],
  },
  {
    name: "a path that no rule has, by IPv6",
    args: () => [http("/ap"), "--connect", "::1"],
    sees: [
      /connected to ::1/,
      /not default\/shop rule 3 match 0 \(path\): the path prefix \/app is not that of "\/ap"/,
    ],
  },
  {
    name: "a redirect",
    args: () => [http("/old/shoes")],
    sees: [
      /RequestRedirect: status 301, path prefix becomes \/new/,
      /backend .*not asked: the rule redirects/,
      /301, .*\n.*location: http:\/\/shop\.x\.test:\d+\/new\/shoes/,
    ],
  },
  { name: "an edge, first", args: () => [cdn()], sees: [/connected to ::1/, /cache .*fairway; fwd=uri-miss; stored/] },
  {
    name: "an edge, again",
    args: () => [cdn()],
    sees: [/cache .*fairway; hit.*age \d+ s/, /backend .*not asked: the answer came from the cache/],
  },
  {
    name: "a dead backend",
    args: () => [http("/dead")],
    sees: [/✗ +backend/, /127\.0\.0\.1:\d+ weight 1, down/, /✗ +response .*50[23]/, /next: look at the backend/],
  },
  {
    name: "a port that nobody has",
    args: () => [`http://shop.x.test:${port.unused}/`],
    code: 1,
    sees: [/✗ +listener .*no listener has TCP port/, /there are: .*\(edge, HTTP\)/, /next: use one of these/],
  },
  {
    name: "TLS",
    args: () => [`https://shop.x.test:${port.https}/app`],
    sees: [
      /✓ +tls +[\d.]+ +TLSv1\.3, ALPN http\/1\.1, SNI shop\.x\.test/,
      /\*\.x\.test.*expires 20/,
      /does not trust/,
      /response .*200/,
    ],
  },
  {
    name: "TLS, misdirected",
    args: () => [`https://shop.x.test:${port.https}/app`, "-H", "Host: app.x.test"],
    sees: [
      /✓ +listener +[\d.]+ +default\/front\/app \(app\.x\.test\)/,
      /✗ +route +[\d.]+ +none is asked: 421, the listener for app\.x\.test takes .* is for the listener for every host/,
      /next: send the request on a connection of its own/,
      /response .*421/,
    ],
  },
  {
    name: "TLS to a port without",
    args: () => [`https://shop.x.test:${port.http}/app`],
    code: 1,
    sees: [/next: the listener speaks HTTP: use http:\/\//, /✗ +tls/],
  },
  { name: "no URL", args: () => ["shop.x.test"], code: 2, sees: [/^Cannot explain shop\.x\.test: give a URL/] },
  { name: "a bad header", args: () => [http("/"), "-H", "nothing"], code: 2, sees: [/^Cannot use the header/] },
];

for (const { name, args, code = 0, sees } of CASES) {
  test(`explain: ${name}`, async () => {
    const explained = await explain(...args());
    for (const pattern of sees) assert.match(explained.text, pattern);
    assert.equal(explained.code, code, explained.text);
  });
}

test("explain as JSON", async () => {
  const { code, text } = await explain(http("/app"), "-o", "json");
  const { answered, steps, sent } = JSON.parse(text) as {
    answered: boolean;
    steps: { step: string; ok: boolean }[];
    sent: { status: number };
  };
  assert.deepEqual([code, answered, sent.status], [0, true, 200]);
  assert.deepEqual(
    steps.map(({ step, ok }) => `${step} ${ok}`),
    ["dns true", "listener true", "route true", "backend true", "response true"],
  );
});
