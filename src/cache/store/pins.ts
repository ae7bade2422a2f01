/** Pins on objects whose bytes leave in parts, one for all who send the same object. */
import type { SharedReader } from "#src/memory/reader.ts";
import type { Held } from "#src/reactor/stream.ts";

export class Pins {
  readonly #reader: SharedReader;
  readonly #held = new Map<number, Pin>();
  readonly #spare: Pin[] = [];

  constructor(reader: SharedReader) {
    this.#reader = reader;
  }

  /** Keeps a chunk (and what it is chained to, when it begins a chain) until `release`. Undefined when all pins are in use: the bytes must be copied. */
  hold(unit: number): Held | undefined {
    const known = this.#held.get(unit);
    if (known !== undefined) {
      known.holders++;
      return known;
    }
    const number = this.#reader.pin(unit);
    if (number < 0) return undefined;
    const pin = this.#spare.pop() ?? new Pin(this);
    pin.unit = unit;
    pin.number = number;
    pin.holders = 1;
    this.#held.set(unit, pin);
    return pin;
  }

  end(pin: Pin): void {
    this.#held.delete(pin.unit);
    this.#reader.unpin(pin.number);
    this.#spare.push(pin);
  }
}

class Pin implements Held {
  unit = 0;
  number = -1;
  holders = 0;
  readonly #pins: Pins;

  constructor(pins: Pins) {
    this.#pins = pins;
  }

  release(): void {
    if (--this.holders === 0) this.#pins.end(this);
  }
}
