/** The stream's Secret: made, renewed, restored, read from a folder, with an API server in small. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { KubeWriter } from "#src/kube/apply.ts";
import { renewStreamSecret } from "#src/config/stream/authority.ts";
import { createLogger } from "#src/process/logger.ts";
import { FakeKubeApi } from "#src/testing/kube-api.ts";
import { plainKubeClient } from "#src/testing/kube-client.ts";
import { TokenIssuer } from "#src/testing/token-issuer.ts";
import { until } from "#src/testing/until.ts";
import { type SecretData, StreamSecret } from "./stream-secret.ts";

const COLLECTION = "/api/v1/secrets";
const PLACE = "home/fairway-stream";
const NAMES = ["stream.home.svc"];

class Desk implements AsyncDisposable {
  readonly api: FakeKubeApi;
  readonly seen: SecretData[] = [];
  readonly lines: string[] = [];
  readonly secret: StreamSecret;
  isLeading = true;
  readonly #client: ReturnType<typeof plainKubeClient>;

  private constructor(api: FakeKubeApi) {
    this.api = api;
    const issuer = new TokenIssuer();
    api.serveKind(COLLECTION);
    api.intercept = ({ url }) => {
      if (url.pathname === "/openid/v1/jwks") return { status: 200, body: JSON.stringify(issuer.jwks) };
      if (url.pathname !== "/.well-known/openid-configuration") return undefined;
      return { status: 200, body: JSON.stringify({ issuer: issuer.issuer }) };
    };
    this.#client = plainKubeClient(api.url);
    this.secret = new StreamSecret({
      client: this.#client,
      writer: new KubeWriter({ client: this.#client, fieldManager: "test", mayWrite: () => this.isLeading }),
      log: createLogger({ write: (line) => void this.lines.push(line) }),
      namespace: "home",
      names: NAMES,
      isLeading: () => this.isLeading,
      onChange: (data) => void this.seen.push(data),
    });
  }

  static async start(): Promise<Desk> {
    return new Desk(await FakeKubeApi.start());
  }

  put(data: SecretData): void {
    const encoded = Object.fromEntries(Object.entries(data).map(([name, text]) => [name, btoa(text)]));
    this.api.put(COLLECTION, { metadata: { name: "fairway-stream", namespace: "home" }, data: encoded });
  }

  /** What the API server has. */
  get stored(): SecretData {
    const data = (this.api.objects(COLLECTION).get(PLACE)?.["data"] ?? {}) as SecretData;
    return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, atob(text)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.secret[Symbol.dispose]();
    this.#client[Symbol.dispose]();
    await this.api[Symbol.asyncDispose]();
  }
}

test("the leader fills the empty Secret once, and leaves it alone then", async () => {
  await using desk = await Desk.start();
  desk.put({});
  await desk.secret.look();
  const keys = ["ca.crt", "ca.key", "issuer", "jwks.json", "tls.crt", "tls.key"];
  assert.deepEqual(Object.keys(desk.stored).toSorted(), keys);
  assert.deepEqual(desk.seen, [desk.stored]);
  const before = desk.api.version;
  await desk.secret.look();
  assert.deepEqual([desk.api.version, desk.seen.length], [before, 1]);
});

test("who does not lead takes what is there, and writes nothing", async () => {
  await using desk = await Desk.start();
  desk.isLeading = false;
  desk.put({});
  await desk.secret.look();
  assert.deepEqual([desk.stored, desk.seen], [{}, []]);
  desk.put({ "tls.crt": "a" });
  await desk.secret.look();
  assert.deepEqual(desk.seen, [{ "tls.crt": "a" }]);
  assert.ok(desk.api.requests.every(({ method }) => method === "GET"));
});

const LOSSES: readonly (readonly [string, (desk: Desk) => void])[] = [
  ["deleted", (desk) => desk.api.delete(COLLECTION, PLACE)],
  ["emptied", (desk) => desk.put({})],
  ["damaged", (desk) => desk.put({ ...desk.stored, "ca.crt": "nonsense" })],
  ["with another key", (desk) => desk.put({ ...desk.stored, "tls.key": desk.stored["ca.key"]! })],
];

for (const [loss, lose] of LOSSES) {
  test(`a Secret that is ${loss} gets back the authority that data planes believe`, async () => {
    await using desk = await Desk.start();
    desk.put({});
    await desk.secret.look();
    const { stored } = desk;
    lose(desk);
    assert.notDeepEqual(desk.stored, stored);
    await desk.secret.look();
    assert.deepEqual(desk.stored, stored);
    assert.ok(desk.lines.at(-1)!.includes('"restored"'));
  });
}

test("a certificate that is soon over is renewed by the same authority", async () => {
  await using desk = await Desk.start();
  const now = new Date(Date.now() - 21 * 86_400_000);
  const { data } = renewStreamSecret(undefined, { names: NAMES, now });
  desk.put(data);
  await desk.secret.look();
  assert.equal(desk.stored["ca.crt"], data["ca.crt"]);
  assert.notEqual(desk.stored["tls.crt"], data["tls.crt"]);
  assert.equal(desk.seen.at(-1)!["tls.crt"], desk.stored["tls.crt"]);
});

test("a Secret that another leader has filled meanwhile is not overwritten", async () => {
  await using desk = await Desk.start();
  desk.put({});
  const { data } = renewStreamSecret(undefined, { names: NAMES, now: new Date() });
  const { intercept } = desk.api;
  desk.api.intercept = (request) => {
    if (request.method === "PATCH" && desk.stored["ca.crt"] === undefined) desk.put(data);
    return intercept(request);
  };
  await desk.secret.look();
  assert.equal(desk.stored["ca.crt"], data["ca.crt"]);
  await desk.secret.look();
  assert.equal(desk.seen.at(-1)!["ca.crt"], data["ca.crt"]);
});

test("while the API server is away, what the kubelet has put into a folder counts; then what it says itself", async () => {
  await using desk = await Desk.start();
  const folder = mkdtempSync(join(tmpdir(), "fairway-secret-"));
  try {
    const { data } = renewStreamSecret(undefined, { names: NAMES, now: new Date() });
    const { "ca.key": _key, ...shown } = data;
    for (const [name, text] of Object.entries(shown)) writeFileSync(join(folder, name), text);
    let isAway = true;
    const { intercept } = desk.api;
    desk.api.intercept = (request) => (isAway ? "cut" : intercept(request));
    desk.isLeading = false;
    desk.secret.start(folder);
    assert.deepEqual(desk.seen, [shown]);
    await until("that it is told", () => desk.lines.length === 1 || undefined);
    desk.put({ ...data, issuer: "i", "jwks.json": "{}" });
    isAway = false;
    await until("what the API server says", () => desk.seen[1]);
    assert.deepEqual(desk.seen[1], { ...data, issuer: "i", "jwks.json": "{}" });
    assert.equal(desk.secret.isComplete, true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
