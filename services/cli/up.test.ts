import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Up } from "#src/testing/up.ts";
import { lookup } from "./lookup.ts";

function get(
  host: string,
  port: number,
  name: string,
  path = "/",
): Promise<{ status: number; body: string; origin: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path, headers: { host: name }, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () =>
        resolve({ status: response.statusCode!, body, origin: String(response.headers["x-origin"]) }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

test("the demo comes up, every stop of its tour is answered, and it ends cleanly", async () => {
  await using up = new Up(["--demo"]);
  await up.line(/^all services ready in \d+ ms$/);
  await up.line(/PLANE +ADDRESS +REPLY/);
  await up.line(/balancer, UDP/);
  assert.equal(await up.stop(), 0);
  assert.deepEqual(
    up.all.filter((line) => line.startsWith("✗")),
    [],
  );
});

const ROUTE = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: added }
spec:
  parentRefs: [{ name: balancer }]
  hostnames: [added.demo.test]
  rules:
    - backendRefs: [{ group: fairway.dev, kind: Backend, name: origin-a }]
`;

test("an added route is live, a broken one leaves the old one serving, a deleted one is gone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "fairway-test-"));
  const file = join(directory, "route.yaml");
  try {
    await using up = new Up(["--demo", "-f", directory]);
    await up.line(/balancer, UDP/);
    assert.equal((await get("127.0.0.1", 8090, "added.demo.test")).status, 404);
    writeFileSync(file, ROUTE);
    await up.line(/^route default\/added changed: live in \d+ ms$/);
    assert.deepEqual(await get("::1", 8090, "added.demo.test"), {
      status: 200,
      body: "hello from origin a\n",
      origin: "a",
    });
    writeFileSync(file, ROUTE.replace("rules:", "roles:"));
    assert.match(await up.line(/route\.yaml:\d+: .*the old one goes on serving/), /roles/);
    assert.equal((await get("127.0.0.1", 8090, "added.demo.test")).status, 200);
    writeFileSync(file, ROUTE.replace("origin-a", "origin-b"));
    await up.line(/^route default\/added changed: live in \d+ ms$/);
    assert.equal((await get("127.0.0.1", 8090, "added.demo.test")).origin, "b");
    rmSync(file);
    await up.line(/^route default\/added changed: live in \d+ ms$/);
    assert.equal((await get("127.0.0.1", 8090, "added.demo.test")).status, 404);
    assert.equal(await up.stop(), 0);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

const INGRESS = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec:
  rules:
    - host: ingress.test
      http:
        paths:
          - { path: /, pathType: Prefix, backend: { resource: { apiGroup: fairway.dev, kind: Backend, name: origin-b } } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: named }
spec:
  gatewayClassName: fairway
  addresses: [{ value: 127.0.0.1 }]
  listeners: [{ name: http, port: PORT, protocol: HTTP, hostname: gateway.derived.test }]
---
apiVersion: fairway.dev/v1alpha1
kind: Zone
metadata: { name: derived }
spec: { domain: derived.test, nameServers: [ns.elsewhere.test.], derive: { namespaces: {} } }
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("an Ingress is served at the port that is told, and a Gateway's host name is in the zone that derives it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "fairway-test-"));
  try {
    const [ingressPort, gatewayPort] = [await freePort(), await freePort()];
    writeFileSync(join(directory, "all.yaml"), INGRESS.replace("PORT", String(gatewayPort)));
    await using up = new Up(["--demo", "-f", directory, "--ingress-http-port", String(ingressPort)]);
    await up.line(/balancer, UDP/);
    for (const host of ["127.0.0.1", "::1"]) {
      assert.deepEqual(await get(host, ingressPort, "ingress.test"), {
        status: 200,
        body: "hello from origin b\n",
        origin: "b",
      });
      assert.equal((await get(host, ingressPort, "other.test")).status, 404);
    }
    const question = { server: "127.0.0.1", port: 10_053, type: "A", timeoutMs: 5000, transport: "udp" } as const;
    const { answer } = await lookup({ ...question, name: "gateway.derived.test" });
    assert.deepEqual(
      answer.map(({ data, ttl }) => [data, ttl]),
      [["127.0.0.1", 60]],
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

const SHARED_BACKEND = `
apiVersion: fairway.dev/v1alpha1
kind: Backend
metadata: { name: late }
spec: { endpoints: [{ address: 127.0.0.1, port: 18081 }] }
`;

const lateRoute = (gateway: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: late-${gateway} }
spec:
  parentRefs: [{ name: ${gateway} }]
  hostnames: [late.demo.test]
  rules: [{ backendRefs: [{ group: fairway.dev, kind: Backend, name: late }] }]
`;

test("a backend that only one service needed reaches the other with the first route there that refers to it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "fairway-test-"));
  try {
    writeFileSync(join(directory, "first.yaml"), `${SHARED_BACKEND}---${lateRoute("balancer")}`);
    await using up = new Up(["--demo", "-f", directory]);
    await up.line(/balancer, UDP/);
    assert.equal((await get("127.0.0.1", 8090, "late.demo.test")).origin, "a");
    assert.equal((await get("::1", 8080, "late.demo.test")).status, 404);
    writeFileSync(join(directory, "second.yaml"), lateRoute("edge"));
    await up.line(/late-edge changed: live in \d+ ms$/);
    assert.equal((await get("::1", 8080, "late.demo.test")).origin, "a");
    assert.equal((await get("127.0.0.1", 8090, "late.demo.test")).origin, "a");
  } finally {
    rmSync(directory, { recursive: true });
  }
});
