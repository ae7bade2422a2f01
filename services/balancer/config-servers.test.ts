/** A balancer that takes its configuration from two controllers, which are killed; and then none is there. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect } from "node:tls";
import type { Entry } from "#src/config/model.ts";
import { renewStreamSecret, type StreamSecret } from "#src/config/stream/authority.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { readSnapshotFile } from "#src/config/stream/snapshot-file.ts";
import { createCertificate } from "#src/net/self-signed.ts";
import { freePort, ServiceProcess } from "#src/testing/service-process.ts";
import { StreamController } from "#src/testing/stream-controller.ts";
import { TokenIssuer } from "#src/testing/token-issuer.ts";
import { until } from "#src/testing/until.ts";

const NAME = "fairway-controller.fairway-system.svc";
const HOSTS = ["127.0.0.1", "::1"] as const;

const folder = mkdtempSync(join(tmpdir(), "fairway-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

/** As a kubelet changes a mounted file: at once. */
function put(name: string, text: string): void {
  writeFileSync(file(`${name}.next`), text);
  renameSync(file(`${name}.next`), file(name));
}

const secretOf = (days = 0): StreamSecret =>
  renewStreamSecret(undefined, { names: [NAME], now: new Date(Date.now() + days * 86_400_000) }).data;

/** An HTTPS listener whose one route redirects to a host that names the state. */
function configuration(port: number, state: string, certificate: Entry): Entry[] {
  return [
    certificate,
    toEntry(`port/balancer/TCP/${port}`, {
      kind: "port",
      engine: "balancer",
      port,
      publicPort: port,
      protocol: "HTTPS",
      addresses: [...HOSTS],
      listeners: [{ id: "test/front/all", gateway: "test/front", hostname: "", certificates: [certificate.key] }],
    }),
    toEntry("httproute/test/state", {
      kind: "httpRoute",
      id: "test/state",
      createdAt: "",
      attachments: [{ listener: "test/front/all", hostnames: [""] }],
      rules: [
        {
          name: "",
          matches: [{ path: { type: "PathPrefix", value: "/" }, method: "", headers: [], queryParams: [] }],
          filters: [{ type: "RequestRedirect", scheme: "", hostname: state, port: 443, path: undefined, status: 302 }],
          backends: [],
          requestTimeoutMs: 0,
          backendTimeoutMs: 0,
        },
      ],
    }),
  ];
}

function certificateFor(name: string): Entry {
  const now = Date.now();
  const { certificatePem, keyPem } = createCertificate({
    names: [name],
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 3_600_000),
  });
  return toEntry("certificate/test/all", { kind: "certificate", chainPem: certificatePem, keyPem });
}

/** A client that keeps its one connection to each address, and counts how often it had to make one. */
class Visitor {
  readonly #port: number;
  readonly #agents = HOSTS.map((host) => ({ host, agent: new Agent({ keepAlive: true, maxSockets: 1 }) }));
  readonly #ends = new Set<string>();

  constructor(port: number) {
    this.#port = port;
  }

  get connections(): number {
    return this.#ends.size;
  }

