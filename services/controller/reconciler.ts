/**
 * From what is watched to what is so: every replica translates and serves the config stream; the leader alone writes
 * Services, EndpointSlices, workloads and status. One pass at a time, soon after whatever may have changed its outcome.
 */
import type { Entry } from "#src/config/model.ts";
import { formatFault } from "#src/config/source/snapshot.ts";
import type { EntryFilter } from "#src/config/stream/view.ts";
import type { ConfigServer } from "#src/config/stream/server.ts";
import type { PodObservation } from "#src/gateway/observed.ts";
import { type CurrentObject, status } from "#src/gateway/status.ts";
import { isRecord, type KubeMetadata } from "#src/kube/object.ts";
import type { KubeBatch, KubeSource } from "#src/kube/source.ts";
import type { Logger } from "#src/process/logger.ts";
import { apiVersionOf } from "#src/resource/kind.ts";
import { KINDS } from "#src/resource/resource.ts";
import { infrastructure } from "#src/translate/infrastructure.ts";
import type { KubeObject } from "#src/translate/kube-object.ts";
import { observePod, planesByLabel } from "#src/translate/pod-observation.ts";
import { addressesOfFronts, carriedOf } from "#src/translate/status-facts.ts";
import { makeTranslate, type Translation } from "#src/translate/translate.ts";
import { dedicatedName, type WorkloadContext } from "#src/translate/workload.ts";
import { MADE, WITH_STATUS } from "./kinds.ts";
import type { Wish, WriteQueue } from "./write-queue.ts";

export interface ReconcilerOptions {
  /** Kinds of configuration. */
  readonly source: () => KubeSource;
  /** What we make, pods and nodes. */
  readonly objects: () => KubeSource;
  readonly server: ConfigServer;
  readonly writes: WriteQueue;
  readonly mayWrite: () => boolean;
  readonly context: WorkloadContext;
  readonly log: Logger;
}

/** Changes come in bursts: acknowledgements of many pods, slices of many Gateways. */
const GATHER_MS = 10;
/** After a conflict: what was in the way should have been seen by then. */
const CONFLICT_MS = 500;
const SHARED = ["dns", "edge", "balancer"];

