/**
 * How a process reads published objects. Objects are immutable: what `load` returned stays as it is until `leave`, and
 * longer while it is pinned.
 */
import { IDLE, currentEpoch } from "./epoch.ts";
import { PINS, ROW, SLOT_WORDS } from "./layout.ts";
import { rowWord } from "./rows.ts";
import type { Segment } from "./segment.ts";

export class SharedReader {
  readonly segment: Segment;
  readonly #control: Int32Array;
  readonly #row: number;
  readonly #slots: number;
  readonly #freePins: Int32Array;
  #freePinCount = PINS;
  #depth = 0;

  constructor(segment: Segment, row: number) {
    this.segment = segment;
    this.#control = segment.control;
    this.#row = rowWord(segment, row);
    this.#slots = segment.layout.slotTable >> 2;
    this.#freePins = Int32Array.from({ length: PINS }, (_, pin) => PINS - 1 - pin);
  }

  /** At the start of a batch, before its first lookup; also around a lookup made outside of one. Nests. */
  enter(): void {
    if (this.#depth++ > 0) return;
    Atomics.store(this.#control, this.#row + ROW.epoch, currentEpoch(this.#control));
    this.#control[this.#row + ROW.entered]!++;
  }

  /** At the end of the batch, after the last use of what is not pinned. */
  leave(): void {
    if (--this.#depth > 0) return;
    Atomics.store(this.#control, this.#row + ROW.epoch, IDLE);
  }

  /** Offset in units of what the slot publishes, 0 for nothing. */
  load(slot: number): number {
    return Atomics.load(this.#control, this.#slots + slot * SLOT_WORDS);
  }

  /** Keeps an object beyond `leave`. Before `leave`. Returns the pin, or -1 when all are in use: copy the rest instead. */
  pin(unit: number): number {
    if (this.#freePinCount === 0) return -1;
    const pin = this.#freePins[--this.#freePinCount]!;
    Atomics.store(this.#control, this.#row + ROW.pins + pin, unit);
    return pin;
  }

  unpin(pin: number): void {
    Atomics.store(this.#control, this.#row + ROW.pins + pin, 0);
    this.#freePins[this.#freePinCount++] = pin;
  }
}
