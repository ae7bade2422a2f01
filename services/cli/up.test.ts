import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Up } from "#src/testing/up.ts";

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
