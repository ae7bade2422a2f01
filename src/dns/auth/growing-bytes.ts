/** Bytes that are appended to. */
export class GrowingBytes {
  #bytes: Uint8Array;
  #length = 0;

  /** `room`: bytes to begin with. */
  constructor(room: number) {
    this.#bytes = new Uint8Array(room);
  }

  /** Keeps a copy of `bytes`. Returns where it lies. */
  append(bytes: Uint8Array): number {
    const at = this.#length;
    if (at + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (at + bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, at);
    this.#length += bytes.length;
    return at;
  }

  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
