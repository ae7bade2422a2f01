/** Watches the event loop of its own process: once a second, how late a timer is. */
import type { MetricHandles } from "#src/metrics/declaration.ts";
import type { FRAME_METRICS } from "./frame-metrics.ts";

const INTERVAL_MS = 1000;

export function watchEventLoop(metrics: MetricHandles<typeof FRAME_METRICS>): Disposable {
  let due = performance.now() + INTERVAL_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    metrics.frameLag.set(0, Math.max(0, now - due) / 1000);
    metrics.frameHeap.set(0, process.memoryUsage().heapUsed);
    due = now + INTERVAL_MS;
  }, INTERVAL_MS).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
