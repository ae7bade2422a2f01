/**
 * A UDP socket that is served in batches: one recvmmsg fills up to 64 slots, the holder answers in place, one sendmmsg
 * sends what was answered. All headers are laid out once: slot i's answer goes back to slot i's sender, from the address
 * that was asked (IP_PKTINFO, RFC 3542 section 6.2) when the socket is bound to a wildcard.
 */
import type { Address } from "#src/net/address.ts";
import { type DatagramTicket, TicketPool } from "./datagram-ticket.ts";
import { EAGAIN, EBADF, errnoText } from "./errno.ts";
import {
  EPOLLIN,
  IOVEC,
  IP_MTU_DISCOVER,
  IP_PKTINFO,
  IP_PMTUDISC_OMIT,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_MTU_DISCOVER,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  MMSGHDR,
  MSG_DONTWAIT,
  PKTINFO4,
  PKTINFO6,
  SO_RCVBUF,
  SO_REUSEPORT,
  SO_SNDBUF,
  SOCK_DGRAM,
  SOL_SOCKET,
} from "./layout.ts";
import { libc, outcome } from "./libc.ts";
import type { Poller, Watcher } from "./poller.ts";
import type { ReturnPath } from "./return-path.ts";
import { Slab } from "./slab.ts";
import { wordOf } from "./word.ts";
import { bind, localAddress, setOption, socket } from "./socket.ts";
import { decodeSocketAddress, SocketAddress } from "./socket-address.ts";
import { close } from "./system.ts";

/** Datagrams taken by one system call. */
export const SLOTS = 64;
const NAME_BYTES = 32;
const CONTROL_BYTES = 64;
/** Asked of the kernel for both queues; it grants what the system's limits allow. */
const QUEUE_BYTES = 4 * 1024 * 1024;
const DONT_WAIT = BigInt(MSG_DONTWAIT);

export interface DatagramsOptions {
  /** IP address; `::` is IPv6 alone. */
  readonly host: string;
  /** 0 takes a free one: see `bound`. */
  readonly port: number;
  /** Largest datagram taken whole; what is longer is cut. Default 4096. */
  readonly inputBytes?: number;
  /** Largest answer. Default 4096. */
  readonly outputBytes?: number;
  /** Answers that may be owed at a time. Default 8192. */
  readonly maxTickets?: number;
  /** Answers the slots 0 to `count` - 1; called inside a batch. */
  readonly onBatch: (batch: Datagrams) => void;
}

export class Datagrams implements Watcher, Disposable {
  readonly bound: Address;
  /** Slots filled in this batch. */
  count = 0;
  /** Datagram `i` lies at `inputStart(i)`. */
  readonly input: Slab;
  /** The answer to `i` goes to `outputStart(i)`, at most `outputBytes` of it. */
  readonly output: Slab;
  readonly outputBytes: number;
  /** Raw sockaddrs of the senders: slot i's begins at `nameStart(i)`. */
  readonly names: Slab = new Slab(SLOTS * NAME_BYTES);
  /** Datagrams received and sent, answers the kernel refused, and answers that could not be owed. */
  readonly counts = { received: 0, sent: 0, unsent: 0, overloaded: 0 };
  readonly #poller: Poller;
  readonly #fd: number;
  readonly #onBatch: (batch: Datagrams) => void;
  readonly #inputBytes: number;
  readonly #inHeaders = new Slab(SLOTS * MMSGHDR.size);
  readonly #outHeaders = new Slab(SLOTS * MMSGHDR.size);
  readonly #inWords = new Uint32Array(this.#inHeaders.bytes.buffer);
  readonly #inVectors = new Slab(SLOTS * IOVEC.size);
  readonly #outVectors = new Slab(SLOTS * IOVEC.size);
  readonly #outLengths = new Uint32Array(this.#outVectors.bytes.buffer);
  readonly #control = new Slab(SLOTS * CONTROL_BYTES);
  /** Bytes of a control message on this socket, 0 when it is bound to one address. */
  readonly #controlBytes: number;
  readonly #nameBytes: number;
  readonly #answered = new Uint8Array(SLOTS);
  readonly #tickets: TicketPool;
  #isClosed = false;

