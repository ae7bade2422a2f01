/**
 * The API server as a source of objects. Each kind (in each namespace asked for) is followed by a watch of its own; what
 * they see together is "synced" when every one has had its full list, and from then on changes are told in batches.
 */
import type { Reading } from "#src/config/source/object.ts";
import type { SourceFault } from "#src/config/source/snapshot.ts";
import { type Clock, systemClock } from "#src/process/clock.ts";
import { makeDecoder } from "#src/resource/decode.ts";
import type { Resource } from "#src/resource/resource.ts";
import type { CheckZone } from "#src/resource/zone-text.ts";
import { type HeldObject, holdWhole, makeHold } from "./held.ts";
import type { KubeKind } from "./object.ts";
import { type Change, ObjectStore } from "./object-store.ts";
import type { KubeClient } from "./request.ts";
import { KindWatch, WATCH_LIMITS, type WatchLimits, type WatchState } from "./watch.ts";

export interface WatchedKind {
  readonly kind: KubeKind;
  /** Default: all. Without meaning for kinds of the cluster. */
  readonly namespaces?: readonly string[];
  /** Default for Secrets: `type=kubernetes.io/tls`, for others are nobody's business here. */
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

/** Names (see HeldObject) of what differs since the last batch, or exists in the first. */
export interface KubeBatch {
  /** Whose `resource` is another one, or is gone: translation may have another outcome. */
  readonly resources: ReadonlySet<string>;
  /** Of which anything differs: status, version, faults, existence. Contains `resources`. */
  readonly objects: ReadonlySet<string>;
}

export interface KubeSourceOptions {
  readonly client: KubeClient;
  readonly kinds: readonly WatchedKind[];
  /** Says what is wrong with a zone's text; without it zones are not looked into. */
  readonly checkZone?: CheckZone;
  /** Objects are held as they are, of kinds that Fairway reads as configuration too. */
  readonly whole?: boolean;
  /** The first batch comes when all kinds have been listed, with all there is. */
  readonly onBatch: (batch: KubeBatch) => void;
  /** A watch's `synced` or `failing` changed, or whether its kind is absent: for the log. */
  readonly onState?: (state: WatchState) => void;
  readonly limits?: Partial<WatchLimits>;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** Events come in bursts: they are told when none came for this long, or after the longest wait. */
const QUIET_MS = 10;
const LONGEST_WAIT_MS = 50;

const TLS_SECRETS = "type=kubernetes.io/tls";

interface Watched {
  readonly watch: KindWatch;
  readonly store: ObjectStore;
}

export class KubeSource implements AsyncDisposable {
  readonly #watched: readonly Watched[];
  readonly #byKind = new Map<string, readonly Watched[]>();
  readonly #onBatch: (batch: KubeBatch) => void;
  readonly #stop = new AbortController();
  readonly #runs: readonly Promise<void>[];
  readonly #clock: Clock;
  #synced = false;
  #resources = new Set<string>();
  #objects = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  /** When the oldest change that is not told yet came. */
  #waitingSince = 0;

  /** Begins at once. */
  constructor(options: KubeSourceOptions) {
    this.#onBatch = options.onBatch;
    this.#clock = options.clock ?? systemClock;
    const reading: Reading = { decode: makeDecoder(), checkZone: options.checkZone ?? (() => []) };
    this.#watched = options.kinds.flatMap((watched) => this.#makeWatches(watched, reading, options));
    for (const [kind, all] of Map.groupBy(this.#watched, ({ watch }) => watch.state.kind)) this.#byKind.set(kind, all);
    this.#runs = this.#watched.map(({ watch }) => watch.run(this.#stop.signal));
  }

  /** Every kind has had its full list, or is absent. */
  get synced(): boolean {
    return this.#synced;
  }

  get states(): readonly WatchState[] {
    return this.#watched.map(({ watch }) => watch.state);
  }

  /**
   * The largest resourceVersion that was read, also of deletions and bookmarks: all who watch the same API server agree
   * about it in time, since its versions are numbers that grow over all kinds. 0 before the first.
   */
  get revision(): number {
    return Math.max(0, ...this.#watched.map(({ watch }) => watch.revision));
  }

  /** The clock that the states' times are of. */
  get clock(): Clock {
    return this.#clock;
  }

  /** What translation reads: all valid objects, of those that are not valid any more the previous version. */
  *resources(): Iterable<Resource> {
    for (const { store } of this.#watched)
      for (const { resource } of store.objects.values()) if (resource !== undefined) yield resource;
  }

  /** All that is wrong with objects now. */
  *faults(): Iterable<SourceFault> {
    for (const { store } of this.#watched) for (const { faults } of store.objects.values()) yield* faults;
  }

  /** By its name, `HTTPRoute shop/cart`. */
  get(name: string): HeldObject | undefined {
    for (const { store } of this.#byKind.get(name.slice(0, name.indexOf(" "))) ?? []) {
      const held = store.objects.get(name);
      if (held !== undefined) return held;
    }
    return undefined;
  }

  /** All objects of a kind that is watched. */
  *objects(kind: string): Iterable<HeldObject> {
    for (const { store } of this.#byKind.get(kind) ?? []) yield* store.objects.values();
  }

  /** Ends all watches; nothing is told after it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await Promise.all(this.#runs);
  }

  #makeWatches(watched: WatchedKind, reading: Reading, options: KubeSourceOptions): Watched[] {
    const { kind, namespaces = [""], labelSelector } = watched;
    const fieldSelector = watched.fieldSelector ?? (kind.kind === "Secret" ? TLS_SECRETS : undefined);
    const hold = options.whole === true ? holdWhole : makeHold(kind, reading);
    return (kind.scope === "Cluster" ? [""] : namespaces).map((namespace) => {
      const store = new ObjectStore(hold, (name, change) => this.#note(name, change));
      const watch = new KindWatch({
        client: options.client,
        kind,
        namespace,
        fieldSelector,
        labelSelector,
        store,
        limits: { ...WATCH_LIMITS, ...options.limits },
        clock: this.#clock,
        random: options.random ?? Math.random,
        onState: ({ state }) => {
          options.onState?.(state);
          this.#sync();
        },
      });
      return { watch, store };
    });
  }

  #sync(): void {
    if (this.#synced || !this.#watched.every(({ watch }) => watch.state.synced)) return;
    this.#synced = true;
    this.#tell();
  }

  #note(name: string, change: Change): void {
    if (change === "resource") this.#resources.add(name);
    this.#objects.add(name);
    if (!this.#synced || this.#stop.signal.aborted) return;
    const now = performance.now();
    if (this.#timer === undefined) this.#waitingSince = now;
    else clearTimeout(this.#timer);
    const longest = this.#waitingSince + LONGEST_WAIT_MS - now;
    this.#timer = setTimeout(() => this.#tell(), Math.max(0, Math.min(QUIET_MS, longest)));
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#stop.signal.aborted) return;
    const batch = { resources: this.#resources, objects: this.#objects };
    this.#resources = new Set();
    this.#objects = new Set();
    this.#onBatch(batch);
  }
}
