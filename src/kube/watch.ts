/**
 * One kind's objects, followed: a full list, then a watch from where the list ends; list again only when the server does
 * not remember what was missed. Ends when the signal is given, never by itself.
 */
import { type BackoffPolicy, backoffMs } from "#src/process/backoff.ts";
import type { Clock } from "#src/process/clock.ts";
import { listAll } from "./list.ts";
import { collectionPath, type KubeKind } from "./object.ts";
import type { ObjectStore } from "./object-store.ts";
import { pause } from "./pause.ts";
import type { KubeClient } from "./request.ts";
import type { WatchEvent } from "./watch-event.ts";
import { followStream } from "./watch-stream.ts";
import { decideStep, FIRST_STEP, type StepState, type StreamEnd } from "./watch-step.ts";

export interface WatchLimits {
  /** Objects that are asked for at a time. */
  readonly pageObjects: number;
  readonly maxPageBytes: number;
  readonly maxLineBytes: number;
  /** How long the server lets a stream live: between that and twice as long, by chance. */
  readonly streamSeconds: number;
  readonly silenceMs: number;
  readonly backoff: BackoffPolicy;
  /** How often a kind that the server does not know is asked for. */
  readonly absentPollMs: number;
  /** A kind that was there is believed to be gone when the server has not known it for this long. */
  readonly absentAfterMs: number;
  /** A list this old is taken again when a stream ends, whatever was missed by whomever. */
  readonly relistMs: number;
}

export const WATCH_LIMITS: WatchLimits = {
  pageObjects: 500,
  maxPageBytes: 64 * 1024 * 1024,
  maxLineBytes: 16 * 1024 * 1024,
  streamSeconds: 300,
  silenceMs: 150_000,
  backoff: { firstMs: 250, maxMs: 3000 },
  absentPollMs: 10_000,
  absentAfterMs: 30_000,
  relistMs: 3_600_000,
};

/** `absent`: the server does not know the kind. */
export type WatchPhase = "listing" | "watching" | "waiting" | "absent";

export interface WatchState {
  readonly kind: string;
  /** "" for all. */
  readonly namespace: string;
  readonly phase: WatchPhase;
  /** There was a full list, or the kind is absent. */
  readonly synced: boolean;
  readonly objects: number;
  /** Streams that ended otherwise than planned. */
  readonly restarts: number;
  readonly lists: number;
  /** When the last event, bookmark or list came, in milliseconds of the clock's now(). */
  readonly lastEventAt: number | undefined;
  /** What is wrong, and since when (of now()); undefined when nothing is. */
  readonly failing: { readonly reason: string; readonly since: number } | undefined;
}

export interface KindWatchOptions {
  readonly client: KubeClient;
  readonly kind: KubeKind;
  readonly namespace: string;
  readonly fieldSelector: string | undefined;
  readonly labelSelector: string | undefined;
  readonly store: ObjectStore;
  readonly limits: WatchLimits;
  readonly clock: Clock;
  readonly random: () => number;
  /** `synced` or `failing` changed, or whether the kind is absent. */
  readonly onState: (watch: KindWatch) => void;
}

export class KindWatch {
  readonly #options: KindWatchOptions;
  readonly #query: Readonly<Record<string, string | undefined>>;
  /** Of the kind's versions the one that the server has. */
  #version = 0;
  /** Where the next stream goes on; undefined: a list comes first. */
  #resourceVersion: string | undefined;
  #revision = 0;
  #listedAt = 0;
  #absentSince: number | undefined;
  #step: StepState = FIRST_STEP;
  #phase: WatchPhase = "listing";
  #synced = false;
  #restarts = 0;
  #lists = 0;
  #lastEventAt: number | undefined;
  #failing: WatchState["failing"];
  /** What was told last. */
  #told = "";

  constructor(options: KindWatchOptions) {
    this.#options = options;
    this.#query = { fieldSelector: options.fieldSelector, labelSelector: options.labelSelector };
  }

  get state(): WatchState {
    const { kind, namespace, store } = this.#options;
    return {
      kind: kind.kind,
      namespace,
      phase: this.#phase,
      synced: this.#synced,
      objects: store.objects.size,
      restarts: this.#restarts,
      lists: this.#lists,
      lastEventAt: this.#lastEventAt,
      failing: this.#failing,
    };
  }

