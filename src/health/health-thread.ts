/**
 * The monitor in a thread of its own, so that parsing YAML or rendering metrics in the main never delays a probe. Verdicts
 * go straight into the words that every data process reads; the main learns of transitions and results by messages.
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { HealthBits } from "#src/memory/health-bits.ts";
import { Segment } from "#src/memory/segment.ts";
import { Monitor } from "./monitor.ts";
import type { MonitorTarget, Transition } from "./monitor.ts";
import type { ProbeResult } from "./probe/probe.ts";

type Message =
  | { readonly kind: "transition"; readonly transition: Transition }
  | { readonly kind: "result"; readonly type: MonitorTarget["type"]; readonly result: ProbeResult };

export interface HealthThreadOptions {
  /** The service's segment: where the words are. */
  readonly segmentFd: number;
  readonly onTransition: (transition: Transition) => void;
  readonly onResult: (type: MonitorTarget["type"], result: ProbeResult) => void;
  /** The thread has ended by itself: verdicts stand still from now on. */
  readonly onFault: (error: Error) => void;
}

export class HealthThread implements AsyncDisposable {
  readonly #worker: Worker;
  #stopping = false;

  constructor(options: HealthThreadOptions) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { segmentFd: options.segmentFd } });
    this.#worker.on("message", (message: Message) => {
      if (message.kind === "transition") options.onTransition(message.transition);
      else options.onResult(message.type, message.result);
    });
    this.#worker.on("error", (error) => {
      if (!this.#stopping) options.onFault(error instanceof Error ? error : new Error(String(error)));
    });
    this.#worker.unref();
  }

  /** Makes the set of targets equal to this one. */
  update(targets: readonly MonitorTarget[]): void {
    this.#worker.postMessage(targets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await this.#worker.terminate();
  }
}

const post = (message: Message): void => parentPort!.postMessage(message);

function runThread(segmentFd: number): void {
  const bits = new HealthBits(Segment.open(segmentFd));
  const words = new Map<string, number>();
  const monitor = new Monitor({
    onTransition: (transition) => {
      bits.mark(words.get(transition.key) ?? -1, transition.verdict === "up");
      post({ kind: "transition", transition });
    },
    onResult: (target, result) => post({ kind: "result", type: target.type, result }),
  });
  parentPort!.on("message", (targets: readonly MonitorTarget[]) => {
    monitor.update(targets);
    const kept = new Set(targets.map((target) => target.key));
    for (const [key, word] of words) {
      if (kept.has(key)) continue;
      bits.release(word);
      words.delete(key);
    }
    for (const key of kept) if (!words.has(key)) words.set(key, bits.claim(key));
  });
}

if (!isMainThread && isHealthThread(workerData)) runThread(workerData.segmentFd);

function isHealthThread(data: unknown): data is { segmentFd: number } {
  return typeof data === "object" && data !== null && "segmentFd" in data;
}
