/** The DATA of one stream on its way to the client: what both windows and the kernel allow leaves at once, the rest waits. */
import type { Held } from "#src/reactor/stream.ts";
import { BodyQueue } from "./body-queue.ts";
import type { H2Connection } from "./connection.ts";
import { FRAME_HEADER, MAX_FRAME_SIZE } from "./frame.ts";

export class ResponseBody {
  /** Octets of DATA that the client still takes on this stream; negative after its settings shrank. */
  window = 0;
  readonly #connection: H2Connection;
  readonly #waiting = new BodyQueue();
  #id = 0;
  #isOver = true;
  /** When octets left last, or began to wait; the loop's milliseconds. */
  #movedAt = 0;

  constructor(connection: H2Connection) {
    this.#connection = connection;
  }

  begin(id: number): void {
    this.#id = id;
    this.window = this.#connection.initialSendWindow;
    this.#isOver = false;
  }

  /** Octets that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  send(bytes: Uint8Array, start: number, end: number, held: Held | undefined): void {
    const connection = this.#connection;
    while (start < end && this.#waiting.length === 0 && !connection.isBlocked) {
      const length = Math.min(this.#frameRoom(), end - start);
      if (length <= 0) break;
      const at = connection.reserve(FRAME_HEADER + length);
      connection.outBytes.set(bytes.subarray(start, start + length), at + FRAME_HEADER);
      this.#sent(at, length);
      start += length;
    }
    if (this.#isOver) return held?.release();
    if (this.#waiting.length === 0) this.#movedAt = connection.shared.services.loop.now;
    this.#waiting.push(bytes, start, end, held);
  }

  /** Sends one frame of what waits, if it may. True when it did. */
  sendWaiting(): boolean {
    const length = Math.min(this.#frameRoom(), this.#waiting.length);
    if (length <= 0) return false;
    const at = this.#connection.reserve(FRAME_HEADER + length);
    this.#waiting.take(this.#connection.outBytes, at + FRAME_HEADER, length);
    this.#sent(at, length);
    return true;
  }

  /** Whether the client has taken nothing of what waits for so many milliseconds. */
  isStuck(now: number, writeMs: number): boolean {
    return this.#waiting.length > 0 && now - this.#movedAt >= writeMs;
  }

  /** Nothing more is sent; what waits is dropped. */
  clear(): void {
    this.#isOver = true;
    this.#waiting.clear();
  }

  /** Octets that one DATA frame may carry now. */
  #frameRoom(): number {
    return Math.min(this.window, this.#connection.sendWindow, MAX_FRAME_SIZE);
  }

  #sent(at: number, length: number): void {
    this.window -= length;
    this.#connection.sendWindow -= length;
    this.#movedAt = this.#connection.shared.services.loop.now;
    this.#connection.dataFrame(at, length, this.#id, false);
  }
}