  /** Throws "Cannot listen on ...: reason". */
  constructor(poller: Poller, options: DatagramsOptions) {
    this.#poller = poller;
    this.#onBatch = options.onBatch;
    this.#inputBytes = options.inputBytes ?? 4096;
    this.outputBytes = options.outputBytes ?? 4096;
    this.input = new Slab(SLOTS * this.#inputBytes);
    this.output = new Slab(SLOTS * this.outputBytes);
    const address = new SocketAddress(options.host, options.port);
    const isWildcard = options.host === "0.0.0.0" || options.host === "::";
    const space = address.family === 4 ? PKTINFO4.space : PKTINFO6.space;
    this.#controlBytes = isWildcard ? space : 0;
    this.#nameBytes = address.size;
    this.#layOut();
    this.#fd = openSocket(address, isWildcard, options);
    const bound = localAddress(this.#fd);
    if (bound === undefined) throw new Error(`Cannot listen on ${options.host}: it has no address`);
    this.bound = bound;
    this.#tickets = new TicketPool(this.#fd, options.maxTickets ?? 8192, this.outputBytes);
    poller.add(this.#fd, EPOLLIN, this);
  }

  inputStart(index: number): number {
    return index * this.#inputBytes;
  }

  inputLength(index: number): number {
    return this.#inWords[(index * MMSGHDR.size + MMSGHDR.length) >> 2]!;
  }

  outputStart(index: number): number {
    return index * this.outputBytes;
  }

  nameStart(index: number): number {
    return index * NAME_BYTES;
  }

  /** Bytes of a raw sockaddr on this socket: 16 or 28. */
  get nameBytes(): number {
    return this.#nameBytes;
  }

  client(index: number): Address {
    return decodeSocketAddress(this.names, index * NAME_BYTES);
  }

  /** The answer to `index` of `length` bytes is in place; it leaves when the holder returns from `onBatch`. */
  reply(index: number, length: number): void {
    if (index >>> 0 >= this.count || length >>> 0 > this.outputBytes)
      throw new RangeError("Cannot reply: range outside the slot");
    if (this.#controlBytes > 0) this.#turnControl(index);
    this.#outLengths[(index * IOVEC.size + IOVEC.length) >> 2] = length;
    this.#answered[index] = 1;
  }

  /** For an answer that comes later: keeps the sender and the address that was asked. Undefined when too many are owed. */
  later(index: number): DatagramTicket | undefined {
    const ticket = this.#tickets.take();
    if (ticket === undefined) {
      this.counts.overloaded++;
      return undefined;
    }
    if (this.#controlBytes > 0) this.#turnControl(index);
    ticket.keep(
      this.names,
      index * NAME_BYTES,
      this.#nameBytes,
      this.#control,
      index * CONTROL_BYTES,
      this.#controlBytes,
    );
    return ticket;
  }

  /** For any number of later datagrams to the sender of `index`: see sendTo. */
  keepPath(index: number, path: ReturnPath): void {
    if (this.#controlBytes > 0) this.#turnControl(index);
    path.keep(
      this.names,
      index * NAME_BYTES,
      this.#nameBytes,
      this.#control,
      index * CONTROL_BYTES,
      this.#controlBytes,
    );
  }

  /** Sends one datagram back along a kept path. Bytes sent, or a negative error number. */
  sendTo(path: ReturnPath, slab: Slab, offset: number, length: number): number {
    if (this.#isClosed) return -EBADF;
    const result = path.send(this.#fd, slab, offset, length);
    if (result >= 0) this.counts.sent++;
    else this.counts.unsent++;
    return result;
  }

  onReady(): void {
    if (this.#controlBytes > 0) this.#resetControl();
    const { pointer } = this.#inHeaders;
    const count = outcome(libc.recvmmsg(wordOf(this.#fd), pointer, BigInt(SLOTS), DONT_WAIT, 0n));
    if (count <= 0) return;
    this.count = count;
    this.counts.received += count;
    this.#onBatch(this);
    if (!this.#isClosed) this.#sendAnswers();
  }

  onFault(): void {
    this.#answered.fill(0);
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#tickets.close();
    this.#poller.close(this.#fd);
  }

  /** One sendmmsg for each run of answered slots: all of them in one call when every datagram was answered. */
  #sendAnswers(): void {
    const answered = this.#answered;
    for (let from = 0; from < this.count;) {
      if (answered[from] === 0) {
        from++;
        continue;
      }
      let to = from;
      while (to < this.count && answered[to] === 1) answered[to++] = 0;
      this.#send(from, to);
      from = to;
    }
  }

  #send(from: number, to: number): void {
    for (let at = from; at < to;) {
      const headers = this.#outHeaders.pointer + BigInt(at * MMSGHDR.size);
      const sent = outcome(libc.sendmmsg(wordOf(this.#fd), headers, BigInt(to - at), DONT_WAIT));
      if (sent > 0) {
        this.counts.sent += sent;
        at += sent;
        continue;
      }
      // A full queue drops the rest, as the network would; any other fault is that of one destination.
      this.counts.unsent += sent === -EAGAIN ? to - at : 1;
      at = sent === -EAGAIN ? to : at + 1;
    }
  }

  /** The kernel has written how much it used. */
  #resetControl(): void {
    for (let index = 0; index < SLOTS; index++) {
      this.#inWords[(index * MMSGHDR.size + MMSGHDR.controlLength) >> 2] = this.#controlBytes;
    }
  }

  /**
   * An answer leaves by whatever interface routing chooses, not by the one that the question came in through; only a
   * link-local address means nothing without its interface.
   */
  #turnControl(index: number): void {
    const at = index * CONTROL_BYTES;
    const { view } = this.#control;
    if (this.bound.family === 4) view.setInt32(at + PKTINFO4.interface, 0, true);
    else if ((view.getUint16(at + PKTINFO6.address) & 0xffc0) !== 0xfe80) {
      view.setInt32(at + PKTINFO6.interface, 0, true);
    }
  }

  #layOut(): void {
    for (let index = 0; index < SLOTS; index++) {
      const control = this.#controlBytes === 0 ? 0n : this.#control.at(index * CONTROL_BYTES);
      const directions = [
        [this.#inHeaders, this.#inVectors, this.input, this.#inputBytes],
        [this.#outHeaders, this.#outVectors, this.output, this.outputBytes],
      ] as const;
      for (const [headers, vectors, memory, bytes] of directions) {
        const at = index * MMSGHDR.size;
        const vector = index * IOVEC.size;
        vectors.view.setBigUint64(vector + IOVEC.base, memory.at(index * bytes), true);
        vectors.view.setUint32(vector + IOVEC.length, bytes, true);
        headers.view.setBigUint64(at + MMSGHDR.name, this.names.at(index * NAME_BYTES), true);
        headers.view.setUint32(at + MMSGHDR.nameLength, this.#nameBytes, true);
        headers.view.setBigUint64(at + MMSGHDR.iov, vectors.at(vector), true);
        headers.view.setUint32(at + MMSGHDR.iovLength, 1, true);
        headers.view.setBigUint64(at + MMSGHDR.control, control, true);
        headers.view.setUint32(at + MMSGHDR.controlLength, this.#controlBytes, true);
      }
    }
  }
}

function openSocket(address: SocketAddress, isWildcard: boolean, { host, port }: DatagramsOptions): number {
  const fd = socket(address.family, SOCK_DGRAM);
  const isV4 = address.family === 4;
  // Path MTUs told by strangers are not believed, so that nobody can make answers go out in fragments.
  if (isV4) setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  else setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  setOption(fd, SOL_SOCKET, SO_RCVBUF, QUEUE_BYTES);
  setOption(fd, SOL_SOCKET, SO_SNDBUF, QUEUE_BYTES);
  const steps = [
    () => fd,
    () => setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1),
    () => (isV4 ? 0 : setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)),
    () => (isWildcard && isV4 ? setOption(fd, IPPROTO_IP, IP_PKTINFO, 1) : 0),
    () => (isWildcard && !isV4 ? setOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : 0),
    () => bind(fd, address),
  ];
  for (const step of steps) {
    const result = step();
    if (result >= 0) continue;
    close(fd);
    throw new Error(`Cannot listen on ${host} port ${port} (UDP): ${errnoText(result)}`);
  }
  return fd;
}
