/** An eventfd that wakes this process's poller: how another process says that something lies in a shared-memory ring. */
import { errnoText } from "./errno.ts";
import { EPOLLIN } from "./layout.ts";
import type { Poller, Watcher } from "./poller.ts";
import { Slab } from "./slab.ts";
import { close, eventFd, read, write } from "./system.ts";

/** A new eventfd, for a child's stdio list and its own WakeUp. Closed on exec otherwise. */
export function createWakeUpFd(): number {
  const fd = eventFd();
  if (fd < 0) throw new Error(`Cannot create an eventfd: ${errnoText(fd)}`);
  return fd;
}

export class WakeUp implements Watcher, Disposable {
  readonly fd: number;
  readonly #poller: Poller;
  readonly #onWake: () => void;
  readonly #counter = new Slab(8);

  /** `onWake` runs inside a batch, once however often it was signalled since. Owns `fd`. */
  constructor(poller: Poller, fd: number, onWake: () => void) {
    this.fd = fd;
    this.#poller = poller;
    this.#onWake = onWake;
    const result = poller.add(fd, EPOLLIN, this);
    if (result < 0) throw new Error(`Cannot watch descriptor ${fd}: ${errnoText(result)}`);
  }

  onReady(): void {
    read(this.fd, this.#counter, 0, 8);
    this.#onWake();
  }

  /** The exception has been reported by the poller; the next signal is served again. */
  onFault(): void {}

  [Symbol.dispose](): void {
    this.#poller.close(this.fd);
  }
}

/** The other side: signals the eventfds of other processes. */
export class WakeUpSignal implements Disposable {
  readonly fd: number;
  readonly #one = new Slab(8);

  constructor(fd: number) {
    this.fd = fd;
    this.#one.bytes[0] = 1;
  }

  signal(): void {
    write(this.fd, this.#one, 0, 8);
  }

  [Symbol.dispose](): void {
    close(this.fd);
  }
}
