/**
 * How data processes fill memory that only the main allocates: the main leases chunks, the process fills them and hands
 * over the offset of the first, and the main publishes it. What a process held when it ended is taken back.
 */
import { LEASES, ringsOf } from "./layout.ts";
import { Ring } from "./ring.ts";
import type { Segment } from "./segment.ts";
import type { SharedWriter } from "./writer.ts";

const TO_WRITER = { lease: 1, handOver: 2, remove: 3, giveBack: 4 } as const;
const FROM_WRITER = { leased: 1, taken: 2 } as const;

/** Whoever waits for a chunk. Unit 0: there is none. */
export interface LeaseWaiter {
  onLease(unit: number): void;
}

/** Whoever wants to know that what was handed over can be found. */
export interface TakenWaiter {
  onTaken(): void;
}

/** The data process's side. */
export class Lessee {
  readonly #toWriter: Ring;
  readonly #fromWriter: Ring;
  readonly #wakeWriter: () => void;
  readonly #waiters: LeaseWaiter[] = [];
  readonly #handedOver: TakenWaiter[] = [];
  /** Messages that found the ring full, four numbers each. */
  readonly #unsent: number[] = [];

  /** `wakeWriter` signals the main's eventfd; `onWake` is to be called when this process's own is signalled. */
  constructor(segment: Segment, row: number, wakeWriter: () => void) {
    const at = ringsOf(segment.layout, row);
    this.#toWriter = new Ring(segment.control, at.toWriter);
    this.#fromWriter = new Ring(segment.control, at.fromWriter);
    this.#wakeWriter = wakeWriter;
  }

  /** Asks for a chunk with room for `bytes`. Answers come in the order of the questions, from `onWake`. False: too many wait already. */
  ask(bytes: number, waiter: LeaseWaiter): boolean {
    if (this.#waiters.length >= LEASES) return false;
    this.#waiters.push(waiter);
    this.#send(TO_WRITER.lease, bytes, 0, 0);
    return true;
  }

  /** Hands over a filled object by its first chunk, for the slots of `hash`. `keeps` is the object whose chain it goes on with, or 0. */
  handOver(unit: number, hash: number, keeps: number, waiter: TakenWaiter): void {
    this.#handedOver.push(waiter);
    this.#send(TO_WRITER.handOver, unit, hash, keeps);
  }

  /** Asks to unpublish a slot that publishes `unit`. */
  remove(slot: number, unit: number): void {
    this.#send(TO_WRITER.remove, slot, unit, 0);
  }

  /** Gives back a chunk, and its chain, unused. */
  giveBack(unit: number): void {
    this.#send(TO_WRITER.giveBack, unit, 0, 0);
  }

  /** Takes the answers that have come. */
  onWake(): void {
    this.#flush();
    while (this.#fromWriter.read()) {
      const { message } = this.#fromWriter;
      if (message[0] === FROM_WRITER.leased) this.#waiters.shift()?.onLease(message[1]!);
      else this.#handedOver.shift()?.onTaken();
    }
  }

  #send(kind: number, a: number, b: number, c: number): void {
    this.#flush();
    if (this.#unsent.length > 0 || !this.#toWriter.write(kind, a, b, c)) this.#unsent.push(kind, a, b, c);
    this.#wakeWriter();
  }

  #flush(): void {
    const unsent = this.#unsent;
    while (unsent.length > 0 && this.#toWriter.write(unsent[0]!, unsent[1]!, unsent[2]!, unsent[3]!))
      unsent.splice(0, 4);
  }
}

/** What the main does with what processes ask for. */
export interface LeaseOwner {
  /** Makes room, if it must, and returns a chunk, or 0. */
  allocate(bytes: number): number;
  /** Publishes an object that is filled and no longer leased, or discards it. */
  take(unit: number, hash: number, keeps: number): void;
  remove(slot: number, unit: number): void;
}

/** The main's side, for all processes. */
export class Lessor {
  readonly #segment: Segment;
  readonly #writer: SharedWriter;
  readonly #owner: LeaseOwner;
  readonly #wake: (row: number) => void;
  readonly #rows: LessorRow[];

