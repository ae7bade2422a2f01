/** One replica of the controller: watches, config stream, election and what the leader writes, in the order of their start. */
import { hostname } from "node:os";
import { randomUUID } from "node:crypto";
import { ConfigServer } from "#src/config/stream/server.ts";
import { StreamListener } from "#src/config/stream/listener.ts";
import { TokenVerifier } from "#src/config/stream/token-verifier.ts";
import { KubeWriter } from "#src/kube/apply.ts";
import { openKubeClient } from "#src/kube/client.ts";
import { LeaderElection } from "#src/kube/lease.ts";
import { kubeMetrics } from "#src/kube/metrics.ts";
import { isRecord } from "#src/kube/object.ts";
import type { KubeClient } from "#src/kube/request.ts";
import { KubeSource } from "#src/kube/source.ts";
import type { WatchState } from "#src/kube/watch.ts";
import type { CollectedMetric } from "#src/metrics/registry.ts";
import { StartFault } from "#src/process/fault.ts";
import type { Logger } from "#src/process/logger.ts";
import type { OptionValues } from "#src/process/option.ts";
import type { ProgramContext, ProgramPart } from "#src/process/program.ts";
import type { OwnerReference } from "#src/translate/kube-object.ts";
import { checkZone } from "../cli/configuration.ts";
import { CONFIGURATION, watchedObjects } from "./kinds.ts";
import type { CONTROLLER_OPTIONS } from "./options.ts";
import { Reconciler } from "./reconciler.ts";
import { type SecretData, StreamSecret, TOKEN_ISSUER, TOKEN_KEYS } from "./stream-secret.ts";
import { readTemplates } from "./templates.ts";
import { WriteQueue } from "./write-queue.ts";

const FIELD_MANAGER = "fairway-controller";
const LEASE = "fairway-controller";
const STREAM_SERVICE = "fairway-controller-stream";
const DEPLOYMENT = "fairway-controller";

type ControllerOptions = OptionValues<typeof CONTROLLER_OPTIONS>;

export class Controller implements ProgramPart {
  readonly #options: ControllerOptions;
  readonly #log: Logger;
  readonly #stack = new AsyncDisposableStack();
  readonly #verifier = new TokenVerifier();
  readonly #election: LeaderElection;
  readonly #writes: WriteQueue;
  readonly #secret: StreamSecret;
  readonly #server: ConfigServer;
  readonly #reconciler: Reconciler;
  readonly #source: KubeSource;
  readonly #objects: KubeSource;
  #listener: StreamListener | undefined;
  #opening = false;

  static async start({ options, log }: ProgramContext<typeof CONTROLLER_OPTIONS>): Promise<Controller> {
    const client = openKubeClient(options.kubeconfig === "" ? {} : { kubeconfig: options.kubeconfig });
    if (typeof client === "string") throw new StartFault(client);
    const owner = await ownerOf(client, options.namespace, log);
    return new Controller(options, log, client, owner);
  }

