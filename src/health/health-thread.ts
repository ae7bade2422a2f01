/**
 * The monitor in a thread of its own, so that parsing YAML or rendering metrics in the main never delays a probe. Verdicts
 * go straight into the words that every data process reads; the main learns of transitions and results by messages.
 */
import { Worker } from "node:worker_threads";
import { PROGRAM_EXTENSION } from "#src/process/program-file.ts";
import type { MonitorTarget, Transition } from "./monitor.ts";
import type { ProbeResult } from "./probe/probe.ts";

export interface HealthWorkerData {
  readonly segmentFd: number;
}

export type HealthMessage =
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
    const data: HealthWorkerData = { segmentFd: options.segmentFd };
    // What probes need stays out of the memory and the start of all other processes.
    this.#worker = new Worker(new URL(`health-worker${PROGRAM_EXTENSION}`, import.meta.url), { workerData: data });
    this.#worker.on("message", (message: HealthMessage) => {
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