  constructor(segment: Segment, writer: SharedWriter, owner: LeaseOwner, wake: (row: number) => void) {
    this.#segment = segment;
    this.#writer = writer;
    this.#owner = owner;
    this.#wake = wake;
    this.#rows = Array.from({ length: segment.layout.processes }, (_, row) => new LessorRow(segment, row));
  }

  /** Chunks that are leased now. */
  get leased(): number {
    return this.#rows.reduce((sum, row) => sum + row.leases.size, 0);
  }

  /** Handles what has been asked since the last call: for the main's eventfd. */
  onWake(): void {
    for (let row = 0; row < this.#rows.length; row++) this.#drain(row);
    this.#writer.reclaim();
  }

  /** After a process's `exit` was reported and its row cleared: what it had completely handed over is kept, its leases end. */
  takeBack(row: number): void {
    this.#drain(row);
    const { leases, fromWriter } = this.#rows[row]!;
    fromWriter.clear();
    for (const [unit, index] of leases) {
      this.#endLease(row, unit, index);
      this.#writer.arena.free(unit);
    }
  }

  #drain(row: number): void {
    const { toWriter, fromWriter } = this.#rows[row]!;
    let answered = false;
    while (toWriter.read()) {
      const { message } = toWriter;
      const [kind, a, b, c] = [message[0]!, message[1]!, message[2]!, message[3]!];
      if (kind === TO_WRITER.lease) {
        fromWriter.write(FROM_WRITER.leased, this.#lease(row, a), 0, 0);
        answered = true;
      } else if (kind === TO_WRITER.remove) this.#owner.remove(a, b);
      else if (kind === TO_WRITER.giveBack) {
        if (this.#settle(row, a, 0)) this.#writer.discard(a);
      } else {
        if (this.#settle(row, a, c)) this.#owner.take(a, b, c);
        fromWriter.write(FROM_WRITER.taken, a, 0, 0);
        answered = true;
      }
    }
    if (answered) this.#wake(row);
  }

  #lease(row: number, bytes: number): number {
    const { leases, free, at } = this.#rows[row]!;
    if (free.length === 0) return 0;
    const unit = this.#owner.allocate(bytes);
    if (unit === 0) return 0;
    const index = free.pop()!;
    this.#segment.control[at + index] = unit;
    leases.set(unit, index);
    return unit;
  }

  /** Ends the leases of a chain (of its first chunk alone when the rest belongs to `keeps`). False: it was not leased to this process. */
  #settle(row: number, unit: number, keeps: number): boolean {
    const { leases } = this.#rows[row]!;
    for (let at = unit; at !== 0; at = keeps === 0 ? this.#writer.next(at) : 0) {
      const index = leases.get(at);
      if (index === undefined) return false;
      this.#endLease(row, at, index);
    }
    return true;
  }

  #endLease(row: number, unit: number, index: number): void {
    const { leases, free, at } = this.#rows[row]!;
    leases.delete(unit);
    this.#segment.control[at + index] = 0;
    free.push(index);
  }
}

/** One process as the main sees it. A new main finds the leases of its predecessor in shared memory. */
class LessorRow {
  readonly toWriter: Ring;
  readonly fromWriter: Ring;
  readonly at: number;
  /** Offset to lease word. */
  readonly leases = new Map<number, number>();
  readonly free: number[] = [];

  constructor(segment: Segment, row: number) {
    const { toWriter, fromWriter, leases } = ringsOf(segment.layout, row);
    this.toWriter = new Ring(segment.control, toWriter);
    this.fromWriter = new Ring(segment.control, fromWriter);
    this.at = leases;
    for (let i = LEASES - 1; i >= 0; i--) {
      const unit = segment.control[leases + i]!;
      if (unit === 0) this.free.push(i);
      else this.leases.set(unit, i);
    }
  }
}
