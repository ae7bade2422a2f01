import { setTimeout as wait } from "node:timers/promises";

/** Waits, not longer than until the signal. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch {
    // Stopped: who waits looks at the signal.
  }
}
