/** The way back to a sender whose answer comes after its batch: where it is, where it asked, and room for the answer. */
import type { Address } from "#src/net/address.ts";
import { IOVEC, MMSGHDR } from "./layout.ts";
import { Slab } from "./slab.ts";
import { decodeSocketAddress } from "./socket-address.ts";
import { sendMessage } from "./system.ts";

/** In a ticket's slab: msghdr, iovec, sockaddr, control message, answer. */
const VECTOR = 64;
const NAME = 80;
const CONTROL = 112;
const PAYLOAD = 176;

export class DatagramTicket {
  /** The answer is written at `start`, at most `max` bytes of it. */
  readonly slab: Slab;
  readonly start: number = PAYLOAD;
  readonly max: number;
  readonly #pool: TicketPool;
  #isTaken = false;

  constructor(pool: TicketPool, outputBytes: number) {
    this.#pool = pool;
    this.max = outputBytes;
    this.slab = new Slab(PAYLOAD + outputBytes);
    const { view } = this.slab;
    view.setBigUint64(MMSGHDR.name, this.slab.at(NAME), true);
    view.setBigUint64(MMSGHDR.iov, this.slab.at(VECTOR), true);
    view.setUint32(MMSGHDR.iovLength, 1, true);
    view.setBigUint64(VECTOR + IOVEC.base, this.slab.at(PAYLOAD), true);
  }

  get client(): Address {
    return decodeSocketAddress(this.slab, NAME);
  }

  /** Called by Datagrams: copies the sender's sockaddr and the control message that names the address it asked. */
  keep(names: Slab, name: number, nameBytes: number, controls: Slab, control: number, controlBytes: number): void {
    this.#isTaken = true;
    const { bytes, view } = this.slab;
    bytes.set(names.bytes.subarray(name, name + nameBytes), NAME);
    view.setUint32(MMSGHDR.nameLength, nameBytes, true);
    bytes.set(controls.bytes.subarray(control, control + controlBytes), CONTROL);
    view.setBigUint64(MMSGHDR.control, controlBytes === 0 ? 0n : this.slab.at(CONTROL), true);
    view.setUint32(MMSGHDR.controlLength, controlBytes, true);
  }

  /** Sends the answer and gives the ticket back. An answer that the kernel does not take is lost, as on the network. */
  send(length: number): void {
    if (!this.#isTaken) return;
    if (length >>> 0 > this.max) throw new RangeError("Cannot send: longer than the ticket's room");
    this.slab.view.setUint32(VECTOR + IOVEC.length, length, true);
    if (this.#pool.fd >= 0) sendMessage(this.#pool.fd, this.slab, 0);
    this.drop();
  }

  /** Gives the ticket back without an answer. */
  drop(): void {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.#pool.give(this);
  }
}

/** Tickets of one socket: made when they are first needed, used again, bounded. */
export class TicketPool {
  fd: number;
  readonly #max: number;
  readonly #outputBytes: number;
  readonly #free: DatagramTicket[] = [];
  #made = 0;

  constructor(fd: number, max: number, outputBytes: number) {
    this.fd = fd;
    this.#max = max;
    this.#outputBytes = outputBytes;
  }

  take(): DatagramTicket | undefined {
    const ticket = this.#free.pop();
    if (ticket !== undefined || this.#made === this.#max) return ticket;
    this.#made++;
    return new DatagramTicket(this, this.#outputBytes);
  }

  give(ticket: DatagramTicket): void {
    this.#free.push(ticket);
  }

  /** The socket is gone: tickets still out send nothing. */
  close(): void {
    this.fd = -1;
  }
}
