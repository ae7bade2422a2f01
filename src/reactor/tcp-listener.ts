/** A listening TCP socket, one per data process and address: SO_REUSEPORT lets every process have its own. */
import type { Address } from "#src/net/address.ts";
import { EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, errnoText } from "./errno.ts";
import { EPOLLIN, IPPROTO_IPV6, IPV6_V6ONLY, SOCKADDR, SOCK_STREAM } from "./layout.ts";
import { SOL_SOCKET, SO_REUSEADDR, SO_REUSEPORT } from "./layout.ts";
import type { Watcher } from "./poller.ts";
import { Slab } from "./slab.ts";
import {
  accept,
  bind,
  listen,
  localAddress,
  setOption,
  setResetOnClose,
  setKeepalive,
  setNoDelay,
  socket,
} from "./socket.ts";
import type { TcpTuning } from "./socket.ts";
import { AddressWords, SocketAddress } from "./socket-address.ts";
import type { StreamHandler } from "./stream.ts";
import { close } from "./system.ts";
import type { Tcp } from "./tcp.ts";
import type { StreamSource } from "./stream-source.ts";
import { TcpStream } from "./tcp-stream.ts";
import { Deadline, type DeadlineOwner } from "./timer-wheel.ts";

/** Connections taken per event, so that a burst of them does not keep established ones waiting. */
const ACCEPT_BATCH = 64;
/** How long accepting rests when descriptors or memory have run out. */
const REST_MS = 100;

export interface TcpListenerOptions extends TcpTuning {
  /** IP address; `::` is IPv6 alone. */
  readonly host: string;
  /** 0 takes a free one: see `bound`. */
  readonly port: number;
  /** Connections waiting to be accepted; the system's somaxconn bounds it. Default 4096. */
  readonly backlog?: number;
  /** Open connections of this listener; more are reset at once and counted. No limit by default. */
  readonly maxConnections?: number;
  /** The handler of a new connection; called inside a batch, before any byte is read. */
  readonly onStream: (stream: TcpStream) => StreamHandler;
}

export class TcpListener implements Watcher, StreamSource, DeadlineOwner, Disposable {
  readonly bound: Address;
  /** Set when the socket is bound to one address; streams of a wildcard listener ask the kernel. */
  readonly sharedLocal: Address | undefined;
  /** Connections accepted, reset because of maxConnections, and pauses because descriptors had run out. */
  readonly counts = { accepted: 0, shed: 0, exhausted: 0 };
  /** Connections open now. */
  open = 0;
  maxConnections: number;
  readonly #tcp: Tcp;
  readonly #fd: number;
  readonly #onStream: (stream: TcpStream) => StreamHandler;
  readonly #names = new Slab(SOCKADDR.size + 4);
  readonly #pause = new Deadline(this);
  #isClosed = false;

  /** Throws "Cannot listen on ...: reason". */
  constructor(tcp: Tcp, options: TcpListenerOptions) {
    this.#tcp = tcp;
    this.#onStream = options.onStream;
    this.maxConnections = options.maxConnections ?? Infinity;
    this.#fd = openListener(options);
    const bound = localAddress(this.#fd);
    if (bound === undefined) throw new Error(`Cannot listen on ${options.host}: it has no address`);
    this.bound = bound;
    this.sharedLocal = bound.host === "0.0.0.0" || bound.host === "::" ? undefined : bound;
    tcp.poller.add(this.#fd, EPOLLIN, this);
  }

  onReady(): void {
    for (let count = 0; count < ACCEPT_BATCH; count++) {
      const fd = accept(this.#fd, this.#names, 0);
      if (fd >= 0) this.#take(fd);
      else if (fd === -EAGAIN || this.#isClosed) return;
      else if (!this.#survives(fd)) return;
    }
  }

  onFault(): void {}

  onStreamGone(): void {
    this.open--;
  }

  onDue(): void {
    if (!this.#isClosed) this.#tcp.poller.change(this.#fd, EPOLLIN);
  }

  /**
   * Takes what still waits, then closes; open connections go on. Half-open handshakes are lost unless the system's
   * tcp_migrate_req is 1, so a graceful stop first sees to it that no new ones come, and goes on accepting meanwhile.
   */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#tcp.poller.run(() => {
      for (let fd = accept(this.#fd, this.#names, 0); fd >= 0; fd = accept(this.#fd, this.#names, 0)) this.#take(fd);
    });
    this.#isClosed = true;
    this.#tcp.poller.deadlines.remove(this.#pause);
    this.#tcp.poller.close(this.#fd);
  }

  #take(fd: number): void {
    if (this.open >= this.maxConnections) {
      this.counts.shed++;
      setResetOnClose(fd);
      close(fd);
      return;
    }
    this.counts.accepted++;
    this.open++;
    const stream = new TcpStream(this.#tcp, fd, NO_HANDLER, new AddressWords(this.#names, 0), this);
    try {
      stream.handler = this.#onStream(stream);
      stream.watch();
    } catch (error) {
      this.#tcp.poller.fault(error);
      stream.abort("error");
    }
  }

  /** True when accepting goes on: the error was that of one connection. */
  #survives(error: number): boolean {
    if (error === -ECONNABORTED || error === -EINTR) return true;
    if (error === -EMFILE || error === -ENFILE || error === -ENOBUFS || error === -ENOMEM) this.counts.exhausted++;
    this.#tcp.poller.change(this.#fd, 0);
    this.#tcp.poller.deadlines.arm(this.#pause, 0, REST_MS);
    return false;
  }
}

/** In place for the moment between a stream's making and its holder's answer. */
const NO_HANDLER: StreamHandler = {
  onOpen: () => {},
  onData: (_stream, _slab, start, end) => end - start,
  onEnd: () => {},
  onDrain: () => {},
  onDeadline: () => {},
  onClose: () => {},
};

function openListener(options: TcpListenerOptions): number {
  const address = new SocketAddress(options.host, options.port);
  const fd = socket(address.family, SOCK_STREAM);
  const steps = [
    () => fd,
    () => setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1),
    () => setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1),
    () => (address.family === 6 ? setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0),
    () => setKeepalive(fd, options),
    () => setNoDelay(fd),
    () => bind(fd, address),
    () => listen(fd, options.backlog ?? 4096),
  ];
  for (const step of steps) {
    const result = step();
    if (result >= 0) continue;
    close(fd);
    throw new Error(`Cannot listen on ${options.host} port ${options.port}: ${errnoText(result)}`);
  }
  return fd;
}
