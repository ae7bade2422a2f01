/** epoll(7) as numbers and slabs. The 64 bits that an event carries are the descriptor and its generation. */
import { EBADF } from "./errno.ts";
import { EPOLL_CLOEXEC, EPOLL_EVENT } from "./layout.ts";
import { libc, outcome } from "./libc.ts";
import { Slab } from "./slab.ts";
import { wordOf } from "./word.ts";

const event = new Slab(EPOLL_EVENT.size);

export function createEpoll(): number {
  return outcome(libc.epoll_create1(BigInt(EPOLL_CLOEXEC)));
}

/** EPOLL_CTL_ADD, _MOD or _DEL of `fd`. */
export function controlEpoll(
  epoll: number,
  operation: number,
  fd: number,
  interest: number,
  generation: number,
): number {
  if (epoll < 0 || fd < 0) return -EBADF;
  event.view.setUint32(EPOLL_EVENT.events, interest, true);
  event.view.setInt32(EPOLL_EVENT.data, fd, true);
  event.view.setInt32(EPOLL_EVENT.data + 4, generation, true);
  return outcome(libc.epoll_ctl(wordOf(epoll), wordOf(operation), wordOf(fd), event.pointer));
}

/** Writes up to `max` ready events to `events` without waiting, as many as it holds; returns how many. */
export function takeEvents(epoll: number, events: Slab, max: number): number {
  const room = Math.floor(events.length / EPOLL_EVENT.size);
  if (epoll < 0) return -EBADF;
  return outcome(libc.epoll_wait(wordOf(epoll), events.pointer, BigInt(max < room ? max : room), 0n));
}