export class Reconciler implements Disposable {
  /** Passes, how long they took together, and of those that translated the last one's time, in milliseconds. */
  readonly figures = { passes: 0, totalMs: 0, translateMs: 0 };
  readonly #options: ReconcilerOptions;
  readonly #translate = makeTranslate();
  readonly #publishedAt = new WeakMap<Entry, number>();
  readonly #filters = new Map<string, EntryFilter>();
  #translation: Translation | undefined;
  /** Objects have changed since the last translation. */
  #isStale = true;
  #faults: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Infinity;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  get entries(): number {
    return this.#translation?.entries.length ?? 0;
  }

  /** Something was published: data planes can be served. */
  get hasPublished(): boolean {
    return this.#translation !== undefined;
  }

  /** What a plane may see, for the config stream: the same function for the same plane. */
  filterOf(plane: string): EntryFilter {
    let filter = this.#filters.get(plane);
    if (filter === undefined) {
      filter = (entry) => this.#translation?.planesOf(entry).has(plane) ?? false;
      this.#filters.set(plane, filter);
    }
    return filter;
  }

  /** Plane of the pods of a service account in our namespace. */
  planeOf(serviceAccount: string): string | undefined {
    const shared = SHARED.find((plane) => serviceAccount === `fairway-${plane}`);
    return shared ?? this.#planes().find((plane) => plane.includes("/") && dedicatedName(plane) === serviceAccount);
  }

  /** Shared and dedicated, those of which only pods are left too. */
  #planes(): string[] {
    const { fronts = [], allocations = [] } = this.#translation ?? {};
    return [...SHARED, ...fronts.map(({ plane }) => plane.id), ...allocations.map(({ plane }) => plane)];
  }

  /** Objects of configuration have changed. */
  onBatch({ resources }: KubeBatch): void {
    if (resources.size > 0) this.#isStale = true;
    const source = this.#options.source();
    this.#tellFaults(source);
    this.soon();
  }

  onConflict(): void {
    this.#wake(Date.now() + CONFLICT_MS);
  }

  /** A pass soon: something has changed. */
  soon(): void {
    this.#wake(Date.now() + GATHER_MS);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#dueAt = -Infinity;
  }

  #wake(at: number): void {
    if (at >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = at;
    this.#timer = setTimeout(() => this.#pass(), Math.max(0, at - Date.now()));
  }

  #pass(): void {
    this.#dueAt = Infinity;
    const { source, objects } = this.#options;
    if (!source().synced || !objects().synced) return;
    const begun = performance.now();
    const wakeAt = [this.#publish(), this.#write()];
    this.figures.passes++;
    this.figures.totalMs += performance.now() - begun;
    for (const at of wakeAt) if (at !== undefined) this.#wake(at);
  }

  /** When the same objects mean something else. */
  #publish(): number | undefined {
    const { source, server, context } = this.#options;
    const now = Date.now();
    const last = this.#translation;
    if (!this.#isStale && last !== undefined && (last.wakeAt ?? Infinity) > now) return last.wakeAt;
    const begun = performance.now();
    this.#isStale = false;
    const cluster = { now, home: context.home, allocations: last?.allocations ?? [] };
    this.#translation = this.#translate(source().resources(), cluster);
    this.figures.translateMs = performance.now() - begun;
    for (const entry of this.#translation.entries) if (!this.#publishedAt.has(entry)) this.#publishedAt.set(entry, now);
    server.publish(this.#translation.entries, source().revision);
    return this.#translation.wakeAt;
  }

  /** When pods have had their time to acknowledge. */
  #write(): number | undefined {
    const { mayWrite, writes } = this.#options;
    const translation = this.#translation;
    if (translation === undefined || !mayWrite()) return undefined;
    const pods = this.#pods();
    const { wishes, wakeAt } = this.#statusWishes(translation, pods);
    writes.want([...this.#infrastructureWishes(translation, pods), ...wishes]);
    return wakeAt;
  }

  #pods(): PodObservation[] {
    const { objects, server } = this.#options;
    const planes = planesByLabel(this.#planes());
    const clients = new Map(server.clients.map((client) => [client.identity?.podUid, client]));
    const zones = new Map(
      Array.from(objects().objects("Node"), ({ object }) => [object?.metadata.name, zoneOf(object?.metadata)]),
    );
    return Array.from(objects().objects("Pod")).flatMap(({ uid, object }) => {
      if (object === undefined) return [];
      // Read back as it was written: an object of a namespace.
      const pod = object as KubeObject;
      const node = (pod["spec"] as { readonly nodeName?: string } | undefined)?.nodeName;
      return observePod(pod, { planes, client: clients.get(uid), zone: zones.get(node) ?? "" }) ?? [];
    });
  }

  #infrastructureWishes(translation: Translation, pods: readonly PodObservation[]): Wish[] {
    const { objects, context } = this.#options;
    const existing = new Map<string, KubeObject>();
    for (const { kind } of MADE) {
      for (const { name, object } of objects().objects(kind)) {
        // Read back as it was written: an object of a namespace.
        if (object !== undefined) existing.set(name, object as KubeObject);
      }
    }
    const { apply, remove } = infrastructure(translation, { pods, existing: [...existing.values()] }, context);
    const seen = (object: KubeObject): string =>
      existing.get(`${object.kind} ${object.metadata.namespace}/${object.metadata.name}`)?.metadata.resourceVersion ??
      "";
    return [
      ...apply.map((object): Wish => ({
        act: "apply",
        kind: madeKind(object.kind),
        object: toApplied(object),
        seen: seen(object),
      })),
      ...remove.map((target): Wish => ({ act: "remove", kind: madeKind(target.kind), target })),
    ];
  }

  #statusWishes(
    translation: Translation,
    pods: readonly PodObservation[],
  ): { wishes: Wish[]; wakeAt: number | undefined } {
    const facts = {
      pods,
      carried: carriedOf(translation),
      addresses: addressesOfFronts(translation.fronts, pods),
      publishedAt: (entry: Entry) => this.#publishedAt.get(entry) ?? 0,
    };
    const current = [...this.#currentObjects()];
    const uids = new Map(current.map(({ object, uid }) => [object, uid]));
    const objects = current.map(({ object }) => object);
    const { patches, wakeAt } = status(translation.verdicts, facts, objects, Date.now());
    const byName = new Map(objects.map((object) => [`${object.kind} ${object.namespace}/${object.name}`, object]));
    const wishes = patches.map(({ status: next, kind, namespace, name, resourceVersion }): Wish => ({
      act: "status",
      kind: kindOf(kind),
      target: { namespace, name, resourceVersion, uid: uids.get(byName.get(`${kind} ${namespace}/${name}`)!) ?? "" },
      status: next,
    }));
    return { wishes, wakeAt };
  }

  *#currentObjects(): Iterable<{ readonly object: CurrentObject; readonly uid: string }> {
    const source = this.#options.source();
    for (const kind of WITH_STATUS) {
      for (const { name, uid, resourceVersion, status: written } of source.objects(kind)) {
        const place = name.slice(kind.length + 1).split("/");
        const [namespace, own] = place.length === 2 ? [place[0]!, place[1]!] : ["", place[0]!];
        const object: CurrentObject = {
          apiVersion: apiVersionOf(KINDS[kind]),
          kind,
          namespace,
          name: own,
          resourceVersion,
          // The API server has checked it against the kind's schema.
          status: isRecord(written) ? written : undefined,
        };
        yield { object, uid };
      }
    }
  }

  /** Objects that cannot be used, told once each. */
  #tellFaults(source: KubeSource): void {
    const faults = new Set(Array.from(source.faults(), formatFault));
    for (const fault of faults)
      if (!this.#faults.has(fault)) this.#options.log.warn("an object is not valid", { fault });
    this.#faults = faults;
  }
}

const ZONE = "topology.kubernetes.io/zone";

function zoneOf(metadata: KubeMetadata | undefined): string {
  const labels = metadata?.["labels"];
  const zone = isRecord(labels) ? labels[ZONE] : undefined;
  return typeof zone === "string" ? zone : "";
}

const madeKind = (kind: string) => MADE.find((one) => one.kind === kind)!;
const kindOf = (kind: string) => KINDS[kind as keyof typeof KINDS];

/** Which object it is about is said by `seen`. */
function toApplied(object: KubeObject) {
  const { uid: _uid, resourceVersion: _version, ...metadata } = object.metadata;
  return { ...object, metadata };
}
