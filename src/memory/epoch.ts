/**
 * Epochs count the writer's reclaiming passes. A process writes the epoch it read into its row before its first look at
 * shared memory and 0 (idle) after its last; what was retired in an epoch that no busy process is still in is free.
 * The order of the steps is the protocol (protocol.test.ts tries every interleaving).
 */
import { HEADER } from "./layout.ts";

export const IDLE = 0;

/** Next epoch; it wraps, and 0 is left out because it means idle. */
export function nextEpoch(epoch: number): number {
  const next = (epoch + 1) | 0;
  return next === IDLE ? 1 : next;
}

/** Whether `a` is older than `b`. Epochs wrap, so they are compared by difference. */
export function isOlder(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function currentEpoch(control: Int32Array): number {
  return Atomics.load(control, HEADER.epoch);
}

/** Begins a new epoch: called by the writer alone, after what it retired has been unpublished and tagged. */
export function advanceEpoch(control: Int32Array): number {
  const next = nextEpoch(Atomics.load(control, HEADER.epoch));
  Atomics.store(control, HEADER.epoch, next);
  return next;
}
