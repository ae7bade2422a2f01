/** Work by key: a key waits once however often it is added, is never worked on twice at a time, and backs off alone. */
import { type BackoffPolicy, backoffMs } from "#src/process/backoff.ts";
import { type Clock, systemClock } from "#src/process/clock.ts";
import { RateLimit } from "./rate-limit.ts";

/** `retry`: again after the key's back-off, or after `afterMs` when that is longer. */
export type WorkOutcome = "done" | { readonly retry: true; readonly afterMs?: number | undefined };

export interface WorkQueueOptions {
  /** A throw is a programming error and ends the process. */
  readonly work: (key: string, signal: AbortSignal) => Promise<WorkOutcome>;
  /** Default 4. */
  readonly concurrency?: number;
  /** Of beginnings of work. Default 50 a second, 100 at once. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  /** Default 50 ms, doubling up to 30 s. */
  readonly backoff?: BackoffPolicy;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
}

const CONCURRENCY = 4;
const RATE = { perSecond: 50, burst: 100 };
const BACKOFF: BackoffPolicy = { firstMs: 50, maxMs: 30_000 };

/** `again`: added while it was worked on. */
interface Running {
  again: boolean;
}

export class WorkQueue implements AsyncDisposable {
  readonly #work: (key: string, signal: AbortSignal) => Promise<WorkOutcome>;
  readonly #concurrency: number;
  readonly #rate: RateLimit;
  readonly #backoff: BackoffPolicy;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #stop = new AbortController();
  /** In the order of their adding. */
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Running>();
  readonly #delayed = new Map<string, NodeJS.Timeout>();
  readonly #failures = new Map<string, number>();
  #rateTimer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#work = options.work;
    this.#concurrency = options.concurrency ?? CONCURRENCY;
    this.#clock = options.clock ?? systemClock;
    this.#rate = new RateLimit(options.rate ?? RATE, this.#clock.now());
    this.#backoff = options.backoff ?? BACKOFF;
    this.#random = options.random ?? Math.random;
  }

  /** Keys that wait, also for their time, or are worked on. */
  get size(): number {
    const again = [...this.#running.values()].filter((running) => running.again).length;
    return this.#waiting.size + this.#delayed.size + this.#running.size + again;
  }

  /** Works on the key as soon as may be; one that waits for its back-off is not waited for any longer. */
  add(key: string): void {
    if (this.#stop.signal.aborted) return;
    clearTimeout(this.#delayed.get(key));
    this.#delayed.delete(key);
    const running = this.#running.get(key);
    if (running === undefined) this.#waiting.add(key);
    else running.again = true;
    this.#next();
  }

  /** Works on the key then, unless it is added before or waits already. */
  addAfter(key: string, ms: number): void {
    if (this.#stop.signal.aborted || this.#waiting.has(key) || this.#delayed.has(key)) return;
    this.#delayed.set(
      key,
      setTimeout(() => this.add(key), ms),
    );
  }

  /** Forgets a key that waits: there is nothing to do about it any more. */
  remove(key: string): void {
    clearTimeout(this.#delayed.get(key));
    this.#delayed.delete(key);
    this.#waiting.delete(key);
    this.#failures.delete(key);
    const running = this.#running.get(key);
    if (running !== undefined) running.again = false;
    this.#settle();
  }

  /** Resolves when nothing waits and nothing is worked on. */
  async idle(): Promise<void> {
    if (this.size === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Begins nothing more, tells the work by its signal, and waits until what was begun has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#rateTimer);
    for (const timer of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
    this.#waiting.clear();
    for (const running of this.#running.values()) running.again = false;
    await this.idle();
  }

  #next(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#concurrency || this.#rateTimer !== undefined) return;
      const waitMs = this.#rate.take(this.#clock.now());
      if (waitMs > 0) {
        this.#rateTimer = setTimeout(() => {
          this.#rateTimer = undefined;
          this.#next();
        }, Math.ceil(waitMs));
        return;
      }
      this.#waiting.delete(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    const running: Running = { again: false };
    this.#running.set(key, running);
    const outcome = await this.#work(key, this.#stop.signal);
    this.#running.delete(key);
    if (outcome === "done") this.#failures.delete(key);
    if (running.again) this.#waiting.add(key);
    else if (outcome !== "done") this.#retry(key, outcome.afterMs ?? 0);
    this.#next();
    this.#settle();
  }

  #retry(key: string, afterMs: number): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.max(afterMs, backoffMs(this.#backoff, failures, this.#random())));
  }

  #settle(): void {
    if (this.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle = [];
  }
}
