/**
 * Probes every target on its own interval and reports what changed. Probes of one target never overlap; their starts are
 * spread over the interval, so that a thousand targets are not asked in one instant.
 */
import { probeHttp } from "./probe/http.ts";
import type { ProbeResult, ProbeTarget } from "./probe/probe.ts";
import { probeTcp } from "./probe/tcp.ts";
import { Threshold } from "./threshold.ts";
import type { ThresholdPolicy } from "./threshold.ts";

export interface MonitorTarget extends ProbeTarget, ThresholdPolicy {
  /** What is being judged, `ADDRESS:PORT/TYPE/PATH` or the like: equal keys are one target. */
  readonly key: string;
  readonly intervalMs: number;
}

export interface Transition {
  readonly key: string;
  readonly verdict: "up" | "down";
  /** The last result, which tipped the balance. */
  readonly result: ProbeResult;
}

export interface MonitorOptions {
  readonly onTransition: (transition: Transition) => void;
  /** Every result: for counters. */
  readonly onResult?: (target: MonitorTarget, result: ProbeResult) => void;
  readonly probe?: (target: ProbeTarget) => Promise<ProbeResult>;
  /** In [0, 1). */
  readonly random?: () => number;
}

const probeByType = (target: ProbeTarget): Promise<ProbeResult> =>
  target.type === "tcp" ? probeTcp(target) : probeHttp(target);

interface Watched {
  readonly target: MonitorTarget;
  readonly threshold: Threshold;
  timer: NodeJS.Timeout;
}

export class Monitor implements Disposable {
  readonly #watched = new Map<string, Watched>();
  readonly #onTransition: (transition: Transition) => void;
  readonly #onResult: ((target: MonitorTarget, result: ProbeResult) => void) | undefined;
  readonly #probe: (target: ProbeTarget) => Promise<ProbeResult>;
  readonly #random: () => number;

  constructor(options: MonitorOptions) {
    this.#onTransition = options.onTransition;
    this.#onResult = options.onResult;
    this.#probe = options.probe ?? probeByType;
    this.#random = options.random ?? Math.random;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Makes the set of targets equal to this one. A target whose settings did not change keeps its state. */
  update(targets: readonly MonitorTarget[]): void {
    const wanted = new Map(targets.map((target) => [target.key, target]));
    for (const [key, watched] of this.#watched) {
      const target = wanted.get(key);
      if (target !== undefined && isSame(target, watched.target)) wanted.delete(key);
      else this.#forget(key, watched);
    }
    for (const target of wanted.values()) this.#watch(target);
  }

  #watch(target: MonitorTarget): void {
    const watched: Watched = {
      target,
      threshold: new Threshold(target),
      timer: setTimeout(() => this.#run(watched), this.#random() * target.intervalMs),
    };
    this.#watched.set(target.key, watched);
  }

  #run(watched: Watched): void {
    const startedAt = performance.now();
    void this.#probe(watched.target).then((result) => {
      if (this.#watched.get(watched.target.key) !== watched) return;
      const wait = Math.max(0, watched.target.intervalMs - (performance.now() - startedAt));
      watched.timer = setTimeout(() => this.#run(watched), wait);
      this.#onResult?.(watched.target, result);
      const verdict = watched.threshold.record(result === "ok");
      if (verdict !== undefined) this.#onTransition({ key: watched.target.key, verdict, result });
    });
  }

  /** A target that is no longer judged leaves no verdict behind: it counts as up. */
  #forget(key: string, watched: Watched): void {
    clearTimeout(watched.timer);
    this.#watched.delete(key);
    if (!watched.threshold.up) this.#onTransition({ key, verdict: "up", result: "ok" });
  }

  [Symbol.dispose](): void {
    for (const watched of this.#watched.values()) clearTimeout(watched.timer);
    this.#watched.clear();
  }
}

function isSame(a: MonitorTarget, b: MonitorTarget): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    a.type === b.type &&
    a.path === b.path &&
    a.timeoutMs === b.timeoutMs &&
    a.intervalMs === b.intervalMs &&
    a.rise === b.rise &&
    a.fall === b.fall
  );
}