  private constructor(options: ControllerOptions, log: Logger, client: KubeClient, owner: OwnerReference | undefined) {
    const { namespace: home } = options;
    this.#options = options;
    this.#log = log;
    this.#stack.use(client);
    const writer = new KubeWriter({ client, fieldManager: FIELD_MANAGER, mayWrite: () => this.#election.mayWrite() });
    this.#server = new ConfigServer({
      select: (plane) => this.#reconciler.filterOf(plane),
      onObserved: () => this.#reconciler.soon(),
      onAcknowledged: () => this.#reconciler.soon(),
      onConnected: (plane, { identity }) => log.info("data plane connected", { plane, pod: identity?.podName }),
      onDisconnected: (plane, reason, { identity }) => {
        log.info("data plane gone", { plane, pod: identity?.podName, reason });
        this.#reconciler.soon();
      },
    });
    this.#secret = this.#stack.use(
      new StreamSecret({
        client,
        writer,
        log,
        namespace: home,
        names: [`${STREAM_SERVICE}.${home}.svc`, `${STREAM_SERVICE}.${home}.svc.cluster.local`],
        isLeading: () => this.#election.mayWrite(),
        onChange: (data) => void this.#onSecret(data),
      }),
    );
    this.#writes = new WriteQueue({ writer, log, onConflict: () => this.#reconciler.onConflict() });
    this.#reconciler = new Reconciler({
      source: () => this.#source,
      objects: () => this.#objects,
      server: this.#server,
      writes: this.#writes,
      mayWrite: () => this.#election.mayWrite(),
      context: { home, owner, templates: readTemplates(options.templates) },
      log,
    });
    const onState = (state: WatchState): void => logState(log, state);
    this.#source = this.#stack.use(
      new KubeSource({
        client,
        kinds: CONFIGURATION,
        checkZone,
        onBatch: (batch) => this.#reconciler.onBatch(batch),
        onState,
      }),
    );
    this.#objects = this.#stack.use(
      new KubeSource({
        client,
        kinds: watchedObjects(home),
        whole: true,
        onBatch: () => this.#reconciler.soon(),
        onState,
      }),
    );
    this.#election = this.#stack.use(
      new LeaderElection({
        client,
        namespace: home,
        name: LEASE,
        identity: `${process.env["POD_NAME"] ?? hostname()}_${randomUUID()}`,
        onChange: (leading) => this.#onLeading(leading),
        onFailure: (reason) => {
          if (reason !== undefined) log.warn("the election cannot ask the API server", { reason });
        },
      }),
    );
    this.#secret.start(options.streamSecret);
  }

  unready(): string | undefined {
    if (!this.#source.synced || !this.#objects.synced) return `not all kinds are listed: ${this.#missing().join(", ")}`;
    if (!this.#reconciler.hasPublished) return "nothing is published yet";
    return this.#listener === undefined ? "the config stream has no certificates and token keys yet" : undefined;
  }

  status(): object {
    return {
      leader: this.#election.leader,
      isLeading: this.#election.mayWrite(),
      entries: this.#reconciler.entries,
      writes: this.#writes.counts,
      ...this.#reconciler.figures,
      dataPlanes: this.#server.clients.map(({ client, identity, isCurrent, isFollower, rejected }) => ({
        plane: client,
        pod: identity?.podName,
        isCurrent,
        isFollower,
        rejected,
      })),
    };
  }

  get collected(): readonly CollectedMetric[] {
    const { figures } = this.#reconciler;
    return [
      ...kubeMetrics(this.#source),
      gauge("fairway_controller_leader", "1 on the replica that writes.", () => (this.#election.mayWrite() ? 1 : 0)),
      gauge(
        "fairway_config_entries",
        "Entries of the configuration that data planes are given.",
        () => this.#reconciler.entries,
      ),
      gauge("fairway_config_clients", "Data planes' pods at the config stream.", () => this.#server.clients.length),
      gauge(
        "fairway_translate_duration_seconds",
        "How long the last translation took.",
        () => figures.translateMs / 1000,
      ),
      {
        type: "counter",
        name: "fairway_kube_writes_total",
        help: "Writes to the API server, by what became of them.",
        labels: ["outcome"],
        collect: () => Object.entries(this.#writes.counts).map(([outcome, value]) => ({ labels: { outcome }, value })),
      },
    ];
  }

  /** What is being written ends, then we lead no more, then serve no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#reconciler[Symbol.dispose]();
    await this.#writes[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
    await this.#server[Symbol.asyncDispose]();
    await this.#listener?.[Symbol.asyncDispose]();
  }

  #missing(): string[] {
    const states = [...this.#source.states, ...this.#objects.states];
    return [...new Set(states.filter(({ synced }) => !synced).map(({ kind }) => kind))];
  }

  #onLeading(leading: boolean): void {
    this.#log.info(leading ? "leading" : "not leading");
    this.#server.lead(leading ? this.#election.term : 0);
    this.#writes.forget();
    void this.#secret.look();
    this.#reconciler.soon();
  }

  async #onSecret(data: SecretData): Promise<void> {
    const { "tls.crt": certificate, "tls.key": key, [TOKEN_KEYS]: keys, [TOKEN_ISSUER]: issuer } = data;
    if (keys !== undefined && issuer !== undefined) this.#useKeys(keys, issuer);
    if (certificate === undefined || key === undefined || !this.#verifier.hasKeys) return;
    const stream = { "tls.crt": certificate, "tls.key": key };
    if (this.#listener !== undefined) this.#listener.setCertificate(stream);
    else if (!this.#opening) await this.#open(stream);
  }

  #useKeys(keys: string, issuer: string): void {
    let value: unknown;
    try {
      value = JSON.parse(keys);
    } catch {
      value = undefined;
    }
    const fault = this.#verifier.setKeys(value, issuer);
    if (fault !== undefined) this.#log.error("the token keys cannot be used", { reason: fault });
  }

  async #open(certificate: { "tls.crt": string; "tls.key": string }): Promise<void> {
    this.#opening = true;
    const { namespace, streamAddress, streamPort } = this.#options;
    const listener = new StreamListener({
      serverOf: () => this.#server,
      verifier: this.#verifier,
      planeOf: (account) =>
        account.namespace === namespace ? this.#reconciler.planeOf(account.serviceAccount) : undefined,
      certificate,
      onRefused: (refusal) => this.#log.warn("a connection to the config stream was refused", { ...refusal }),
    });
    const port = await listener.listen(streamAddress, streamPort);
    this.#listener = listener;
    this.#log.info("config stream open", { address: streamAddress, port });
  }
}

const gauge = (name: string, help: string, value: () => number): CollectedMetric => ({
  type: "gauge",
  name,
  help,
  labels: [],
  collect: () => [{ labels: {}, value: value() }],
});

function logState(log: Logger, state: WatchState): void {
  if (state.failing !== undefined) log.warn("a watch fails", { kind: state.kind, reason: state.failing.reason });
}

/** The chart's Deployment, so that what we make goes with it. */
async function ownerOf(client: KubeClient, namespace: string, log: Logger): Promise<OwnerReference | undefined> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${DEPLOYMENT}`;
  const reply = await client.request({ method: "GET", path, timeoutMs: 5000 });
  const metadata = reply.status === 200 && isRecord(reply.body) ? reply.body["metadata"] : undefined;
  if (isRecord(metadata) && typeof metadata["uid"] === "string") {
    return { apiVersion: "apps/v1", kind: "Deployment", name: DEPLOYMENT, uid: metadata["uid"] };
  }
  log.warn("what is made here does not go with the Deployment: it cannot be read", { name: DEPLOYMENT });
  return undefined;
}
