/**
 * One slab per process in which outgoing bytes are gathered, so that pipelined answers, or a head and its small body,
 * leave by one send. It belongs to one connection at a time: whoever claims it makes the former owner send first.
 */
import type { Slab } from "#src/reactor/slab.ts";

export interface OutOwner {
  /** Sends what lies in the buffer and sets `used` to 0. */
  flushOut(): void;
}

export class OutBuffer {
  readonly slab: Slab;
  /** Bytes [0, used) are the owner's, not yet sent. */
  used = 0;
  #owner: OutOwner | undefined = undefined;

  constructor(slab: Slab) {
    this.slab = slab;
  }

  /** Free bytes behind `used`. */
  get room(): number {
    return this.slab.length - this.used;
  }

  /** Makes the buffer `owner`'s. What another connection had gathered is sent. */
  claim(owner: OutOwner): void {
    if (this.#owner === owner) return;
    this.flush();
    this.#owner = owner;
  }

  /** Sends what `owner` has gathered, if the buffer is still its own. */
  release(owner: OutOwner): void {
    if (this.#owner === owner) this.flush();
  }

  /** Sends what has been gathered. Called at the end of every poller batch, and of every run of deferred tasks. */
  flush(): void {
    const owner = this.#owner;
    this.#owner = undefined;
    if (owner !== undefined && this.used > 0) owner.flushOut();
    this.used = 0;
  }
}
