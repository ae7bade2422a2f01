/** What the upstream pools of all backends of a process share: loop, spare calls, and memory that is used within one call. */
import { Slab } from "#src/reactor/slab.ts";
import type { LateTask } from "#src/reactor/poller.ts";
import type { Parts } from "#src/reactor/stream.ts";
import type { TimerWheel } from "#src/reactor/timer-wheel.ts";
import { Message } from "../message.ts";
import type { Call } from "./call.ts";

/** The part of the reactor's poller that is needed here. */
export interface UpstreamLoop {
  /** Milliseconds of a clock that never goes back; the same value during a whole batch. */
  readonly now: number;
  readonly deadlines: Pick<TimerWheel, "arm" | "remove">;
  late(task: LateTask): void;
}

export class UpstreamServices {
  readonly loop: UpstreamLoop;
  /** For vectored sends; used and done with inside one call. */
  readonly parts: Parts;
  /** The response head that is being delivered. */
  readonly head = new Message();
  /** Chunk framing, for one send. */
  readonly frame = new Slab(16);
  /** Calls that may be used again. */
  readonly spare: Call[] = [];

  constructor(loop: UpstreamLoop, parts: Parts) {
    this.loop = loop;
    this.parts = parts;
  }
}
