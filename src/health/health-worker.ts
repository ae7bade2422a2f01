/** The thread behind HealthThread: probes the targets that it is told, marks their words, tells what it saw. */
import { parentPort, workerData } from "node:worker_threads";
import { HealthBits } from "#src/memory/health-bits.ts";
import { Segment } from "#src/memory/segment.ts";
import type { HealthMessage, HealthWorkerData } from "./health-thread.ts";
import { Monitor, type MonitorTarget } from "./monitor.ts";

const post = (message: HealthMessage): void => parentPort!.postMessage(message);

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

runThread((workerData as HealthWorkerData).segmentFd);
