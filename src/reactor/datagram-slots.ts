/**
 * Memory for one recvmmsg and one sendmmsg: mmsghdr arrays laid out once, a slot of input, output, address and control
 * bytes for each datagram. All UDP sockets of a process share it, since a batch is answered before the next is read.
 */
import type { Address } from "#src/net/address.ts";
import { EAGAIN, EBADF, ENOBUFS, ENOMEM } from "./errno.ts";
import {
  AF_INET,
  CMSGHDR,
  IOVEC,
  MMSGHDR,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  PKTINFO4,
  PKTINFO6,
  SOCKADDR,
} from "./layout.ts";
import { libc, outcome } from "./libc.ts";
import { Slab } from "./slab.ts";
import { decodeSocketAddress, decodeWords } from "./socket-address.ts";

export interface DatagramSlotsOptions {
  /** Datagrams per system call. Default 64. */
  readonly slots?: number;
  /** Bytes of a slot; a longer datagram is cut and marked. Default 4096, enough for DNS; 65536 holds any. */
  readonly inputBytes?: number;
  /** Default 4096. */
  readonly outputBytes?: number;
}

/** A slot's room for a sockaddr, and for one control message. */
export const NAME_BYTES = 32;
export const CONTROL_BYTES = 64;

const HEADER_WORDS = MMSGHDR.size >> 2;
const NAME_LENGTH = MMSGHDR.nameLength >> 2;
const CONTROL_LENGTH = MMSGHDR.controlLength >> 2;
const FLAGS = MMSGHDR.flags >> 2;
const LENGTH = MMSGHDR.length >> 2;
const RECEIVE_FLAGS = BigInt(MSG_DONTWAIT);
const SEND_FLAGS = BigInt(MSG_DONTWAIT | MSG_NOSIGNAL);
const NO_SLOT = -1;

export class DatagramSlots {
  readonly slots: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly input: Slab;
  readonly output: Slab;
  /** sockaddr of slot i at i * 32. */
  readonly names: Slab;
  /** Control message of slot i at i * 64. */
  readonly controls: Slab;
  readonly #inHeaders: Slab;
  readonly #inWords: Int32Array;
  readonly #outHeaders: Slab;
  readonly #outWords: Int32Array;
  readonly #outPointers: BigUint64Array;
  readonly #inVectors: Slab;
  readonly #outVectors: Slab;
  readonly #vectorWords: Int32Array;
  readonly #vectorPointers: BigUint64Array;
  readonly #namePointers: readonly bigint[];
  readonly #controlPointers: readonly bigint[];
  readonly #outputPointers: readonly bigint[];
  /** Whose slot an output header points at, so that pointers are written only when that changes. */
  readonly #slotOfReply: Int32Array;
  /** Headers that the kernel has written to since they were laid out. */
  #used: number;
  #controlRoom = 0;
  #replies = 0;

  constructor(options: DatagramSlotsOptions = {}) {
    const { slots = 64, inputBytes = 4096, outputBytes = 4096 } = options;
    this.slots = slots;
    this.inputBytes = inputBytes;
    this.outputBytes = outputBytes;
    this.#used = slots;
    const offsets = Array.from({ length: slots }, (_, index) => index);
    this.input = new Slab(slots * inputBytes);
    this.output = new Slab(slots * outputBytes);
    this.names = new Slab(slots * NAME_BYTES);
    this.controls = new Slab(slots * CONTROL_BYTES);
    this.#namePointers = offsets.map((index) => this.names.at(index * NAME_BYTES));
    this.#controlPointers = offsets.map((index) => this.controls.at(index * CONTROL_BYTES));
    this.#outputPointers = offsets.map((index) => this.output.at(index * outputBytes));
    this.#inHeaders = new Slab(slots * MMSGHDR.size);
    this.#inWords = new Int32Array(this.#inHeaders.bytes.buffer);
    this.#outHeaders = new Slab(slots * MMSGHDR.size);
    this.#outWords = new Int32Array(this.#outHeaders.bytes.buffer);
    this.#outPointers = new BigUint64Array(this.#outHeaders.bytes.buffer);
    this.#inVectors = new Slab(slots * IOVEC.size);
    this.#outVectors = new Slab(slots * IOVEC.size);
    this.#vectorWords = new Int32Array(this.#outVectors.bytes.buffer);
    this.#vectorPointers = new BigUint64Array(this.#outVectors.bytes.buffer);
    this.#slotOfReply = new Int32Array(slots).fill(NO_SLOT);
    this.#layOut();
  }

