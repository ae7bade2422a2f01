/**
 * A Stream in memory for tests of whatever sits above TCP: the test plays the peer (`receive`, `endInput`, `reset`) and
 * reads what was sent (`sent`, `takeSent`). It behaves as reactor/stream.ts promises, including the awkward parts: what a
 * handler does not consume is shown again, input arrives in one shared slab that is overwritten after each call, and the
 * kernel takes no more than `capacity` bytes until `drain`.
 */
import { Slab } from "#src/reactor/slab.ts";
import type { Address } from "#src/net/address.ts";
import type { CloseReason, Held, Parts, Stream, StreamHandler, TlsInfo } from "#src/reactor/stream.ts";

export interface FakeStreamOptions {
  readonly peer?: Address;
  readonly local?: Address;
  readonly tls?: TlsInfo;
  /** Bytes the kernel takes before a send is queued. Infinity by default. */
  readonly capacity?: number;
  /** Size of the receive slab, which bounds what one event can show. */
  readonly inputBytes?: number;
}

interface Range {
  readonly slab: Slab;
  readonly offset: number;
  readonly length: number;
}

export class FakeParts implements Parts {
  readonly ranges: Range[] = [];

  get count(): number {
    return this.ranges.length;
  }

  get length(): number {
    return this.ranges.reduce((sum, range) => sum + range.length, 0);
  }

  clear(): void {
    this.ranges.length = 0;
  }

  add(slab: Slab, offset: number, length: number): void {
    this.ranges.push({ slab, offset, length });
  }
}

const inertHandler: StreamHandler = {
  onOpen: () => undefined,
  onData: (_stream, _slab, start, end) => end - start,
  onEnd: () => undefined,
  onDrain: () => undefined,
  onDeadline: () => undefined,
  onClose: () => undefined,
};

export class FakeStream implements Stream {
  handler: StreamHandler = inertHandler;
  readonly peer: Address;
  readonly local: Address;
  readonly tls: TlsInfo | undefined;
  closed = false;
  /** How it was closed by its handler or by the peer, undefined while open. */
  closeReason: CloseReason | undefined = undefined;
  aborted = false;
  writingEnded = false;
  paused = false;
  /** The deadline in force: [kind, ms], undefined when disarmed. */
  armed: { readonly kind: number; readonly ms: number } | undefined = undefined;
  /** What userTimeout was called with. */
  readonly userTimeouts: number[] = [];
  /** System calls that sending took. */
  sends = 0;
  capacity: number;
  readonly #input: Slab;
  #pending: Uint8Array = new Uint8Array(0);
  #inputEnded = false;
  #endShown = false;
  #delivering = false;
  #resumed = false;
  #sent: Uint8Array[] = [];
  #queue: { readonly bytes: Uint8Array; readonly held: Held | undefined }[] = [];

  constructor(options: FakeStreamOptions = {}) {
    this.peer = options.peer ?? { family: 4, host: "192.0.2.7", port: 40_000 };
    this.local = options.local ?? { family: 4, host: "192.0.2.1", port: 80 };
    this.tls = options.tls;
    this.capacity = options.capacity ?? Infinity;
    this.#input = new Slab(options.inputBytes ?? 65_536);
  }

  // --- the peer's side ---

  /** Bytes from the peer, as one readable event. */
  receive(data: Uint8Array | string): void {
    const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
    this.#pending = Buffer.concat([this.#pending, bytes]);
    this.#deliver();
  }

  /** FIN from the peer. */
  endInput(): void {
    this.#inputEnded = true;
    this.#deliver();
  }

  /** RST from the peer. */
  reset(): void {
    this.#finish("reset");
  }

  /** The deadline passes. */
  expire(): void {
    const armed = this.armed;
    this.armed = undefined;
    if (armed !== undefined && !this.closed) this.handler.onDeadline(this, armed.kind);
  }

