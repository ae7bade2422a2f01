/**
 * A UDP socket connected to one server: the kernel takes datagrams from that address alone, and tells when nobody
 * listens there. Its local port is the kernel's choice, at random.
 */
import type { Address } from "#src/net/address.ts";
import { EAGAIN, ECONNREFUSED, EINTR } from "./errno.ts";
import { EPOLLIN, SOCK_DGRAM } from "./layout.ts";
import type { Poller, Watcher } from "./poller.ts";
import type { Slab } from "./slab.ts";
import { connect, localAddress, socket } from "./socket.ts";
import type { SocketAddress } from "./socket-address.ts";
import { close, recv, send } from "./system.ts";

/** Datagrams taken per event, so that one busy server does not keep the others waiting. */
const READS = 32;

export interface UdpClientHandler {
  /** A datagram lies at [start, start + length) of `slab`, which is shared: nothing in it survives the call. */
  onDatagram(client: UdpClient, slab: Slab, start: number, length: number): void;
  /** Nobody listens there ("refused": an ICMP port unreachable), or it cannot be reached. The socket stays open. */
  onError(client: UdpClient, reason: "refused" | "unreachable"): void;
}

export class UdpClient implements Watcher, Disposable {
  handler: UdpClientHandler;
  readonly #poller: Poller;
  readonly #input: Slab;
  #fd: number;

  private constructor(poller: Poller, input: Slab, fd: number, handler: UdpClientHandler) {
    this.#poller = poller;
    this.#input = input;
    this.#fd = fd;
    this.handler = handler;
    poller.add(fd, EPOLLIN, this);
  }

  /** A negative error number when there is no way to `server` or no descriptor left. `input` is where datagrams arrive. */
  static open(poller: Poller, input: Slab, server: SocketAddress, handler: UdpClientHandler): UdpClient | number {
    const fd = socket(server.family, SOCK_DGRAM);
    const result = fd < 0 ? fd : connect(fd, server);
    if (result >= 0) return new UdpClient(poller, input, fd, handler);
    close(fd);
    return result;
  }

  get closed(): boolean {
    return this.#fd < 0;
  }

  get local(): Address | undefined {
    return localAddress(this.#fd);
  }

  /** Bytes sent, or a negative error number. */
  send(slab: Slab, offset: number, length: number): number {
    return send(this.#fd, slab, offset, length);
  }

  onReady(): void {
    for (let count = 0; count < READS && this.#fd >= 0; count++) {
      const length = recv(this.#fd, this.#input, 0, this.#input.length);
      if (length >= 0) this.handler.onDatagram(this, this.#input, 0, length);
      else if (length === -EAGAIN || length === -EINTR) return;
      else this.handler.onError(this, length === -ECONNREFUSED ? "refused" : "unreachable");
    }
  }

  onFault(): void {
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    this.#poller.close(this.#fd);
    this.#fd = -1;
  }
}
