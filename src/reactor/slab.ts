/**
 * Memory that system calls may read and write: buffer, pointer and length in one object, because a pointer does not keep
 * its buffer alive. System-call wrappers accept nothing else, and check every range against it.
 */
import { pointerOf } from "./binding.ts";

export class Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly pointer: bigint;
  readonly length: number;

  /** A new slab of `size` bytes, or one over memory that already exists (shared memory, a view of it). */
  constructor(memory: number | Uint8Array) {
    this.bytes = typeof memory === "number" ? new Uint8Array(memory) : memory;
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.pointer = pointerOf(this.bytes);
    this.length = this.bytes.length;
  }

  /** Address of a byte, for a struct that points to it. The slab must outlive every use of it. */
  at(offset: number): bigint {
    return this.pointer + BigInt(offset);
  }
}

/** True when [offset, offset + length) is not a range of whole bytes inside the slab; no system call may see it then. */
export function isOutside(slab: Slab, offset: number, length: number): boolean {
  return offset >>> 0 !== offset || length >>> 0 !== length || offset + length > slab.length;
}
