/** Cuts a stream of bytes into lines; keeps what is not whole yet, up to a limit. */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that the chunk completes, without their ends; undefined: a line is longer than the limit. */
  push(chunk: Buffer): string[] | undefined {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      if (!this.#keep(chunk.subarray(from, end))) return undefined;
      lines.push((this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)).toString("utf8"));
      this.#parts = [];
      this.#bytes = 0;
      from = end + 1;
    }
    return from === chunk.length || this.#keep(chunk.subarray(from)) ? lines : undefined;
  }

  #keep(part: Buffer): boolean {
    this.#bytes += part.length;
    this.#parts.push(part);
    return this.#bytes <= this.#maxBytes;
  }
}