  /** The largest resourceVersion that was read; 0 when none was that is a number. */
  get revision(): number {
    return this.#revision;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const resourceVersion = this.#resourceVersion;
      const afterMs =
        resourceVersion === undefined ? await this.#list(signal) : await this.#follow(resourceVersion, signal);
      if (afterMs > 0 && !signal.aborted) await pause(afterMs, signal);
    }
  }

  get #path(): string {
    const { kind, namespace } = this.#options;
    return collectionPath(kind, namespace, kind.versions[this.#version]);
  }

  /** Lists; returns how long to wait before what comes next. */
  async #list(signal: AbortSignal): Promise<number> {
    const { client, kind, store, limits, random, clock } = this.#options;
    this.#lists += 1;
    if (this.#phase === "watching") this.#phase = "listing";
    const outcome = await listAll({
      client,
      kind,
      path: this.#path,
      query: this.#query,
      signal,
      pageObjects: limits.pageObjects,
      maxPageBytes: limits.maxPageBytes,
      backoff: limits.backoff,
      random,
      onStart: () => store.beginList(),
      onPage: (objects) => store.addListed(objects),
    });
    if (signal.aborted) return 0;
    if (outcome.outcome === "absent") return this.#becomeAbsent();
    if (outcome.outcome === "failed") {
      this.#fail(outcome.reason);
      const failures = this.#step.failures + 1;
      this.#step = { ...this.#step, failures };
      return Math.max(outcome.retryAfterMs ?? 0, backoffMs(limits.backoff, failures - 1, random()));
    }
    this.#goOnFrom(outcome.resourceVersion);
    this.#absentSince = undefined;
    this.#listedAt = this.#lastEventAt = clock.now();
    this.#synced = true;
    this.#failing = undefined;
    this.#phase = "watching";
    store.finishList();
    this.#tell();
    return 0;
  }

  /** Another version, or none at all. A kind that was there is kept for a while: the server may be starting. */
  #becomeAbsent(): number {
    const { kind, store, limits, clock, random } = this.#options;
    if (this.#version < kind.versions.length - 1) {
      this.#version += 1;
      return 0;
    }
    this.#version = 0;
    this.#absentSince ??= clock.now();
    const isGone = store.objects.size === 0 || clock.now() - this.#absentSince >= limits.absentAfterMs;
    if (!isGone) {
      this.#fail("the API server does not know the kind any more");
      return backoffMs({ ...limits.backoff, maxMs: limits.absentPollMs }, 4, random());
    }
    store.beginList();
    store.finishList();
    this.#synced = true;
    this.#failing = undefined;
    this.#step = FIRST_STEP;
    this.#phase = "absent";
    this.#tell();
    return backoffMs({ firstMs: limits.absentPollMs, maxMs: limits.absentPollMs }, 0, random());
  }

  /** Watches; returns how long to wait before what comes next. */
  async #follow(resourceVersion: string, signal: AbortSignal): Promise<number> {
    const { client, kind, limits, clock, random } = this.#options;
    const end = await followStream({
      client,
      kind,
      path: this.#path,
      query: this.#query,
      resourceVersion,
      timeoutSeconds: Math.ceil(limits.streamSeconds * (1 + random())),
      maxLineBytes: limits.maxLineBytes,
      silenceMs: limits.silenceMs,
      signal,
      clock,
      onOpen: () => {
        this.#phase = "watching";
      },
      onSteady: () => this.#recover(),
      onEvent: (event) => this.#take(event),
    });
    return signal.aborted ? 0 : this.#decide(end);
  }

  #decide(end: StreamEnd): number {
    const { limits, clock, random } = this.#options;
    const [state, { next, afterMs }] = decideStep(this.#step, end, limits.backoff, random());
    this.#step = state;
    const isOld = clock.now() - this.#listedAt >= limits.relistMs;
    if (next === "list" || (end.reason === "planned" && isOld)) this.#resourceVersion = undefined;
    if (end.reason === "planned") return afterMs;
    this.#restarts += 1;
    // A stream that ends is chance, and what was missed comes at once with the next one, when there is one.
    const isOpened = end.reason !== "refused" && end.reason !== "unavailable";
    if (state.failures > 1 || !isOpened) this.#fail(end.detail);
    return afterMs;
  }

  #take(event: Exclude<WatchEvent, { readonly type: "ERROR" }>): void {
    const { store, clock } = this.#options;
    if (event.type === "DELETED") store.remove(event.object);
    else if (event.type !== "BOOKMARK") store.set(event.object);
    this.#goOnFrom(event.resourceVersion);
    this.#lastEventAt = clock.now();
    this.#recover();
  }

  #goOnFrom(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
    if (/^\d+$/.test(resourceVersion)) this.#revision = Math.max(this.#revision, Number(resourceVersion));
  }

  #recover(): void {
    this.#failing = undefined;
    this.#tell();
  }

  #fail(reason: string): void {
    this.#phase = "waiting";
    this.#failing = { reason, since: this.#failing?.since ?? this.#options.clock.now() };
    this.#tell();
  }

  #tell(): void {
    const now = `${this.#synced} ${this.#phase === "absent"} ${this.#failing?.reason}`;
    if (now === this.#told) return;
    this.#told = now;
    this.#options.onState(this);
  }
}
