/** Pods and strangers at the TLS listener, over IPv4 and IPv6, with tokens of a signer of our own. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import type { Entry } from "#src/config/model.ts";
import { StreamController } from "#src/testing/stream-controller.ts";
import { type TokenFields, TokenIssuer } from "#src/testing/token-issuer.ts";
import { until } from "#src/testing/until.ts";
import { renewStreamSecret } from "./authority.ts";
import { toEntry } from "./entry.ts";
import { encodeFrame, FrameDecoder } from "./frame.ts";
import type { StreamLimits } from "./listener.ts";
import { ReplicaClient, type ReplicaClientOptions } from "./replica-client.ts";

const NAME = "fairway-controller.fairway-system.svc";
const secret = renewStreamSecret(undefined, { names: [NAME], now: new Date() }).data;
const issuer = new TokenIssuer();

const zone = (name: string, text = ""): Entry =>
  toEntry(`zone/${name}`, { kind: "zone", origin: `${name}.test.`, text, backends: [] });

/** Who is called so sees the zones of that letter. */
const FILTERS: Readonly<Record<string, (entry: Entry) => boolean>> = {
  balancer: ({ key }) => key.startsWith("zone/b"),
  edge: ({ key }) => key.startsWith("zone/e"),
};

class Controller extends StreamController {
  constructor(host = "127.0.0.1", limits: Partial<StreamLimits> = {}) {
    super({ host, secret, issuer, select: (plane) => FILTERS[plane], limits: { tokenMs: 400, ...limits } });
  }

  /** A TLS connection of anybody; what it was sent until its end. */
  connect(options: ConnectionOptions = {}): TLSSocket {
    const { host, port } = this;
    const socket = connect({ host, port, ca: secret["ca.crt"], servername: NAME, ...options });
    return socket.on("error", () => {});
  }

  client(fields: TokenFields, options: Partial<ReplicaClientOptions> = {}): ReplicaClient {
    return new ReplicaClient({
      name: "edge",
      resolve: async () => [this.host],
      connect: () => this.connect(),
      token: () => issuer.token(fields),
      reconnect: { firstMs: 10, maxMs: 50 },
      apply: () => [],
      ...options,
    });
  }
}

/** Whether by an error or not. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve())));

/** Frames that come until the end. */
async function framesOf(socket: TLSSocket): Promise<unknown[]> {
  const decoder = new FrameDecoder(1 << 20);
  const frames: unknown[] = [];
  socket.on("data", (chunk: Buffer) => frames.push(...decoder.push(chunk)));
  await closed(socket);
  return frames;
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`at ${host}: a pod sees what its token says, not what it asks for, and is known by name`, async () => {
    await using controller = await new Controller(host).start();
    controller.server.publish([zone("b1"), zone("e1")], 1);
    await using client = controller.client({ podName: "balancer-7" });
    await until("the configuration", () => (client.digest === "" ? undefined : true));
    assert.deepEqual([...client.entries.keys()], ["zone/b1"]);
    client.observe({ key: "zone/b1", version: "1", state: "bound", process: 1 });
    const status = await until("the acknowledgement", () => controller.server.clients.find((one) => one.isCurrent));
    assert.deepEqual([status.client, status.isFollower, status.behind?.size], ["balancer", true, 0]);
    assert.deepEqual(status.identity, {
      namespace: "fairway-system",
      serviceAccount: "balancer",
      podName: "balancer-7",
      podUid: "uid-balancer-7",
      nodeName: "node1",
      plane: "balancer",
    });
    const bound = await until("the observation", () => [...status.observed][0]);
    assert.deepEqual(bound, { key: "zone/b1", version: "1", state: "bound", process: 1 });
    const { live } = controller.server.publish([zone("b1", "2"), zone("b2"), zone("e1")], 2);
    assert.deepEqual([...status.behind!], ["zone/b1", "zone/b2"]);
    assert.equal((await live)[0]!.afterMs === undefined, false);
    assert.deepEqual([status.behind?.size, status.isCurrent], [0, true]);
  });
}

const REFUSED: readonly (readonly [TokenFields, string])[] = [
  [{ audience: "other" }, "audience"],
  [{ expires: -3600 }, "expired"],
  [{ namespace: "shop" }, "noPlane"],
  [{ claims: { "kubernetes.io": {} } }, "claims"],
];

for (const [fields, reason] of REFUSED) {
  test(`a pod is told why it is refused: ${reason}`, async () => {
    await using controller = await new Controller().start();
    await using client = controller.client(fields);
    await until("the refusal", () => (client.problem.endsWith(`refused: ${reason}`) ? true : undefined));
    assert.equal(client.isConnected, false);
    assert.deepEqual([...controller.listener.refusals.keys()], [reason]);
    assert.equal(controller.refused[0]!.reason, reason);
    assert.deepEqual(controller.server.clients, []);
  });
}

test("a plane without configuration is told so", async () => {
  await using controller = await new Controller().start();
  await using client = controller.client({ serviceAccount: "resolver" });
  await until("the refusal", () => (client.problem.includes("no configuration of that name") ? true : undefined));
});