  /** Takes what waits at a socket: the number of datagrams, or a negative error number. */
  receive(fd: number, hasControl: boolean): number {
    if (fd < 0) return -EBADF;
    const room = hasControl ? CONTROL_BYTES : 0;
    if (room !== this.#controlRoom) {
      this.#controlRoom = room;
      this.#used = this.slots;
    }
    for (let index = 0, word = 0; index < this.#used; index++, word += HEADER_WORDS) {
      this.#inWords[word + NAME_LENGTH] = SOCKADDR.size;
      this.#inWords[word + CONTROL_LENGTH] = room;
    }
    const count = outcome(libc.recvmmsg(BigInt(fd), this.#inHeaders.pointer, BigInt(this.slots), RECEIVE_FLAGS, 0n));
    this.#used = count > 0 ? count : 0;
    this.#replies = 0;
    return count;
  }

  length(slot: number): number {
    return this.#inWords[slot * HEADER_WORDS + LENGTH]!;
  }

  /** The datagram was longer than its slot. */
  isTruncated(slot: number): boolean {
    return (this.#inWords[slot * HEADER_WORDS + FLAGS]! & MSG_TRUNC) !== 0;
  }

  nameSize(slot: number): number {
    return this.#inWords[slot * HEADER_WORDS + NAME_LENGTH]!;
  }

  controlSize(slot: number): number {
    return this.#inWords[slot * HEADER_WORDS + CONTROL_LENGTH]!;
  }

  sender(slot: number): Address {
    return decodeSocketAddress(this.names, slot * NAME_BYTES);
  }

  /** The address that the datagram was sent to, when the socket asks for it. */
  asked(slot: number, port: number): Address | undefined {
    if (this.controlSize(slot) < CMSGHDR.size) return undefined;
    const { view } = this.controls;
    const at = slot * CONTROL_BYTES;
    if (this.#isIpv4(slot)) return decodeWords(0, 0, 0xffff, view.getInt32(at + PKTINFO4.source), port);
    const word = (index: number): number => view.getInt32(at + PKTINFO6.address + 4 * index);
    return decodeWords(word(0), word(1), word(2), word(3), port);
  }

  /**
   * Makes the received packet information fit for an answer: from the address that was asked, by whatever interface
   * routing chooses, except for a link-local address, which means nothing without its interface.
   */
  turnControl(slot: number): void {
    const { view } = this.controls;
    const at = slot * CONTROL_BYTES;
    if (this.#isIpv4(slot)) view.setInt32(at + PKTINFO4.interface, 0, true);
    else if ((view.getUint16(at + PKTINFO6.address) & 0xffc0) !== 0xfe80)
      view.setInt32(at + PKTINFO6.interface, 0, true);
  }

  /** Puts `length` bytes of the slot's output on the list of answers to the slot's sender. */
  reply(slot: number, length: number): void {
    if (slot >>> 0 >= this.slots || length >>> 0 !== length || length > this.outputBytes)
      throw new RangeError("Cannot reply: range outside the slot");
    const index = this.#replies;
    if (index === this.slots) throw new RangeError("Cannot reply: more answers than slots");
    this.#replies = index + 1;
    const word = index * HEADER_WORDS;
    if (this.#slotOfReply[index] !== slot) this.#point(index, slot);
    const controlSize = this.#controlRoom === 0 ? 0 : this.controlSize(slot);
    if (controlSize > 0) this.turnControl(slot);
    this.#outWords[word + NAME_LENGTH] = this.nameSize(slot);
    this.#outWords[word + CONTROL_LENGTH] = controlSize;
    this.#vectorWords[(index * IOVEC.size + IOVEC.length) >> 2] = length;
  }

  /** Sends the list; returns how many the kernel refused. Those are lost, as datagrams may be. */
  flush(fd: number): number {
    let refused = 0;
    for (let done = 0; done < this.#replies;) {
      const pointer = this.#outHeaders.pointer + BigInt(done * MMSGHDR.size);
      const sent = outcome(libc.sendmmsg(BigInt(fd), pointer, BigInt(this.#replies - done), SEND_FLAGS));
      if (sent > 0) {
        done += sent;
        continue;
      }
      if (sent === -EAGAIN || sent === -ENOBUFS || sent === -ENOMEM) {
        refused += this.#replies - done;
        break;
      }
      refused++;
      done++;
    }
    this.#replies = 0;
    return refused;
  }

  #isIpv4(slot: number): boolean {
    return this.names.view.getUint16(slot * NAME_BYTES, true) === AF_INET;
  }

  #point(index: number, slot: number): void {
    this.#slotOfReply[index] = slot;
    const at = index * MMSGHDR.size;
    this.#outPointers[(at + MMSGHDR.name) >> 3] = this.#namePointers[slot]!;
    this.#outPointers[(at + MMSGHDR.control) >> 3] = this.#controlPointers[slot]!;
    this.#vectorPointers[(index * IOVEC.size + IOVEC.base) >> 3] = this.#outputPointers[slot]!;
  }

  #layOut(): void {
    for (let index = 0; index < this.slots; index++) {
      const header = index * MMSGHDR.size;
      const vector = index * IOVEC.size;
      const { view } = this.#inHeaders;
      view.setBigUint64(header + MMSGHDR.name, this.#namePointers[index]!, true);
      view.setBigUint64(header + MMSGHDR.iov, this.#inVectors.at(vector), true);
      view.setBigUint64(header + MMSGHDR.iovLength, 1n, true);
      view.setBigUint64(header + MMSGHDR.control, this.#controlPointers[index]!, true);
      this.#inVectors.view.setBigUint64(vector + IOVEC.base, this.input.at(index * this.inputBytes), true);
      this.#inVectors.view.setBigUint64(vector + IOVEC.length, BigInt(this.inputBytes), true);
      this.#outHeaders.view.setBigUint64(header + MMSGHDR.iov, this.#outVectors.at(vector), true);
      this.#outHeaders.view.setBigUint64(header + MMSGHDR.iovLength, 1n, true);
      this.#point(index, index);
    }
  }
}
