/** For tests: replicas of the controller between an API server in small and data planes' pods, over loopback. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import type { Entry } from "#src/config/model.ts";
import { ReplicaClient } from "#src/config/stream/replica-client.ts";
import { collectionPath, type KubeKind } from "#src/kube/object.ts";
import { createLogger } from "#src/process/logger.ts";
import { splitDocuments } from "#src/resource/documents.ts";
import { KINDS } from "#src/resource/resource.ts";
import { parseYaml } from "#src/resource/yaml.ts";
import { TEMPLATES } from "#src/testing/cluster-world.ts";
import { FakeKubeApi, type SeenRequest, type Stored } from "#src/testing/kube-api.ts";
import { freePort } from "#src/testing/service-process.ts";
import { type TokenFields, TokenIssuer } from "#src/testing/token-issuer.ts";
import { until } from "#src/testing/until.ts";
import { PLANE_LABEL } from "#src/translate/workload.ts";
import { Controller } from "./controller.ts";
import { watchedObjects } from "./kinds.ts";

export const HOME = "fairway-system";
export const STREAM_SECRET_PLACE = ["/api/v1/secrets", `${HOME}/fairway-stream`] as const;
const LEASE: KubeKind = {
  group: "coordination.k8s.io",
  versions: ["v1"],
  kind: "Lease",
  plural: "leases",
  scope: "Namespaced",
};

type Json = Record<string, unknown>;

export class TestCluster implements AsyncDisposable {
  readonly api: FakeKubeApi;
  readonly issuer = new TokenIssuer();
  readonly folder = mkdtempSync(join(tmpdir(), "fairway-controller-"));
  /** Asked before each request, after what the fake does not know. */
  intercept: FakeKubeApi["intercept"] = () => undefined;
  readonly #kinds = new Map<string, string>();

  private constructor(api: FakeKubeApi) {
    this.api = api;
    for (const kind of [...Object.values(KINDS), ...watchedObjects(HOME).map((each) => each.kind)]) this.#serve(kind);
    this.#serve(LEASE);
    api.intercept = (request) => this.intercept(request) ?? this.#discovery(request);
    for (const [engine, template] of Object.entries(TEMPLATES))
      writeFileSync(join(this.folder, `${engine}.yaml`), JSON.stringify(template));
    this.writeKubeconfig(api.url);
  }

  static async start(): Promise<TestCluster> {
    const cluster = new TestCluster(await FakeKubeApi.start());
    cluster.apply(INSTALLED);
    return cluster;
  }

  writeKubeconfig(server: string): void {
    const kubeconfig = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "one",
      clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "one", context: { cluster: "c", user: "u" } }],
    };
    writeFileSync(join(this.folder, "kubeconfig"), JSON.stringify(kubeconfig));
  }

  /** As kubectl would, all that the API server's own part is left out. */
  apply(yaml: string): void {
    for (const { text } of splitDocuments(yaml)) this.put(parseYaml(text).value as Json);
  }

  put(object: Json): Stored {
    return this.api.put(this.#kinds.get(String(object["kind"]))!, object);
  }

  /** `get("HTTPRoute", "shop/a")`. */
  get(kind: string, place: string): Stored | undefined {
    return this.api.objects(this.#kinds.get(kind)!).get(place);
  }

  all(kind: string): Stored[] {
    return [...this.api.objects(this.#kinds.get(kind)!).values()];
  }

  delete(kind: string, place: string): void {
    this.api.delete(this.#kinds.get(kind)!, place);
  }

  /** The status of the condition in what the object says of itself, or of the first parent. */
  condition(kind: string, place: string, type: string): string | undefined {
    const status = this.get(kind, place)?.["status"] as Conditions | undefined;
    const conditions = status?.conditions ?? status?.parents?.[0]?.conditions ?? [];
    return conditions.find((one) => one.type === type)?.status;
  }

  async replica(options: { readonly streamSecret?: string } = {}): Promise<TestReplica> {
    const lines: string[] = [];
    const port = await freePort();
    const controller = Controller.start({
      options: {
        kubeconfig: join(this.folder, "kubeconfig"),
        namespace: HOME,
        templates: this.folder,
        streamAddress: "127.0.0.1",
        streamPort: port,
        streamSecret: options.streamSecret ?? "",
        adminAddress: "127.0.0.1",
        adminPort: 0,
        logLevel: "info",
      },
      log: createLogger({ write: (line) => void lines.push(line) }),
    });
    return new TestReplica(controller, port, lines);
  }

  /** A ready pod of a shared plane, connected to these replicas. */
  pod(plane: string, name: string, replicas: readonly TestReplica[], fields: TokenFields = {}): TestPlanePod {
    const { uid } = this.put(podObject(plane, name)).metadata;
    return new TestPlanePod(this, replicas, {
      serviceAccount: `fairway-${plane}`,
      podName: name,
      podUid: uid,
      ...fields,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true });
  }

  #serve(kind: KubeKind): void {
    const collection = collectionPath(kind, "");
    this.api.serveKind(collection);
    this.#kinds.set(kind.kind, collection);
  }

  #discovery({ url }: SeenRequest): { status: number; body: string } | undefined {
    if (url.pathname === "/openid/v1/jwks") return { status: 200, body: JSON.stringify(this.issuer.jwks) };
    if (url.pathname !== "/.well-known/openid-configuration") return undefined;
    return { status: 200, body: JSON.stringify({ issuer: this.issuer.issuer }) };
  }
}

interface Conditions {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  readonly parents?: readonly Conditions[];
}

export class TestReplica implements AsyncDisposable {
  readonly controller: Controller;
  readonly port: number;
  /** Of its log. */
  readonly lines: string[];

  constructor(controller: Controller, port: number, lines: string[]) {
    this.controller = controller;
    this.port = port;
    this.lines = lines;
  }

  get isLeading(): boolean {
    return (this.controller.status() as { readonly isLeading: boolean }).isLeading;
  }

  logged(event: string): boolean {
    return this.lines.some((line) => line.includes(`"${event}"`));
  }

  async ready(): Promise<void> {
    await until("that it is ready", () => (this.controller.unready() === undefined ? true : undefined));
  }

  async leading(): Promise<void> {
    await until("that it leads", () => this.isLeading || undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.controller[Symbol.asyncDispose]();
  }
}

/** Takes all it is given, and listens at every port of that. */
export class TestPlanePod implements AsyncDisposable {
  readonly uid: string;
  readonly client: ReplicaClient;

  constructor(
    cluster: TestCluster,
    replicas: readonly TestReplica[],
    fields: TokenFields & { readonly podUid: string },
  ) {
    this.uid = fields.podUid;
    this.client = new ReplicaClient({
      name: "whoever",
      resolve: async () => replicas.map(({ port }) => String(port)),
      connect: (port) => {
        const data = cluster.get("Secret", STREAM_SECRET_PLACE[1])?.["data"] as Record<string, string> | undefined;
        const ca = Buffer.from(data?.["ca.crt"] ?? "", "base64");
        return connect({
          host: "127.0.0.1",
          port: Number(port),
          ca,
          servername: `fairway-controller-stream.${HOME}.svc`,
        });
      },
      token: () => cluster.issuer.token(fields),
      reconnect: { firstMs: 10, maxMs: 100 },
      resolveMs: 100,
      apply: () => [],
      onChanged: () => this.#listen(),
    });
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.client.entries;
  }

  /** Once it holds such an entry. */
  async holds(what: string, isIt: (entries: ReadonlyMap<string, Entry>) => boolean): Promise<void> {
    await until(what, () => isIt(this.entries) || undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client[Symbol.asyncDispose]();
  }

  #listen(): void {
    for (const { key, version, value } of this.entries.values())
      if (value.kind === "port") this.client.observe({ key, version, state: "bound", process: 0 });
  }
}

function podObject(plane: string, name: string): Json {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: HOME,
      labels: { "app.kubernetes.io/name": "fairway", [PLANE_LABEL]: plane },
    },
    spec: { nodeName: "node1" },
    status: {
      podIPs: [{ ip: `10.0.0.${name.length}` }, { ip: `fd00::${name.length}` }],
      hostIPs: [{ ip: "192.0.2.1" }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}

/** What the chart brings. */
const INSTALLED = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: fairway-controller, namespace: ${HOME} }
spec: {}
---
apiVersion: v1
kind: Secret
metadata: { name: fairway-stream, namespace: ${HOME} }
type: Opaque
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: { name: fairway-controller, namespace: ${HOME} }
---
apiVersion: v1
kind: Node
metadata: { name: node1, labels: { topology.kubernetes.io/zone: a } }
---
apiVersion: v1
kind: Namespace
metadata: { name: ${HOME} }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: fairway, creationTimestamp: "2026-01-01T00:00:00Z" }
spec: { controllerName: fairway.dev/gateway }
`;
