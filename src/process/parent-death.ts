/** A child that ends with its parent, whatever the parent dies of. */
import { bindLibrary } from "#src/reactor/binding.ts";

const libc = bindLibrary("libc.so.6", { prctl: [5, "int32"] });

const PR_SET_PDEATHSIG = 1n;
const SIGKILL = 9n;

/**
 * From now on the kernel kills this process when its parent's thread that started it ends (prctl(2)); so children are
 * started from the main thread only. A parent that ended before the call is noticed by its number.
 */
export function endWithParent(parentPid: number): void {
  if (libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n) !== 0)
    throw new Error("Cannot ask to end with the parent: prctl failed");
  if (process.ppid !== parentPid) process.kill(process.pid, "SIGKILL");
}
