/** The way back to a sender for any number of later datagrams: where it is, and which of our addresses it asked. */
import { EFAULT } from "./errno.ts";
import { IOVEC, MMSGHDR } from "./layout.ts";
import { isOutside, Slab } from "./slab.ts";
import { sendMessage } from "./system.ts";

/** In a path's slab: msghdr, iovec, sockaddr, control message. */
const VECTOR = 64;
const NAME = 80;
const CONTROL = 112;
const BYTES = 176;

export class ReturnPath {
  readonly #slab = new Slab(BYTES);

  constructor() {
    const { view } = this.#slab;
    view.setBigUint64(MMSGHDR.name, this.#slab.at(NAME), true);
    view.setBigUint64(MMSGHDR.iov, this.#slab.at(VECTOR), true);
    view.setUint32(MMSGHDR.iovLength, 1, true);
  }

  /** Called by Datagrams: copies the sender's sockaddr and the control message that names the address it asked. */
  keep(names: Slab, name: number, nameBytes: number, controls: Slab, control: number, controlBytes: number): void {
    const { bytes, view } = this.#slab;
    for (let at = 0; at < nameBytes; at++) bytes[NAME + at] = names.bytes[name + at]!;
    for (let at = 0; at < controlBytes; at++) bytes[CONTROL + at] = controls.bytes[control + at]!;
    view.setUint32(MMSGHDR.nameLength, nameBytes, true);
    view.setBigUint64(MMSGHDR.control, controlBytes === 0 ? 0n : this.#slab.at(CONTROL), true);
    view.setUint32(MMSGHDR.controlLength, controlBytes, true);
  }

  /** Called by Datagrams: one datagram from `slab`. Bytes sent, or a negative error number. */
  send(fd: number, slab: Slab, offset: number, length: number): number {
    if (isOutside(slab, offset, length)) return -EFAULT;
    const { view } = this.#slab;
    view.setBigUint64(VECTOR + IOVEC.base, slab.at(offset), true);
    view.setUint32(VECTOR + IOVEC.length, length, true);
    return sendMessage(fd, this.#slab, 0);
  }
}
