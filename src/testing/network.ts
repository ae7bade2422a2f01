/**
 * Network namespaces of interop tests. They have no name: they end with the processes in them, and the names of links are
 * their own, so that neither can be left over or collide. Needs root.
 */
import { spawnSync } from "node:child_process";
import { bindLibrary } from "#src/reactor/binding.ts";

const libc = bindLibrary("libc.so.6", { unshare: [1, "int32"] });

const CLONE_NEWNET = 0x4000_0000n;

/**
 * Puts this process, and whatever it starts from now on, into a network of its own with nothing but loopback: all ports
 * are free and nobody else is reached. For test files that run as processes of their own; before the first socket.
 */
export function enterOwnNetwork(): void {
  if (libc.unshare(CLONE_NEWNET) !== 0) throw new Error("Cannot make a network namespace: it needs root");
  ip("link", "set", "lo", "up");
}

/** `ip` with these arguments. Throws with what it said. */
export function ip(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot run ip ${args.join(" ")}: ${stderr.trim()}`);
}
