/** How much memory a process keeps: what is left behind a full collection, so that no garbage is mistaken for a leak. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/** Bytes of the JavaScript heap in use and of buffers outside of it, after a full garbage collection. */
export function keptMemory(): number {
  if (collect === undefined) {
    // The flag is read when a context is made: this one has `gc`.
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
