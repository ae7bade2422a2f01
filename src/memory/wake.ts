/** An eventfd, by which one process wakes another: memory that is shared but not Node's cannot be waited for. */
import { errnoText } from "#src/reactor/errno.ts";
import { Slab } from "#src/reactor/slab.ts";
import { eventFd, read, write } from "#src/reactor/system.ts";

/** A new eventfd, for this process and for a child's stdio list. */
export function createWakeFd(): number {
  const fd = eventFd();
  if (fd < 0) throw new Error(`Cannot create an eventfd: ${errnoText(fd)}`);
  return fd;
}

export class Wake {
  /** To be watched for reading by whoever is woken. */
  readonly fd: number;
  readonly #one = new Slab(8);
  readonly #count = new Slab(8);

  constructor(fd: number) {
    this.fd = fd;
    this.#one.view.setBigUint64(0, 1n, true);
  }

  /** Makes the other side's `fd` readable, until it calls `clear`. */
  signal(): void {
    write(this.fd, this.#one, 0, 8);
  }

  /** Before looking at what there is to do, so that nothing that comes later is missed. */
  clear(): void {
    read(this.fd, this.#count, 0, 8);
  }
}
