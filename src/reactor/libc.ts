/** The C library's and libuv's functions in use, and errno. Callers use the checked wrappers (system.ts, socket.ts, ...). */
import { bindingFault, bindLibrary, bindProcess, wrapNative } from "./binding.ts";

export const libc = bindLibrary("libc.so.6", {
  __errno_location: [0, "pointer"],
  accept4: [4, "int32"],
  bind: [3, "int32"],
  close: [1, "int32"],
  connect: [3, "int32"],
  epoll_create1: [1, "int32"],
  epoll_ctl: [4, "int32"],
  epoll_wait: [4, "int32"],
  eventfd: [2, "int32"],
  fcntl: [3, "int32"],
  free: [1, "void"],
  ftruncate: [2, "int32"],
  getpeername: [3, "int32"],
  getsockname: [3, "int32"],
  getsockopt: [5, "int32"],
  listen: [2, "int32"],
  malloc: [1, "pointer"],
  memfd_create: [2, "int32"],
  mmap: [6, "pointer"],
  mprotect: [3, "int32"],
  munmap: [2, "int32"],
  pipe2: [2, "int32"],
  posix_fallocate: [3, "int32"],
  pread: [4, "int32"],
  read: [3, "int32"],
  recv: [4, "int32"],
  recvmmsg: [5, "int32"],
  send: [4, "int32"],
  sendfile: [4, "int32"],
  sendmmsg: [4, "int32"],
  sendmsg: [3, "int32"],
  setsockopt: [5, "int32"],
  shutdown: [2, "int32"],
  socket: [3, "int32"],
  splice: [6, "int32"],
  write: [3, "int32"],
});

export const uv = bindProcess({
  uv_close: [2, "void"],
  uv_handle_size: [1, "int64"],
  uv_poll_init: [3, "int32"],
  uv_poll_start: [3, "int32"],
  uv_poll_stop: [1, "int32"],
});

/** This thread's errno. It has to be read right after the call, in the same tick. */
const errnoWord =
  bindingFault() === undefined ? new Int32Array(wrapNative(libc.__errno_location(), 4).buffer) : new Int32Array(1);

/** The error number of the system call that has just returned -1. */
export function errno(): number {
  return errnoWord[0]!;
}

/** What wrappers return: the call's result, or the negative error number. */
export function outcome(result: number): number {
  return result >= 0 ? result : -errnoWord[0]!;
}
