/** A bounded byte writer: what does not fit is not written and sets `overflowed`. */
import { writeUint16, writeUint32 } from "./header.ts";

export class OctetWriter {
  readonly bytes: Uint8Array;
  length = 0;
  overflowed = false;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  uint8(value: number): void {
    if (this.#fits(1)) this.bytes[this.length++] = value;
  }

  uint16(value: number): void {
    if (!this.#fits(2)) return;
    writeUint16(this.bytes, this.length, value);
    this.length += 2;
  }

  uint32(value: number): void {
    if (!this.#fits(4)) return;
    writeUint32(this.bytes, this.length, value);
    this.length += 4;
  }

  octets(values: ArrayLike<number>): void {
    if (!this.#fits(values.length)) return;
    this.bytes.set(values, this.length);
    this.length += values.length;
  }

  reset(): void {
    this.length = 0;
    this.overflowed = false;
  }

  /** A copy of what was written. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  #fits(count: number): boolean {
    if (this.length + count <= this.bytes.length) return true;
    this.overflowed = true;
    return false;
  }
}
