import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { connect, createServer } from "node:tls";
import { renewStreamSecret, type StreamSecret } from "./authority.ts";

const NAME = "fairway-controller.fairway-system.svc";
const DAY_MS = 86_400_000;
const at = (day: number): Date => new Date(Date.now() + day * DAY_MS);

/** Does a client with that `ca.crt` accept a server with that certificate? */
async function isTrusted(ca: string, server: StreamSecret, host: string): Promise<boolean> {
  const listener = createServer({ cert: server["tls.crt"], key: server["tls.key"], minVersion: "TLSv1.3" });
  listener.listen(0, host);
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const socket = connect({ host, port, ca, servername: NAME, minVersion: "TLSv1.3" });
  const verdict = await new Promise<boolean>((resolve) => {
    socket.once("secureConnect", () => resolve(true)).once("error", () => resolve(false));
  });
  socket.destroy();
  listener.close();
  return verdict;
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`at ${host}: a client trusts what was made for the names, and no other authority's`, async () => {
    const { data, change } = renewStreamSecret(undefined, { names: [NAME], now: new Date() });
    assert.equal(change, "created");
    assert.equal(await isTrusted(data["ca.crt"], data, host), true);
    const other = renewStreamSecret(undefined, { names: [NAME], now: new Date() }).data;
    assert.equal(await isTrusted(data["ca.crt"], other, host), false);
    const elsewhere = renewStreamSecret(data, { names: ["other.svc"], now: new Date() });
    assert.equal(elsewhere.change, "names");
    assert.equal(await isTrusted(data["ca.crt"], elsewhere.data, host), false);
  });
}

test("a year and a half, asked when it says: every client of any moment trusts every server of that moment", () => {
  let { data, nextAt } = renewStreamSecret(undefined, { names: [NAME], now: at(0) });
  const versions: { readonly from: Date; readonly data: StreamSecret }[] = [{ from: at(0), data }];
  const changes: string[] = [];
  while (nextAt < at(550)) {
    const now = nextAt;
    const renewed = renewStreamSecret(data, { names: [NAME], now });
    assert.notEqual(renewed.change, undefined, `asked on ${now.toISOString()} for nothing`);
    assert.ok(renewed.nextAt > now);
    ({ data, nextAt } = renewed);
    changes.push(renewed.change!);
    versions.push({ from: now, data });
    // Mounted Secrets lag: one side may have any version of the last hour.
    const recent = versions.filter((_, i) => (versions[i + 1]?.from ?? now) >= new Date(now.getTime() - 3_600_000));
    for (const server of recent) {
      for (const client of recent) assert.ok(isValid(client.data, server.data, now), now.toISOString());
    }
  }
  const rotations = changes.filter((change) => change === "authority").length;
  assert.equal(rotations, 2);
  assert.equal(changes.filter((change) => change === "retired").length, rotations);
  assert.ok(changes.length < 550 / 20 + 3 * rotations + 2);
  assert.equal(renewStreamSecret(data, { names: [NAME], now: new Date(nextAt.getTime() - 60_000) }).change, undefined);
});

function isValid(client: StreamSecret, server: StreamSecret, now: Date): boolean {
  const leaf = new X509Certificate(server["tls.crt"]);
  const roots = client["ca.crt"]
    .match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)!
    .map((pem) => new X509Certificate(pem));
  const isIn = (one: X509Certificate): boolean => one.validFromDate <= now && now < one.validToDate;
  return isIn(leaf) && roots.some((root) => isIn(root) && leaf.checkIssued(root) && leaf.verify(root.publicKey));
}

test("a rotation between real ends: old and new clients, old and new servers", async () => {
  const now = new Date();
  const before = renewStreamSecret(undefined, { names: [NAME], now: at(-250) }).data;
  const old = renewStreamSecret(before, { names: [NAME], now: at(-2) }).data;
  assert.notEqual(old["ca.crt"], before["ca.crt"]);
  const next = renewStreamSecret(old, { names: [NAME], now: at(-0.5) });
  assert.equal(next.change, "certificate");
  assert.equal(next.data["ca.crt"], old["ca.crt"]);
  assert.notEqual(next.data["tls.crt"], old["tls.crt"]);
  const last = renewStreamSecret(next.data, { names: [NAME], now });
  assert.equal(last.change, "retired");
  assert.equal(await isTrusted(before["ca.crt"], old, "127.0.0.1"), true, "who has not read the next authority yet");
  for (const client of [old, next.data]) {
    for (const server of [old, next.data]) assert.equal(await isTrusted(client["ca.crt"], server, "127.0.0.1"), true);
  }
  assert.equal(await isTrusted(last.data["ca.crt"], next.data, "127.0.0.1"), true);
  assert.equal(await isTrusted(last.data["ca.crt"], old, "127.0.0.1"), false);
});

test("a Secret without sense is made again", () => {
  const { data } = renewStreamSecret(undefined, { names: [NAME], now: new Date() });
  const other = renewStreamSecret(undefined, { names: [NAME], now: new Date() }).data;
  const bad: readonly Readonly<Record<string, string>>[] = [
    {},
    { ...data, "tls.key": "" },
    { ...data, "tls.key": other["tls.key"] },
    { ...data, "ca.key": other["ca.key"] },
    { ...data, "tls.crt": "garbage" },
    { ...data, "tls.crt": other["tls.crt"], "tls.key": other["tls.key"] },
    { ...data, "ca.crt": other["ca.crt"], "ca.key": other["ca.key"] },
  ];
  for (const current of bad) {
    const renewed = renewStreamSecret(current, { names: [NAME], now: new Date() });
    assert.equal(renewed.change, "damaged");
    assert.equal(renewStreamSecret({ ...renewed.data }, { names: [NAME], now: new Date() }).change, undefined);
  }
  assert.equal(renewStreamSecret({ ...data }, { names: [NAME], now: at(400) }).change, "damaged", "all has expired");
});
