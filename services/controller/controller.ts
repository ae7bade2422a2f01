/** One replica of the controller: watches, config stream, election and what the leader writes, in the order of their start. */
import { hostname } from "node:os";
import { randomUUID } from "node:crypto";
import type { ClientStatus } from "#src/config/stream/client-state.ts";
import { ConfigServer } from "#src/config/stream/server.ts";
import { KubeWriter } from "#src/kube/apply.ts";
import { openKubeClient } from "#src/kube/client.ts";
import { LeaderElection } from "#src/kube/lease.ts";
import { kubeMetrics } from "#src/kube/metrics.ts";
import type { KubeClient } from "#src/kube/request.ts";
import { KubeSource } from "#src/kube/source.ts";
import type { WatchState } from "#src/kube/watch.ts";
import type { CollectedMetric } from "#src/metrics/registry.ts";
import { StartFault } from "#src/process/fault.ts";
import type { Logger } from "#src/process/logger.ts";
import type { OptionValues } from "#src/process/option.ts";
import type { ProgramContext, ProgramPart } from "#src/process/program.ts";
import { checkZone } from "../cli/configuration.ts";
import { CONFIGURATION, watchedObjects } from "./kinds.ts";
import type { CONTROLLER_OPTIONS } from "./options.ts";
import { Owner } from "./owner.ts";
import { Reconciler, SHARED_PLANES } from "./reconciler.ts";
import { StreamDoor } from "./stream-door.ts";
import { StreamSecret } from "./stream-secret.ts";
import { readTemplates } from "./templates.ts";
import { WriteQueue } from "./write-queue.ts";

const FIELD_MANAGER = "fairway-controller";
const LEASE = "fairway-controller";
const STREAM_SERVICE = "fairway-controller-stream";

type ControllerOptions = OptionValues<typeof CONTROLLER_OPTIONS>;

export class Controller implements ProgramPart {
  readonly #log: Logger;
  readonly #stack = new AsyncDisposableStack();
  readonly #election: LeaderElection;
  readonly #writes: WriteQueue;
  readonly #secret: StreamSecret;
  readonly #server: ConfigServer;
  readonly #door: StreamDoor;
  readonly #reconciler: Reconciler;
  readonly #source: KubeSource;
  readonly #objects: KubeSource;
  readonly #owner: Owner;

  static start({ options, log }: ProgramContext<typeof CONTROLLER_OPTIONS>): Controller {
    const client = openKubeClient(options.kubeconfig === "" ? {} : { kubeconfig: options.kubeconfig });
    if (typeof client === "string") throw new StartFault(client);
    return new Controller(options, log, client);
  }

