/**
 * A ring of small messages from one process to another in shared memory. A message is seen whole or not at all: a writer
 * killed in the middle has not moved its end yet.
 */
import { MESSAGE_WORDS, RING, RING_MESSAGES } from "./layout.ts";

export class Ring {
  /** The message that `read` found. */
  readonly message = new Int32Array(MESSAGE_WORDS);
  readonly #words: Int32Array;
  readonly #at: number;

  /** Over the words from `at` on. */
  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  /** False when the ring is full. */
  write(kind: number, a: number, b: number, c: number): boolean {
    const written = this.#words[this.#at + RING.written]!;
    if (((written - Atomics.load(this.#words, this.#at + RING.read)) | 0) === RING_MESSAGES) return false;
    const to = this.#slotOf(written);
    this.#words[to] = kind;
    this.#words[to + 1] = a;
    this.#words[to + 2] = b;
    this.#words[to + 3] = c;
    Atomics.store(this.#words, this.#at + RING.written, (written + 1) | 0);
    return true;
  }

  /** False when the ring is empty; else `message` holds the oldest. */
  read(): boolean {
    const read = this.#words[this.#at + RING.read]!;
    if (read === Atomics.load(this.#words, this.#at + RING.written)) return false;
    const from = this.#slotOf(read);
    for (let i = 0; i < MESSAGE_WORDS; i++) this.message[i] = this.#words[from + i]!;
    Atomics.store(this.#words, this.#at + RING.read, (read + 1) | 0);
    return true;
  }

  /** Drops what is in it: for the ring of a process that has ended, before its successor starts. */
  clear(): void {
    Atomics.store(this.#words, this.#at + RING.read, Atomics.load(this.#words, this.#at + RING.written));
  }

  #slotOf(count: number): number {
    return this.#at + RING.messages + (count & (RING_MESSAGES - 1)) * MESSAGE_WORDS;
  }
}
