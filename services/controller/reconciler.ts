/**
 * From what is watched to what is so: every replica translates and serves the config stream; the leader alone writes
 * Services, EndpointSlices, workloads and status. One pass at a time, soon after whatever may have changed its outcome.
 */
import type { Entry } from "#src/config/model.ts";
import { formatFault } from "#src/config/source/snapshot.ts";
import type { EntryFilter } from "#src/config/stream/view.ts";
import type { ConfigServer } from "#src/config/stream/server.ts";
import type { KubeBatch, KubeSource } from "#src/kube/source.ts";
import type { CollectedMetric } from "#src/metrics/registry.ts";
import type { Logger } from "#src/process/logger.ts";
import { makeTranslate, type Translation } from "#src/translate/translate.ts";
import { dedicatedName, type WorkloadContext } from "#src/translate/workload.ts";
import { DurationMetric } from "./duration-metric.ts";
import { infrastructureWishes } from "./infrastructure-wishes.ts";
import { PodWatch } from "./observed-pods.ts";
import { StatusWishes } from "./status-wishes.ts";
import type { Wish, WriteQueue } from "./write-queue.ts";

export interface ReconcilerOptions {
  /** Kinds of configuration. */
  readonly source: () => KubeSource;
  /** What we make, pods and nodes. */
  readonly objects: () => KubeSource;
  readonly server: ConfigServer;
  readonly writes: WriteQueue;
  readonly mayWrite: () => boolean;
  /** Namespace that Fairway is installed in. */
  readonly home: string;
  /** Undefined: it is not known yet, and nothing is written. */
  readonly context: () => WorkloadContext | undefined;
  readonly log: Logger;
}

/** Changes come in bursts: acknowledgements of many pods, slices of many Gateways. */
const GATHER_MS = 10;
/** After a write that may not have had its effect: what was in the way should have been seen by then. */
const DOUBT_MS = 500;
export const SHARED_PLANES = ["dns", "edge", "balancer"];

export class Reconciler implements Disposable {
  readonly #options: ReconcilerOptions;
  readonly #translate = makeTranslate();
  readonly #publishedAt = new WeakMap<Entry, number>();
  readonly #filters = new Map<string, EntryFilter>();
  readonly #pods = new PodWatch();
  readonly #statuses = new StatusWishes((entry) => this.#publishedAt.get(entry) ?? 0);
  readonly #durations = new DurationMetric(
    "fairway_reconcile_duration_seconds",
    "Time to translate and publish (configuration), to find out what is missing in the cluster (infrastructure), and which statuses are not as they should be (status).",
    ["configuration", "infrastructure", "status"],
  );
  #translation: Translation | undefined;
  /** Objects have changed since the last translation. */
  #isStale = true;
  /** What infrastructure is made of may have changed since the last look. */
  #isUnsettled = true;
  #infrastructure: readonly Wish[] = [];
  /** Of the pods at the last look. */
  #signature = "";
  #faults: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Infinity;
  /** Before that nothing is written: acknowledgements of many pods come one by one, and each look is at everything. */
  #restUntil = 0;

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

  get metrics(): readonly CollectedMetric[] {
    return [this.#durations.metric];
  }

  /** Passes of each kind and their time together, in seconds. */
  get figures(): object {
    return this.#durations.figures;
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
    const shared = SHARED_PLANES.find((plane) => serviceAccount === `fairway-${plane}`);
    return shared ?? this.#planes().find((plane) => plane.includes("/") && dedicatedName(plane) === serviceAccount);
  }

  /** Shared and dedicated, those of which only pods are left too. */
  #planes(): string[] {
    const { fronts = [], allocations = [] } = this.#translation ?? {};
    return [...SHARED_PLANES, ...fronts.map(({ plane }) => plane.id), ...allocations.map(({ plane }) => plane)];
  }

  /** Objects of configuration have changed. */
  onBatch({ resources, objects }: KubeBatch): void {
    if (resources.size > 0) this.#isStale = true;
    const source = this.#options.source();
    this.#statuses.note(objects);
    this.#tellFaults(source);
    // The source has gathered them already.
    this.#wake(Date.now());
  }

  /** What was written may not be so. */
  onDoubt(): void {
    this.#isUnsettled = true;
    this.#wake(Date.now() + DOUBT_MS);
  }

  /** What we make, a pod, a node, what a pod listens at, or who leads has changed. */
  onChange(): void {
    this.#isUnsettled = true;
    this.soon();
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
    const published = this.#translation;
    for (const at of [this.#publish(), this.#write(published)]) if (at !== undefined) this.#wake(at);
  }

  /** When the same objects mean something else. */
  #publish(): number | undefined {
    const { source, server, home } = this.#options;
    const now = Date.now();
    const last = this.#translation;
    if (!this.#isStale && last !== undefined && (last.wakeAt ?? Infinity) > now) return last.wakeAt;
    const translation = this.#durations.measure("configuration", () => {
      const next = this.#translate(source().resources(), { now, home, allocations: last?.allocations ?? [] });
      for (const entry of next.entries) if (!this.#publishedAt.has(entry)) this.#publishedAt.set(entry, now);
      this.#translation = next;
      server.publish(next.entries, source().revision);
      return next;
    });
    this.#isStale = false;
    this.#isUnsettled = true;
    return translation.wakeAt;
  }

  /** When there may be something to write without an event. `published` is what was so before this pass. */
  #write(published: Translation | undefined): number | undefined {
    const { mayWrite, writes, source, objects, server } = this.#options;
    const translation = this.#translation;
    const context = this.#options.context();
    if (translation === undefined || context === undefined || !mayWrite()) {
      this.#statuses.forget();
      return undefined;
    }
    const now = Date.now();
    // What was published just now goes out first, and is acknowledged meanwhile.
    if (translation !== published) return now + GATHER_MS;
    if (now < this.#restUntil) return this.#restUntil;
    const begun = performance.now();
    const observed = this.#pods.observe(objects(), server, this.#planes(), now);
    if (this.#isUnsettled || observed.signature !== this.#signature) {
      this.#infrastructure = this.#durations.measure("infrastructure", () =>
        infrastructureWishes(objects(), translation, observed.pods, context),
      );
    }
    this.#isUnsettled = false;
    this.#signature = observed.signature;
    const statuses = this.#durations.measure("status", () =>
      this.#statuses.update(source(), translation, observed, now),
    );
    writes.want([...this.#infrastructure, ...statuses.wishes]);
    this.#restUntil = Date.now() + (performance.now() - begun);
    return statuses.wakeAt;
  }

  /** Objects that cannot be used, told once each. */
  #tellFaults(source: KubeSource): void {
    const faults = new Set(Array.from(source.faults(), formatFault));
    for (const fault of faults)
      if (!this.#faults.has(fault)) this.#options.log.warn("an object is not valid", { fault });
    this.#faults = faults;
  }
}