  private constructor(options: ControllerOptions, log: Logger, client: KubeClient) {
    const { namespace: home } = options;
    this.#log = log;
    const templates = readTemplates(options.templates);
    this.#stack.use(client);
    const writer = new KubeWriter({ client, fieldManager: FIELD_MANAGER, mayWrite: () => this.#election.mayWrite() });
    this.#server = this.#makeServer();
    this.#door = new StreamDoor({
      log,
      server: this.#server,
      planeOf: ({ namespace, serviceAccount }) =>
        namespace === home ? this.#reconciler.planeOf(serviceAccount) : undefined,
      address: options.streamAddress,
      port: options.streamPort,
    });
    this.#secret = this.#stack.use(
      new StreamSecret({
        client,
        writer,
        log,
        namespace: home,
        names: [`${STREAM_SERVICE}.${home}.svc`, `${STREAM_SERVICE}.${home}.svc.cluster.local`],
        isLeading: () => this.#election.mayWrite(),
        onChange: (data) => this.#door.use(data),
      }),
    );
    this.#writes = new WriteQueue({ writer, log, onDoubt: () => this.#reconciler.onDoubt() });
    this.#reconciler = new Reconciler({
      source: () => this.#source,
      objects: () => this.#objects,
      server: this.#server,
      writes: this.#writes,
      mayWrite: () => this.#election.mayWrite(),
      home,
      context: () => this.#owner.known && { home, owner: this.#owner.known.reference, templates },
      log,
    });
    const onState = makeStateLog(log);
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
        onBatch: () => this.#reconciler.onChange(),
        onState,
      }),
    );
    this.#election = this.#stack.use(this.#makeElection(client, home));
    const onKnown = (): void => this.#reconciler.soon();
    this.#owner = this.#stack.use(new Owner({ client, log, namespace: home, onKnown }));
    this.#secret.start(options.streamSecret);
  }

  unready(): string | undefined {
    if (!this.#source.synced || !this.#objects.synced) return `not all kinds are listed: ${this.#missing().join(", ")}`;
    if (!this.#reconciler.hasPublished) return "nothing is published yet";
    return this.#door.isOpen ? undefined : "the config stream has no certificates and token keys yet";
  }

  status(): object {
    return {
      leader: this.#election.leader,
      isLeading: this.#election.mayWrite(),
      entries: this.#reconciler.entries,
      writes: this.#writes.counts,
      passes: this.#reconciler.figures,
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
    return [
      ...kubeMetrics([this.#source, this.#objects]),
      ...this.#reconciler.metrics,
      ...this.#door.metrics,
      gauge("fairway_controller_leader", "1 on the replica that writes.", () => (this.#election.mayWrite() ? 1 : 0)),
      gauge(
        "fairway_config_entries",
        "Entries of the configuration that data planes are given.",
        () => this.#reconciler.entries,
      ),
      this.#clientsGauge(
        "fairway_config_clients",
        "Connections of data planes' pods to the config stream.",
        () => true,
      ),
      this.#clientsGauge(
        "fairway_config_clients_current",
        "Those of them that have the last configuration in use, all of it.",
        ({ isCurrent, rejected }) => isCurrent && rejected.length === 0,
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
    await this.#door[Symbol.asyncDispose]();
  }

  #makeServer(): ConfigServer {
    const log = this.#log;
    return new ConfigServer({
      select: (plane) => this.#reconciler.filterOf(plane),
      onObserved: () => this.#reconciler.onChange(),
      onAcknowledged: () => this.#reconciler.soon(),
      onConnected: (plane, { identity }) => log.info("data plane connected", { plane, pod: identity?.podName }),
      onDisconnected: (plane, reason, { identity }) => {
        log.info("data plane gone", { plane, pod: identity?.podName, reason });
        this.#reconciler.soon();
      },
    });
  }

  #makeElection(client: KubeClient, namespace: string): LeaderElection {
    return new LeaderElection({
      client,
      namespace,
      name: LEASE,
      identity: `${process.env["POD_NAME"] ?? hostname()}_${randomUUID()}`,
      onChange: (leading) => this.#onLeading(leading),
      onFailure: (reason) => {
        if (reason !== undefined) this.#log.warn("the election cannot ask the API server", { reason });
      },
    });
  }

  /** All dedicated planes are one. */
  #clientsGauge(name: string, help: string, isCounted: (client: ClientStatus) => boolean): CollectedMetric {
    const counts = (): Map<string, number> => {
      const found = new Map([...SHARED_PLANES, "dedicated"].map((plane) => [plane, 0]));
      for (const client of this.#server.clients.filter(isCounted)) {
        const plane = found.has(client.client) ? client.client : "dedicated";
        found.set(plane, found.get(plane)! + 1);
      }
      return found;
    };
    const collect = () => Array.from(counts(), ([plane, value]) => ({ labels: { plane }, value }));
    return { type: "gauge", name, help, labels: ["plane"], collect };
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
    this.#reconciler.onChange();
  }
}

const gauge = (name: string, help: string, value: () => number): CollectedMetric => ({
  type: "gauge",
  name,
  help,
  labels: [],
  collect: () => [{ labels: {}, value: value() }],
});

/** Failures, and that they are over. */
function makeStateLog(log: Logger): (state: WatchState) => void {
  const failing = new Set<string>();
  return ({ kind, namespace, failing: failure }) => {
    const name = `${kind} ${namespace}`;
    if (failure !== undefined) {
      failing.add(name);
      log.warn("a watch fails", { kind, reason: failure.reason });
    } else if (failing.delete(name)) log.info("a watch goes on", { kind });
  };
}
