/** The service as a program: configured over the config stream, asked over every transport and family. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Entry } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { createCertificate } from "#src/net/self-signed.ts";
import { askDns } from "#src/testing/dns-question.ts";
import { freePort, ServiceProcess } from "#src/testing/service-process.ts";

const zone = (key: string, origin: string, text: string): Entry =>
  toEntry(`zone/test/${key}`, { kind: "zone", origin, text, backends: [] });
const shop = (serial: number, address: string): Entry =>
  zone("shop", "shop.test.", `$TTL 60\n@ SOA ns h ${serial} 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nwww A ${address}\n`);

const stack = new AsyncDisposableStack();
let service: ServiceProcess;
let port: number;
let tlsPort: number;

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), "fairway-dot-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const now = Date.now();
  const { certificatePem, keyPem } = createCertificate({
    names: ["dns.test"],
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 3_600_000),
  });
  writeFileSync(join(folder, "chain.pem"), certificatePem);
  writeFileSync(join(folder, "key.pem"), keyPem);
  [port, tlsPort] = [await freePort(), await freePort()];
  const tls = [`--tls-port=${tlsPort}`, `--tls-certificate=${folder}/chain.pem`, `--tls-key=${folder}/key.pem`];
  service = stack.use(await ServiceProcess.start("dns", [`--port=${port}`, ...tls], [shop(1, "192.0.2.1")]));
});
after(() => stack.disposeAsync());

for (const host of ["127.0.0.1", "::1"]) {
  for (const transport of ["udp", "tcp", "tls"] as const) {
    test(`${transport} at ${host}`, async () => {
      const server = { transport, host, port: transport === "tls" ? tlsPort : port };
      const found = await askDns({ ...server, name: "www.shop.test.", type: "A" });
      assert.deepEqual(found, {
        rcode: "NOERROR",
        flags: ["aa", "rd"],
        answer: ["www.shop.test. 60 A 192.0.2.1"],
        authority: [],
      });
      assert.equal((await askDns({ ...server, name: "no.shop.test.", type: "A" })).rcode, "NXDOMAIN");
      assert.equal((await askDns({ ...server, name: "www.other.test.", type: "A" })).rcode, "REFUSED");
    });
  }
}

test("what was asked is counted", async () => {
  await askDns({ transport: "udp", host: "::1", port, name: "shop.test.", type: "MX" });
  const asked = 'proto="udp",family="6"';
  assert.equal(await service.metric(`fairway_dns_requests_total{zone="shop.test.",${asked},type="MX"}`), 1);
  assert.equal(await service.metric(`fairway_dns_requests_total{zone="none",${asked},type="A"}`), 1);
  assert.equal(await service.metric('fairway_dns_responses_total{zone="shop.test.",rcode="NXDOMAIN"}'), 6);
  assert.equal(await service.metric('fairway_dns_responses_total{zone="none",rcode="REFUSED"}'), 6);
  assert.equal(await service.metric("fairway_dns_request_duration_seconds_count"), 19);
  assert.ok((await service.metric("fairway_dns_request_duration_seconds_sum")) > 0);
  assert.equal(await service.metric('fairway_dns_zone_serial{zone="shop.test."}'), 1);
});

test("a new version is served at once; one that cannot be read is rejected, and the old one goes on", async () => {
  const ask = () => askDns({ transport: "udp", host: "127.0.0.1", port, name: "www.shop.test.", type: "A" });
  await service.publish([shop(2, "192.0.2.2")]);
  assert.deepEqual((await ask()).answer, ["www.shop.test. 60 A 192.0.2.2"]);
  const broken = shop(3, "192.0.2.999");
  const twin = { ...shop(4, "192.0.2.4"), key: "zone/test/twin" };
  const [live] = await service.publish([broken, twin]);
  const reasons = Object.fromEntries(live!.rejected.map(({ key, reason }) => [key, reason]));
  assert.match(reasons[broken.key] ?? "", /^Cannot read the zone: line 5: /);
  assert.equal(reasons[twin.key], `Cannot serve shop.test.: ${broken.key} is that zone already`);
  assert.deepEqual((await ask()).answer, ["www.shop.test. 60 A 192.0.2.2"]);
  await service.publish([]);
  assert.equal((await ask()).rcode, "REFUSED");
});

test("without a certificate's key it does not start, and says why", async () => {
  await assert.rejects(
    ServiceProcess.start("dns", [`--port=${await freePort()}`, "--tls-certificate=/dev/null"], []),
    /give both --tls-certificate and --tls-key/,
  );
});

test("SIGTERM ends it, an idle connection notwithstanding", async () => {
  const idle = connect({ host: "::1", port });
  await once(idle, "connect");
  const ended = once(idle, "end");
  const begun = performance.now();
  assert.equal(await service.stop(), 0);
  await ended;
  idle.destroy();
  assert.ok(performance.now() - begun < 5_000, "long before --drain-timeout");
});
