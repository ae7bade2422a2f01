import assert from "node:assert/strict";
import { test } from "node:test";
import { service } from "#src/resource/service.ts";
import { FakeKubeApi } from "#src/testing/kube-api.ts";
import { plainKubeClient } from "#src/testing/kube-client.ts";
import { KubeWriter } from "./apply.ts";
import { writeOutcomeOf } from "./write-outcome.ts";

const SERVICES = "/api/v1/services";
const place = { namespace: "shop", name: "cart" };

for (const host of ["127.0.0.1", "::1"]) {
  test(`applies, writes status, deletes: each only the object and version that it is about (${host})`, async () => {
    await using api = await FakeKubeApi.start(host);
    api.serveKind(SERVICES);
    using client = plainKubeClient(api.url);
    let mayWrite = true;
    const writer = new KubeWriter({ client, fieldManager: "fairway", mayWrite: () => mayWrite, timeoutMs: 2500 });

    const made = await writer.apply(service, { metadata: { ...place }, spec: { type: "ClusterIP" } });
    assert.equal(made.outcome, "written");
    const { method, url, headers, body } = api.requests[0]!;
    assert.deepEqual(
      [method, url.pathname, Object.fromEntries(url.searchParams), headers["content-type"]],
      [
        "PATCH",
        "/api/v1/namespaces/shop/services/cart",
        { fieldManager: "fairway", force: "true", timeout: "3s" },
        "application/apply-patch+yaml",
      ],
    );
    assert.deepEqual(body, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...place },
      spec: { type: "ClusterIP" },
    });

    const stored = api.objects(SERVICES).get("shop/cart")!;
    const target = { ...place, uid: stored.metadata.uid, resourceVersion: stored.metadata.resourceVersion };
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } };
    assert.equal((await writer.patchStatus(service, target, status)).outcome, "written");
    assert.equal(api.requests[1]!.url.pathname, "/api/v1/namespaces/shop/services/cart/status");
    assert.deepEqual(api.objects(SERVICES).get("shop/cart")!["status"], status);
    assert.deepEqual(await writer.patchStatus(service, target, status), {
      outcome: "conflict",
      reason: "status 409: the object has been modified: resourceVersion",
    });

    assert.equal((await writer.remove(service, { ...place, uid: "another" })).outcome, "conflict");
    mayWrite = false;
    const seen = api.requests.length;
    assert.deepEqual(await writer.remove(service, { ...place, uid: target.uid }), { outcome: "fenced" });
    assert.equal(api.requests.length, seen, "not sent");
    mayWrite = true;
    assert.deepEqual(await writer.remove(service, { ...place, uid: target.uid }), {
      outcome: "written",
      object: undefined,
    });
    assert.equal((await writer.remove(service, { ...place, uid: target.uid })).outcome, "absent");
  });
}

test("a server that does not answer is given up in time, and may be asked again", async () => {
  await using api = await FakeKubeApi.start();
  api.intercept = () => "hang";
  using client = plainKubeClient(api.url);
  const writer = new KubeWriter({ client, fieldManager: "fairway", mayWrite: () => true, timeoutMs: 50 });
  assert.deepEqual(await writer.apply(service, { metadata: { ...place } }), {
    outcome: "retry",
    reason: "no answer in time",
    afterMs: undefined,
  });
});

test("outcomes of answers", () => {
  const outcome = (status: number, body: unknown = { kind: "Status", message: "why" }): unknown =>
    writeOutcomeOf({ status, body, retryAfterMs: status === 429 ? 7000 : undefined });
  const reason = (status: number): string => `status ${status}: why`;
  for (const status of [400, 403, 405, 413, 415, 422])
    assert.deepEqual(outcome(status), { outcome: "refused", reason: reason(status) });
  for (const status of [401, 408, 500, 503, 504])
    assert.deepEqual(outcome(status), { outcome: "retry", reason: reason(status), afterMs: undefined });
  assert.deepEqual(outcome(429), { outcome: "retry", reason: reason(429), afterMs: 7000 });
  assert.deepEqual(outcome(409), { outcome: "conflict", reason: reason(409) });
  assert.deepEqual(outcome(404, "404 page not found\n"), {
    outcome: "absent",
    reason: "status 404: 404 page not found",
  });
  const going = { causes: [{ reason: "NamespaceTerminating", message: "it is being terminated", field: "" }] };
  assert.deepEqual(outcome(403, { kind: "Status", message: "why", details: going }), {
    outcome: "absent",
    reason: reason(403),
  });
  assert.deepEqual(outcome(403, { kind: "Status", message: "why", details: { causes: [{ reason: "other" }] } }), {
    outcome: "refused",
    reason: reason(403),
  });
});
