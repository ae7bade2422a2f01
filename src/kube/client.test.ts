import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Certificate, createCertificate } from "#src/net/self-signed.ts";
import { FakeKubeApi } from "#src/testing/kube-api.ts";
import { plainKubeClient } from "#src/testing/kube-client.ts";
import { type KubeClientOptions, openKubeClient } from "./client.ts";
import type { KubeClient } from "./request.ts";
import { parseRetryAfter } from "./transport.ts";

const notBefore = new Date(Date.now() - 3_600_000);
const notAfter = new Date(Date.now() + 3_600_000);
const authority = (name: string): Certificate =>
  createCertificate({ names: [name], notBefore, notAfter, isAuthority: true });

interface SecureApi extends AsyncDisposable {
  readonly server: Server;
  readonly url: string;
  readonly seen: IncomingMessage[];
}

/** An API server that says who asks; the certificate is for names and addresses of loopback. */
async function startSecure(issuer: Certificate, host: string): Promise<SecureApi> {
  const own = createCertificate({ names: ["kubernetes.default", "127.0.0.1", "::1"], notBefore, notAfter, issuer });
  const server = createServer({ cert: own.certificatePem, key: own.keyPem });
  const seen: IncomingMessage[] = [];
  server.on("request", (request: IncomingMessage, response) => {
    seen.push(request);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ who: request.headers.authorization ?? "nobody" }));
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    server,
    seen,
    url: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "fairway-kube-"));

  write(name: string, text: string): string {
    const file = join(this.path, name);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

function open(options: KubeClientOptions): KubeClient {
  const client = openKubeClient(options);
  if (typeof client === "string") throw new Error(client);
  return client;
}

const kubeconfig = (server: string, cluster: object, user: object): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "one",
    clusters: [{ name: "c", cluster: { server, ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [
      { name: "one", context: { cluster: "c", user: "u", namespace: "fairway" } },
      { name: "two", context: { cluster: "c", user: "u" } },
      { name: "lost", context: { cluster: "none", user: "u" } },
    ],
  });

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const ask = (client: KubeClient): ReturnType<KubeClient["request"]> =>
  client.request({ method: "GET", path: "/version" });
const whoOf = async (client: KubeClient): Promise<unknown> =>
  ((await ask(client)) as { body: { who?: unknown } }).body.who;

for (const host of ["127.0.0.1", "::1"]) {
  test(`a kubeconfig's server, authority, token and namespace; one connection for several requests (${host})`, async () => {
    const ca = authority("one");
    await using api = await startSecure(ca, host);
    using folder = new Folder();
    const text = kubeconfig(
      `${api.url}/k8s/clusters/c-1`,
      { "certificate-authority-data": base64(ca.certificatePem) },
      { token: "abc" },
    );
    using client = open({ kubeconfig: folder.write("config", text) });
    assert.equal(client.namespace, "fairway");
    assert.equal(await whoOf(client), "Bearer abc");
    assert.equal(await whoOf(client), "Bearer abc");
    assert.equal(api.seen[0]!.url, "/k8s/clusters/c-1/version");
    assert.equal(api.seen[0]!.socket.remotePort, api.seen[1]!.socket.remotePort);
    using other = open({ kubeconfig: join(folder.path, "config"), context: "two" });
    assert.equal(other.namespace, "default");
  });
}

test("a server that another authority vouches for is not talked to", async () => {
  await using api = await startSecure(authority("one"), "127.0.0.1");
  using folder = new Folder();
  const text = kubeconfig(
    api.url,
    { "certificate-authority-data": base64(authority("two").certificatePem) },
    { token: "abc" },
  );
  using client = open({ kubeconfig: folder.write("config", text) });
  const reply = await ask(client);
  assert.equal(reply.status === undefined && reply.failure, "unreachable");
  assert.deepEqual(api.seen, []);
});

test("the service account of a pod; an authority that is replaced counts at once", async () => {
  const [before, later] = [authority("before"), authority("later")];
  await using api = await startSecure(before, "::1");
  using folder = new Folder();
  const at = "var/run/secrets/kubernetes.io/serviceaccount";
  folder.write(`${at}/token`, "first");
  folder.write(`${at}/namespace`, "fairway-system");
  folder.write(`${at}/ca.crt`, before.certificatePem);
  const { port } = api.server.address() as AddressInfo;
  const saved = { ...process.env };
  try {
    delete process.env["KUBECONFIG"];
    Object.assign(process.env, { KUBERNETES_SERVICE_HOST: "::1", KUBERNETES_SERVICE_PORT: String(port) });
    using client = open({ serviceAccountRoot: `${folder.path}/` });
    assert.equal(client.namespace, "fairway-system");
    assert.equal(await whoOf(client), "Bearer first");
    const own = createCertificate({ names: ["::1"], notBefore, notAfter, issuer: later });
    api.server.setSecureContext({ cert: own.certificatePem, key: own.keyPem });
    folder.write(`${at}/ca.crt`, later.certificatePem);
    assert.equal(await whoOf(client), "Bearer first");
    assert.notEqual(
      api.seen[0]!.socket.remotePort,
      api.seen[1]!.socket.remotePort,
      "a connection that the new one vouches for",
    );
  } finally {
    process.env = saved;
  }
});

test("a plugin that gives credentials: its token is used, its failure is the request's", async () => {
  const ca = authority("one");
  await using api = await startSecure(ca, "127.0.0.1");
  using folder = new Folder();
  const credential = {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { token: "made" },
  };
  const plugin = folder.write("plugin", `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
  const failing = folder.write("failing", "#!/bin/sh\necho no login >&2\nexit 1\n");
  const hanging = folder.write("hanging", "#!/bin/sh\nexec sleep 2\n");
  for (const file of [plugin, failing, hanging]) chmodSync(file, 0o755);
  const through = (command: string): KubeClient => {
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command, interactiveMode: "Never" };
    const text = kubeconfig(api.url, { "certificate-authority-data": base64(ca.certificatePem) }, { exec });
    return open({ kubeconfig: folder.write("config", text) });
  };
  using good = through(plugin);
  assert.equal(await whoOf(good), "Bearer made");
  using bad = through(failing);
  const reply = await ask(bad);
  assert.deepEqual(reply, { status: undefined, failure: "credentials", reason: "no login\n" });
  using slow = through(hanging);
  const late = await slow.request({ method: "GET", path: "/version", timeoutMs: 50 });
  assert.equal(late.status === undefined && late.failure, "timeout");
});

test("a configuration that cannot be used is a reason", () => {
  using folder = new Folder();
  const good = folder.write("config", kubeconfig("https://127.0.0.1:1", {}, { token: "abc" }));
  const cases: readonly (readonly [KubeClientOptions, RegExp])[] = [
    [{ kubeconfig: join(folder.path, "none") }, /^Cannot read the kubeconfig: ENOENT/],
    [{ kubeconfig: folder.write("bad", "a: [") }, /^Cannot read the kubeconfig: /],
    [{ kubeconfig: folder.write("empty", "{}") }, /^Cannot (use|read) the kubeconfig: /],
    [{ kubeconfig: good, context: "three" }, /^Cannot use the kubeconfig: it has no context three$/],
    [{ kubeconfig: good, context: "lost" }, /^Cannot use the kubeconfig: it has no cluster for the context lost$/],
    [
      { kubeconfig: folder.write("url", kubeconfig("nowhere", {}, {})) },
      /^Cannot use the kubeconfig: the server nowhere is no URL$/,
    ],
  ];
  for (const [options, reason] of cases) assert.match(String(openKubeClient(options)), reason);
});

test("failures of requests are values, each with its reason", async () => {
  await using api = await FakeKubeApi.start("::1");
  using client = plainKubeClient(api.url);
  const outcome = async (answer: ReturnType<FakeKubeApi["intercept"]>, more: object = {}): Promise<unknown> => {
    api.intercept = () => answer;
    const reply = await client.request({ method: "GET", path: "/version", ...more });
    return reply.status ?? reply.failure;
  };
  assert.equal(await outcome({ status: 200, body: "{" }), "malformed");
  assert.equal(await outcome({ status: 200, body: `"${"x".repeat(2000)}"` }, { maxBytes: 1000 }), "tooLarge");
  assert.equal(await outcome("hang", { timeoutMs: 20 }), "timeout");
  assert.equal(await outcome("hang", { signal: AbortSignal.timeout(20) }), "stopped");
  assert.equal(await outcome("hang", { signal: AbortSignal.abort() }), "stopped");
  assert.equal(await outcome(undefined), 404);
  const closed = createTcpServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  closed.close();
  using nowhere = plainKubeClient(`http://127.0.0.1:${port}`);
  const reply = await nowhere.request({ method: "GET", path: "/version" });
  assert.deepEqual(reply, {
    status: undefined,
    failure: "unreachable",
    reason: `connect ECONNREFUSED 127.0.0.1:${port}`,
  });
});

test("a read on a kept connection that was closed meanwhile is asked once more, a write is not", async () => {
  await using api = await FakeKubeApi.start();
  using client = plainKubeClient(api.url);
  for (const method of ["GET", "POST"] as const) {
    api.intercept = () => ({ status: 200, body: "{}" });
    await client.request({ method: "GET", path: "/warm" });
    let cuts = 0;
    api.intercept = () => (cuts++ === 0 ? "cut" : { status: 200, body: "{}" });
    const reply = await client.request({ method, path: "/again" });
    assert.equal(reply.status, method === "GET" ? 200 : undefined);
  }
});

test("Retry-After is seconds or a date, and bounded", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const cases: readonly (readonly [string | undefined, number | undefined])[] = [
    [undefined, undefined],
    ["7", 7000],
    ["0", 0],
    ["99999", 60_000],
    ["Thu, 01 Jan 2026 00:00:05 GMT", 5000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
    ["soon", undefined],
  ];
  for (const [field, ms] of cases) assert.equal(parseRetryAfter(field, now), ms, String(field));
});
