/** What all UDP sockets of a process share. */
import { DatagramSlots, type DatagramSlotsOptions } from "./datagram-slots.ts";
import type { Poller } from "./poller.ts";

export class Udp {
  readonly poller: Poller;
  readonly slots: DatagramSlots;

  constructor(poller: Poller, options: DatagramSlotsOptions = {}) {
    this.poller = poller;
    this.slots = new DatagramSlots(options);
  }
}
