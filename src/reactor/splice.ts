/** Joining one socket's input to another's output inside the kernel, through pipes that are used again. */
import { EAGAIN } from "./errno.ts";
import { Slab } from "./slab.ts";
import { close, pipe, pipeSize, setPipeSize, splice } from "./system.ts";

const WANTED_BYTES = 256 * 1024;
/** What a pipe is born with. */
const PLAIN_BYTES = 64 * 1024;
const MAX_IDLE = 64;

export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
  /** Capacity in bytes. */
  readonly size: number;
}

/** All pipes of a process. Without privileges the pipes of a user share a limit (pipe(7)); beyond it they are smaller. */
export class PipePool implements Disposable {
  readonly #idle: Pipe[] = [];
  readonly #ends = new Slab(8);

  /** An empty pipe, or undefined when the process has no descriptors left. */
  take(): Pipe | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (pipe(this.#ends, 0) < 0) return undefined;
    const readEnd = this.#ends.view.getInt32(0, true);
    const writeEnd = this.#ends.view.getInt32(4, true);
    for (let bytes = WANTED_BYTES; bytes > PLAIN_BYTES; bytes >>= 1) {
      if (setPipeSize(writeEnd, bytes) >= 0) break;
    }
    return { readEnd, writeEnd, size: Math.max(pipeSize(writeEnd), 4096) };
  }

  /** Takes a pipe back. One that still holds bytes is closed: they belong to nobody else. */
  give(used: Pipe, isEmpty: boolean): void {
    if (isEmpty && this.#idle.length < MAX_IDLE) this.#idle.push(used);
    else closePipe(used);
  }

  [Symbol.dispose](): void {
    for (const idle of this.#idle.splice(0)) closePipe(idle);
  }
}

function closePipe({ readEnd, writeEnd }: Pipe): void {
  close(readEnd);
  close(writeEnd);
}

/** `idle`: nothing to read; `moved`: there may be more; `blocked`: the sink takes no more; `ended`: the source has, and all of it is through. */
export type SpliceOutcome = "idle" | "moved" | "blocked" | "ended" | "sourceFailed" | "sinkFailed";

/** One direction between two sockets. */
export class Splice {
  readonly pipe: Pipe;
  /** Bytes that lie in the pipe. */
  buffered = 0;
  /** What the last move took from the source, gave to the sink, and its error number when it failed. */
  taken = 0;
  given = 0;
  error = 0;

  constructor(through: Pipe) {
    this.pipe = through;
  }

  /** Moves one pipe's content at most, so that others have their turn. */
  move(source: number, sink: number): SpliceOutcome {
    this.taken = 0;
    this.given = 0;
    if (this.buffered === 0) {
      const taken = splice(source, this.pipe.writeEnd, this.pipe.size);
      if (taken === 0) return "ended";
      if (taken < 0) return this.#failed(taken, "idle", "sourceFailed");
      this.taken = taken;
      this.buffered = taken;
    }
    while (this.buffered > 0) {
      const given = splice(this.pipe.readEnd, sink, this.buffered);
      if (given <= 0) return this.#failed(given, "blocked", "sinkFailed");
      this.given += given;
      this.buffered -= given;
    }
    return "moved";
  }

  #failed(result: number, waiting: SpliceOutcome, failed: SpliceOutcome): SpliceOutcome {
    if (result === -EAGAIN) return waiting;
    this.error = result;
    return failed;
  }
}
