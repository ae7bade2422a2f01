/**
 * One row per process: its epoch, how often it entered, its pins, and its counters. A process writes only its own row,
 * so counters are plain additions; the main sums them and clears the row of a process whose exit was reported.
 */
import { IDLE } from "./epoch.ts";
import { PINS, ROW } from "./layout.ts";
import type { Segment } from "./segment.ts";

/** Slots of a row for `src/metrics`: counters [0, layout.counters), then gauges. */
export type CounterRow = Float64Array;

/** Word index of a row's start in `segment.control`. */
export function rowWord(segment: Segment, row: number): number {
  return (segment.layout.rows + row * segment.layout.rowBytes) >> 2;
}

/** The slots of process `row`: indexes below `layout.counters` only grow, those from there on go up and down. */
export function counterRow(segment: Segment, row: number): CounterRow {
  const { counters, gauges } = segment.layout;
  return new Float64Array(segment.control.buffer, (rowWord(segment, row) + ROW.pins + PINS) * 4, counters + gauges);
}

/** A process that has been busy in one batch for longer than this stops all reclaiming, and is killed. */
export const STUCK_MS = 1000;

/** The main's view of all rows. */
export class Rows {
  readonly #segment: Segment;
  readonly #counters: readonly CounterRow[];
  /** What cleared rows had counted, so that no sum ever goes backwards. */
  readonly #retained: Float64Array;
  readonly #lastEntered: Int32Array;
  readonly #busySince: Float64Array;

  constructor(segment: Segment) {
    const { processes, counters, gauges } = segment.layout;
    this.#segment = segment;
    this.#counters = Array.from({ length: processes }, (_, row) => counterRow(segment, row));
    this.#retained = new Float64Array(counters + gauges);
    this.#lastEntered = new Int32Array(processes);
    this.#busySince = new Float64Array(processes).fill(-1);
  }

  /** Sum of a slot over all processes, the ended ones included when it is a counter. */
  sum(slot: number): number {
    let total = this.#retained[slot]!;
    for (const row of this.#counters) total += row[slot]!;
    return total;
  }

  /** One process's own share. */
  get(row: number, slot: number): number {
    return this.#counters[row]![slot]!;
  }

  /**
   * Forgets a process: its epoch, its pins, its gauges; its counters are kept in the sums. Only after its `exit` was
   * reported, never when the signal is sent: until then it may still read.
   */
  clear(row: number): void {
    const { control, layout } = this.#segment;
    const at = rowWord(this.#segment, row);
    Atomics.store(control, at + ROW.epoch, IDLE);
    for (let pin = 0; pin < PINS; pin++) Atomics.store(control, at + ROW.pins + pin, 0);
    const slots = this.#counters[row]!;
    for (let slot = 0; slot < layout.counters; slot++) this.#retained[slot]! += slots[slot]!;
    slots.fill(0);
    this.#busySince[row] = -1;
  }

  /**
   * Rows of processes that have been inside one batch for STUCK_MS, seen from calls a few times a second.
   * `now` in milliseconds of any steady clock. An idle process is never stuck, a busy one that goes on entering neither.
   */
  stuck(now: number): number[] {
    const found: number[] = [];
    for (let row = 0; row < this.#segment.layout.processes; row++) {
      const at = rowWord(this.#segment, row);
      const entered = Atomics.load(this.#segment.control, at + ROW.entered);
      const busy = Atomics.load(this.#segment.control, at + ROW.epoch) !== IDLE;
      if (!busy || entered !== this.#lastEntered[row]) this.#busySince[row] = busy ? now : -1;
      else if (this.#busySince[row]! < 0) this.#busySince[row] = now;
      else if (now - this.#busySince[row]! >= STUCK_MS) found.push(row);
      this.#lastEntered[row] = entered;
    }
    return found;
  }
}