test("strangers: no token, another frame, too long, in pieces, silent, not TLS, TLS 1.2", async () => {
  await using controller = await new Controller().start();
  controller.server.publish([zone("b1")]);
  const answers = await Promise.all(
    [
      Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
      encodeFrame({ type: "hello", protocol: 1, client: "balancer", follow: true, have: {} }),
      encodeFrame({ type: "token", token: "x".repeat(30_000) }),
      encodeFrame({ type: "token", token: "x" }),
      Buffer.from("\0\0\0\x01{"),
    ].map((bytes) => {
      const socket = controller.connect();
      socket.write(bytes);
      return framesOf(socket);
    }),
  );
  assert.deepEqual(
    answers.map(([frame]) => frame),
    ["noToken", "noToken", "noToken", "malformed", "noToken"].map((reason) => ({ type: "refused", reason })),
  );
  const begun = performance.now();
  const slow = controller.connect();
  slow.write("\0\0\x01\0");
  const drip = setInterval(() => slow.write("a"), 50);
  assert.deepEqual(await framesOf(slow), []);
  clearInterval(drip);
  assert.deepEqual(await framesOf(controller.connect()), [], "silent");
  const raw = connectTcp(controller.port, controller.host).on("error", () => {});
  await closed(raw.resume());
  assert.ok(performance.now() - begun < 5000);
  const plain = connectTcp(controller.port, controller.host).on("error", () => {});
  plain.end("GET / HTTP/1.1\r\n\r\n");
  await closed(plain.resume());
  const old = controller.connect({ maxVersion: "TLSv1.2" });
  assert.deepEqual(await framesOf(old), []);
  const counted = await until("all counted", () =>
    controller.listener.refusals.get("handshake") === 2 ? controller.listener.refusals : undefined,
  );
  assert.deepEqual([counted.get("malformed"), counted.get("noToken")], [1, 7]);
  assert.ok(controller.refused.length < 10, "told by rate limit");
  await using client = controller.client({});
  await until("the server lives", () => (client.digest === "" ? undefined : true));
});

for (const limit of [{ strangers: 3 }, { strangersOfAddress: 3 }])
  test(`strangers beyond the limit are cut off at once, and pods get in when they have gone: ${JSON.stringify(limit)}`, async () => {
    await using controller = await new Controller("127.0.0.1", limit).start();
    controller.server.publish([zone("b1")]);
    const silent = Array.from({ length: 8 }, () => framesOf(controller.connect()));
    await until("those beyond", () => (controller.listener.refusals.get("tooMany") === 5 ? true : undefined));
    await using client = controller.client({});
    await Promise.all(silent);
    await until("a pod", () => (client.digest === "" ? undefined : true));
  });

test("a pod has so many connections and no more, until one ends", async () => {
  await using controller = await new Controller("127.0.0.1", { connectionsOfPod: 2 }).start();
  controller.server.publish([zone("b1")]);
  await using stack = new AsyncDisposableStack();
  const clients = Array.from({ length: 3 }, () => stack.use(controller.client({ podName: "greedy" })));
  const isIn = (client: ReplicaClient): boolean => client.isConnected;
  const outside = await until("one that is not let in", () =>
    clients.filter(isIn).length === 2 ? clients.find(({ problem }) => problem.endsWith("tooMany")) : undefined,
  );
  await using other = controller.client({ podName: "modest" });
  await until("another pod", () => (isIn(other) ? true : undefined));
  await clients.find(isIn)![Symbol.asyncDispose]();
  await until("room", () => (isIn(outside) ? true : undefined));
});

test("a token that ends: without a fresh one refused after the grace, with one the connection goes on", async () => {
  await using controller = await new Controller("127.0.0.1", { graceMs: 300 }).start();
  controller.server.publish([zone("b1")]);
  const lost: string[] = [];
  let next = issuer.token({ podName: "b-1", expires: 1 });
  await using kept = controller.client(
    {},
    {
      token: () => next,
      tokenMs: 20,
      onDisconnected: (_, reason) => void lost.push(`kept ${reason}`),
    },
  );
  await using left = controller.client(
    {},
    {
      token: () => issuer.token({ podName: "b-2", expires: 1 }),
      tokenMs: 3_600_000,
      onDisconnected: (_, reason) => void lost.push(`left ${reason}`),
    },
  );
  await until("both", () => (kept.isConnected && left.isConnected ? true : undefined));
  next = issuer.token({ podName: "b-1", expires: 3600 });
  await until("the end of one", () => lost[0]);
  await wait(100);
  assert.ok(
    lost.every((one) => one === "left refused: expired"),
    lost.join(),
  );
  assert.equal(kept.isConnected, true);
  next = issuer.token({ podName: "b-3", expires: 7200 });
  await until("another pod's token", () => (lost.join().includes("kept refused: otherPod") ? true : undefined));
});

test("the certificate changes under open connections", async () => {
  await using controller = await new Controller().start();
  controller.server.publish([zone("b1")]);
  const lost: string[] = [];
  await using client = controller.client({}, { onDisconnected: (_, reason) => void lost.push(reason) });
  await until("the configuration", () => (client.digest === "" ? undefined : true));
  const next = renewStreamSecret(secret, { names: [NAME, "other.test"], now: new Date() }).data;
  controller.listener.setCertificate(next);
  const fresh = controller.connect();
  await once(fresh, "secureConnect");
  assert.match(fresh.getPeerCertificate().subjectaltname ?? "", /other\.test/);
  fresh.destroy();
  await controller.server.publish([zone("b1", "2")]).live;
  assert.deepEqual(lost, []);
  assert.throws(() => controller.listener.setCertificate({ "tls.crt": next["tls.crt"], "tls.key": secret["tls.key"] }));
  await controller.server.publish([zone("b1", "3")]).live;
  assert.deepEqual(lost, []);
});
