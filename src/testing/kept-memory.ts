/** How much memory a process keeps: what is left behind a full collection, so that no garbage is mistaken for a leak. */
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/**
 * Bytes of the JavaScript heap in use and of buffers outside of it, after a full garbage collection. A dead buffer's
 * bytes are given back by a sweeper beside the main thread, which ends in a later turn of the event loop: so twice.
 */
export async function keptMemory(): Promise<number> {
  if (collect === undefined) {
    // The flag is read when a context is made: this one has `gc`.
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  for (let i = 0; i < 2; i++) {
    collect();
    await setTimeout(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