  /** The kernel takes what was queued, up to `bytes`. */
  drain(bytes = Infinity): void {
    let room = bytes;
    while (this.#queue.length > 0 && room > 0) {
      const first = this.#queue[0]!;
      const taken = first.bytes.subarray(0, Math.min(room, first.bytes.length));
      this.#sent.push(taken.slice());
      room -= taken.length;
      if (taken.length < first.bytes.length) {
        this.#queue[0] = { bytes: first.bytes.subarray(taken.length), held: first.held };
      } else {
        this.#queue.shift();
        first.held?.release();
      }
    }
    if (this.#queue.length === 0 && !this.closed) this.handler.onDrain(this);
  }

  /** All that has left so far, as Latin-1. */
  get sent(): string {
    return Buffer.concat(this.#sent).toString("latin1");
  }

  get sentBytes(): Uint8Array {
    return Buffer.concat(this.#sent);
  }

  /** As `sent`, and forgets it. */
  takeSent(): string {
    const text = this.sent;
    this.#sent = [];
    return text;
  }

  // --- Stream ---

  get queuedBytes(): number {
    return this.#queue.reduce((sum, piece) => sum + piece.bytes.length, 0);
  }

  send(slab: Slab, offset: number, length: number, held?: Held): boolean {
    this.sends++;
    return this.#put([{ slab, offset, length }], held);
  }

  sendParts(parts: Parts, held?: Held): boolean {
    this.sends++;
    if (!(parts instanceof FakeParts)) throw new TypeError("Cannot send parts: a fake stream takes FakeParts");
    return this.#put(parts.ranges, held);
  }

  sendFile(): boolean {
    throw new Error("Cannot send a file: a fake stream has no kernel");
  }

  spliceTo(): boolean {
    return false;
  }

  pauseReading(): void {
    this.paused = true;
  }

  resumeReading(): void {
    this.paused = false;
    this.#resumed = true;
    this.#deliver();
  }

  endWriting(): void {
    this.writingEnded = true;
  }

  close(reason: CloseReason): void {
    this.#finish(reason);
  }

  abort(reason: CloseReason): void {
    this.aborted = true;
    this.#finish(reason);
  }

  userTimeout(ms: number): void {
    this.userTimeouts.push(ms);
  }

  deadline(kind: number, ms: number): void {
    this.armed = ms === 0 ? undefined : { kind, ms };
  }

  #put(ranges: readonly Range[], held: Held | undefined): boolean {
    if (this.closed) {
      held?.release();
      return false;
    }
    ranges.forEach((range, index) => {
      if (range.offset < 0 || range.offset + range.length > range.slab.length)
        throw new RangeError("Cannot send: range outside the slab");
      const bytes = range.slab.bytes.subarray(range.offset, range.offset + range.length);
      const room = this.#queue.length > 0 ? 0 : Math.max(0, Math.min(this.capacity, bytes.length));
      this.capacity -= room;
      if (room > 0) this.#sent.push(bytes.slice(0, room));
      const isLast = index === ranges.length - 1;
      const isHeld = isLast && held !== undefined;
      if (room < bytes.length) {
        const rest = bytes.subarray(room);
        this.#queue.push({ bytes: isHeld ? rest : rest.slice(), held: isLast ? held : undefined });
      } else if (isLast) {
        held?.release();
      }
    });
    return this.#queue.length === 0;
  }

  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    let again = true;
    while (again && !this.closed && !this.paused && this.#pending.length > 0) {
      const length = Math.min(this.#pending.length, this.#input.length);
      this.#input.bytes.set(this.#pending.subarray(0, length));
      this.#resumed = false;
      const handler = this.handler;
      const consumed = handler.onData(this, this.#input, 0, length);
      if (consumed < 0 || consumed > length) throw new RangeError(`Cannot consume ${consumed} of ${length} bytes`);
      this.#pending = this.#pending.subarray(consumed);
      this.#input.bytes.fill(0x2a);
      again = this.#resumed || (consumed > 0 && length === this.#input.length);
    }
    this.#delivering = false;
    if (this.#inputEnded && !this.#endShown && !this.closed && !this.paused) {
      this.#endShown = true;
      this.handler.onEnd(this);
    }
  }

  #finish(reason: CloseReason): void {
    if (this.closed) return;
    this.closed = true;
    this.closeReason = reason;
    this.armed = undefined;
    for (const piece of this.#queue) {
      if (!this.aborted && reason !== "reset") this.#sent.push(piece.bytes.slice());
      piece.held?.release();
    }
    this.#queue = [];
    this.handler.onClose(this, reason);
  }
}
