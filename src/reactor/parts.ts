/** Byte ranges for one sendmsg: an array of struct iovec, and the msghdr that points to it, laid out once. */
import { EFAULT } from "./errno.ts";
import { IOVEC, MMSGHDR } from "./layout.ts";
import { isOutside, Slab } from "./slab.ts";
import type { Parts } from "./stream.ts";
import { sendMessage } from "./system.ts";

/** IOV_MAX of Linux: more pieces than this take a second call. */
const MAX_PARTS = 1024;
/** The iovec array follows the msghdr. */
const IOVECS = 64;

export class PartList implements Parts {
  #slab: Slab;
  #words: BigUint64Array;
  #slabs: Slab[] = [];
  #offsets: number[] = [];
  #lengths: number[] = [];
  #capacity: number;
  count = 0;
  length = 0;

  constructor(capacity = 16) {
    this.#capacity = capacity;
    [this.#slab, this.#words] = layOut(capacity);
  }

  clear(): void {
    this.count = 0;
    this.length = 0;
  }

  /** A range outside its slab is a fault of the caller and throws, before any system call could see it. */
  add(slab: Slab, offset: number, length: number): void {
    if (isOutside(slab, offset, length)) throw new RangeError("Cannot add a part: range outside the slab");
    const index = this.count;
    if (index === this.#capacity) this.#grow();
    this.#slabs[index] = slab;
    this.#offsets[index] = offset;
    this.#lengths[index] = length;
    const word = (IOVECS + index * IOVEC.size) >> 3;
    this.#words[word] = slab.pointer + BigInt(offset);
    this.#words[word + 1] = BigInt(length);
    this.count = index + 1;
    this.length += length;
  }

  slab(index: number): Slab {
    return this.#slabs[index]!;
  }

  offset(index: number): number {
    return this.#offsets[index]!;
  }

  size(index: number): number {
    return this.#lengths[index]!;
  }

  /** One sendmsg of all parts (of the first 1024): bytes that the kernel took, or a negative error number. */
  sendTo(fd: number): number {
    if (this.count === 0) return -EFAULT;
    this.#words[MMSGHDR.iovLength >> 3] = BigInt(this.count < MAX_PARTS ? this.count : MAX_PARTS);
    return sendMessage(fd, this.#slab, 0);
  }

  #grow(): void {
    const old = this.#words;
    this.#capacity *= 2;
    [this.#slab, this.#words] = layOut(this.#capacity);
    this.#words.set(old.subarray(IOVECS >> 3), IOVECS >> 3);
  }
}

function layOut(capacity: number): [Slab, BigUint64Array] {
  const slab = new Slab(IOVECS + capacity * IOVEC.size);
  const words = new BigUint64Array(slab.bytes.buffer);
  words[MMSGHDR.iov >> 3] = slab.at(IOVECS);
  return [slab, words];
}
