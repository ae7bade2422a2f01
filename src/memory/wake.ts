/** An eventfd, by which one process wakes another: memory that is shared but not Node's cannot be waited for. */
import { Slab } from "#src/reactor/slab.ts";
import { read, write } from "#src/reactor/system.ts";

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