  /** The state that both addresses serve. */
  async state(): Promise<string> {
    const states = await Promise.all(this.#agents.map(({ host, agent }) => this.#visit(host, agent)));
    return [...new Set(states)].join(" and ");
  }

  close(): void {
    for (const { agent } of this.#agents) agent.destroy();
  }

  async #visit(host: string, agent: Agent): Promise<string> {
    const asked = request({ host, port: this.#port, agent, rejectUnauthorized: false, headers: { host: "a.test" } });
    asked.end();
    const [response] = await once(asked, "response");
    this.#ends.add(`${host} ${response.socket.localPort}`);
    response.resume();
    await once(response, "end");
    return new URL(response.headers.location).hostname;
  }
}

async function presentedName(port: number): Promise<string> {
  const socket = connect({ host: "::1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { subjectaltname = "" } = socket.getPeerCertificate();
  socket.destroy();
  return subjectaltname.replace("DNS:", "");
}

async function answerOf(admin: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${admin}/readyz`);
    return `${response.status} ${(await response.text()).trimEnd()}`;
  } catch {
    return "";
  }
}

test("controllers are killed one by one, tokens and certificates change, and a restart finds nobody: clients notice nothing", async () => {
  const port = await freePort();
  const ports = [await freePort(), await freePort()] as const;
  const [issuer, nextIssuer] = [new TokenIssuer("RS256"), new TokenIssuer("ES256")];
  const [secret, nextSecret] = [secretOf(), secretOf(1 / 86_400)];
  const certificate = certificateFor("first.test");
  const controller = (at: 0 | 1, by = issuer, using_ = secret): Promise<StreamController> =>
    new StreamController({ host: HOSTS[at], secret: using_, issuer: by }).start(ports[at]);
  put("token", issuer.token());
  put("ca.crt", secret["ca.crt"]);
  const source = [
    `--config-servers=127.0.0.1:${ports[0]},[::1]:${ports[1]}`,
    `--config-token=${file("token")}`,
    `--config-ca=${file("ca.crt")}`,
    `--config-server-name=${NAME}`,
    `--config-snapshot=${file("snapshot")}`,
  ];

  // Two controllers, one of them the leader.
  let first = await controller(0);
  const second = await controller(1);
  for (const { server } of [first, second]) server.publish(configuration(port, "one", certificate), 1);
  first.server.lead(1);
  await using service = await ServiceProcess.start("balancer", [], [], { source });
  const visitor = new Visitor(port);
  assert.equal(await visitor.state(), "one");
  const isKnown = ({ server }: StreamController): true | undefined =>
    server.clients.some(({ isCurrent }) => isCurrent) ? true : undefined;
  await until("both to know", () => isKnown(first) && isKnown(second));
  assert.deepEqual(
    [
      await service.metric("fairway_config_servers_connected"),
      await service.metric('fairway_config_source{source="stream"}'),
    ],
    [2, 1],
  );
  const status = second.server.clients[0]!;
  assert.equal(status.identity?.podName, "balancer-0");
  await until("the listener to be told as bound", () =>
    [...status.observed].some(({ key, state }) => key === `port/balancer/TCP/${port}` && state === "bound")
      ? true
      : undefined,
  );
  assert.equal(status.isFollower, false, "the leader gives");
  const { live } = first.server.publish(configuration(port, "two", certificate), 2);
  assert.ok((await live)[0]!.afterMs !== undefined);
  assert.equal(await visitor.state(), "two");

  // The leader is killed; the other is behind for a while, then leads.
  await first[Symbol.asyncDispose]();
  await until("one server", async () =>
    (await service.metric("fairway_config_servers_connected")) === 1 ? true : undefined,
  );
  assert.equal(await visitor.state(), "two");
  assert.equal(second.server.clients[0]!.isFollower, false, "it is behind");
  second.server.publish(configuration(port, "two", certificate), 2);
  second.server.lead(2);
  await until("the other to be followed", () => (second.server.clients[0]!.isFollower ? true : undefined));
  await second.server.publish(configuration(port, "three", certificate), 3).live;
  assert.equal(await visitor.state(), "three");

  // Token, authority and certificate of the stream, then the Secret of the listener.
  put("token", nextIssuer.token());
  put("ca.crt", nextSecret["ca.crt"] + secret["ca.crt"]);
  first = await controller(0, nextIssuer, nextSecret);
  first.server.publish(configuration(port, "three", certificate), 3);
  await until("the other again, with the next token and authority", () => isKnown(first));
  second.listener.setCertificate(nextSecret);
  const nextCertificate = certificateFor("second.test");
  await second.server.publish(configuration(port, "three", nextCertificate), 4).live;
  first.server.publish(configuration(port, "three", nextCertificate), 4);
  assert.equal(await presentedName(port), "second.test");
  assert.equal(await visitor.state(), "three");

  // Nobody is there.
  const held = second.server.clients[0]!.acknowledgedDigest;
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await until("no server", async () =>
    (await service.metric("fairway_config_servers_connected")) === 0 ? true : undefined,
  );
  assert.equal(await service.ask("/readyz"), "200 ready");
  assert.equal(await visitor.state(), "three");
  assert.equal(visitor.connections, 2, "no connection was lost until now");
  await until("the snapshot", () => {
    const kept = readSnapshotFile(file("snapshot"), "balancer");
    return "digest" in kept && kept.digest === held ? true : undefined;
  });

  // The container is killed and starts again.
  await service.kill();
  visitor.close();
  await using again = await ServiceProcess.start("balancer", [], [], { source });
  assert.equal(await again.ask("/readyz"), "200 ready");
  await until("the snapshot to be found good", () => (existsSync(file("snapshot.tries")) ? undefined : true));
  const later = new Visitor(port);
  assert.equal(await later.state(), "three");
  assert.deepEqual(
    [
      await again.metric('fairway_config_source{source="snapshot"}'),
      await again.metric("fairway_config_servers_connected"),
    ],
    [1, 0],
  );
  await using back = await controller(1, nextIssuer, nextSecret);
  back.server.publish(configuration(port, "four", nextCertificate), 5);
  await until("the controller to be followed", async () => ((await later.state()) === "four" ? true : undefined));
  assert.equal(later.connections, 2);
  await until("its metric", async () =>
    (await again.metric('fairway_config_source{source="snapshot"}')) === 0 ? true : undefined,
  );
  assert.equal(await again.stop(), 0);
  later.close();
});

test("without a controller and with a damaged snapshot it says why it is not ready, and serves when one comes", async () => {
  const [port, stream, admin] = [await freePort(), await freePort(), await freePort()];
  const issuer = new TokenIssuer();
  const secret = secretOf();
  put("token", issuer.token({ audience: "other" }));
  put("ca.crt", secret["ca.crt"]);
  const bytes = readFileSync(file("snapshot"));
  bytes[100]! ^= 1;
  writeFileSync(file("damaged"), bytes, { mode: 0o600 });
  const starting = ServiceProcess.start("balancer", [`--admin-port=${admin}`], [], {
    startMs: 60_000,
    source: [
      `--config-servers=[::1]:${stream}`,
      `--config-token=${file("token")}`,
      `--config-ca=${file("ca.crt")}`,
      `--config-server-name=${NAME}`,
      `--config-snapshot=${file("damaged")}`,
    ],
  });
  const says = async (what: RegExp): Promise<true | undefined> => (what.test(await answerOf(admin)) ? true : undefined);
  await until("no controller", () => says(/^503 no configuration yet: .*ECONNREFUSED.*; snapshot: it is damaged$/));
  await using controller = await new StreamController({ host: "::1", secret, issuer }).start(stream);
  controller.server.publish(configuration(port, "one", certificateFor("a.test")), 1);
  await until("the refusal", () => says(/^503 no configuration yet: .*refused: audience; snapshot: it is damaged$/));
  put("token", issuer.token());
  await using service = await starting;
  assert.equal(await service.ask("/readyz"), "200 ready");
  const visitor = new Visitor(port);
  assert.equal(await visitor.state(), "one");
  visitor.close();
});
