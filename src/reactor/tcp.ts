/** What all TCP streams of a process share: poller, receive slab, pipes, counters. */
import type { Poller } from "./poller.ts";
import { Slab } from "./slab.ts";
import { PipePool } from "./splice.ts";

/** Most that one event reads. */
export const RECEIVE_BYTES = 64 * 1024;
/** Room for what handlers leave unconsumed, in front of the next read. */
const REST_BYTES = 192 * 1024;

export class Tcp implements Disposable {
  readonly poller: Poller;
  readonly input = new Slab(REST_BYTES + RECEIVE_BYTES);
  readonly pipes = new PipePool();
  /** Streams that are open, lingering ones included. */
  open = 0;

  constructor(poller: Poller) {
    this.poller = poller;
  }

  /** Closes idle pipes; streams are closed by their holders. */
  [Symbol.dispose](): void {
    this.pipes[Symbol.dispose]();
  }
}
