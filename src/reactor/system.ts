/**
 * System calls on descriptors, as numbers and slabs. Every wrapper checks its ranges, returns the call's result or the
 * negative error number (`-EAGAIN`, `-EFAULT` for a range outside the slab), and neither throws nor allocates.
 */
import { EBADF, EFAULT, EINVAL } from "./errno.ts";
import {
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  F_DUPFD_CLOEXEC,
  F_GETPIPE_SZ,
  F_SETPIPE_SZ,
  MSG_NOSIGNAL,
  O_CLOEXEC,
  O_NONBLOCK,
  SPLICE_F_MOVE,
  SPLICE_F_NONBLOCK,
} from "./layout.ts";
import { libc, outcome } from "./libc.ts";
import { isOutside, type Slab } from "./slab.ts";
import { wordOf } from "./word.ts";

const NOSIGNAL = BigInt(MSG_NOSIGNAL);
const SPLICE_FLAGS = BigInt(SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

/** Bytes received, 0 when the peer has ended. */
export function recv(fd: number, slab: Slab, offset: number, length: number): number {
  if (fd < 0 || isOutside(slab, offset, length)) return fd < 0 ? -EBADF : -EFAULT;
  return outcome(libc.recv(wordOf(fd), slab.pointer + BigInt(offset), BigInt(length), 0n));
}

/** Bytes that the kernel took; never raises SIGPIPE. */
export function send(fd: number, slab: Slab, offset: number, length: number): number {
  if (fd < 0 || isOutside(slab, offset, length)) return fd < 0 ? -EBADF : -EFAULT;
  return outcome(libc.send(wordOf(fd), slab.pointer + BigInt(offset), BigInt(length), NOSIGNAL));
}

/** Sends what a msghdr at `offset` of `slab` describes; who laid it out has checked its ranges. */
export function sendMessage(fd: number, slab: Slab, offset: number): number {
  if (fd < 0 || isOutside(slab, offset, 56)) return fd < 0 ? -EBADF : -EFAULT;
  return outcome(libc.sendmsg(wordOf(fd), slab.pointer + BigInt(offset), NOSIGNAL));
}

export function read(fd: number, slab: Slab, offset: number, length: number): number {
  if (fd < 0 || isOutside(slab, offset, length)) return fd < 0 ? -EBADF : -EFAULT;
  return outcome(libc.read(wordOf(fd), slab.pointer + BigInt(offset), BigInt(length)));
}

export function write(fd: number, slab: Slab, offset: number, length: number): number {
  if (fd < 0 || isOutside(slab, offset, length)) return fd < 0 ? -EBADF : -EFAULT;
  return outcome(libc.write(wordOf(fd), slab.pointer + BigInt(offset), BigInt(length)));
}

/** Reads from a file at `position`, without moving its own position. */
export function pread(fd: number, slab: Slab, offset: number, length: number, position: number): number {
  if (fd < 0 || isOutside(slab, offset, length)) return fd < 0 ? -EBADF : -EFAULT;
  if (!Number.isSafeInteger(position) || position < 0) return -EINVAL;
  return outcome(libc.pread(wordOf(fd), slab.pointer + BigInt(offset), BigInt(length), BigInt(position)));
}

export function close(fd: number): number {
  return fd < 0 ? -EBADF : outcome(libc.close(wordOf(fd)));
}

export function shutdown(fd: number, how: number): number {
  return fd < 0 ? -EBADF : outcome(libc.shutdown(wordOf(fd), BigInt(how)));
}

/**
 * Sends up to `length` bytes of a file to a socket. The position is taken from, and moved in, the int64 at `at` of `slab`.
 * The kernel refers to the file's pages until the peer has acknowledged them: only for files that are never rewritten.
 */
export function sendfile(socket: number, file: number, slab: Slab, at: number, length: number): number {
  if (socket < 0 || file < 0 || isOutside(slab, at, 8) || length >>> 0 !== length) return -EFAULT;
  return outcome(libc.sendfile(wordOf(socket), wordOf(file), slab.pointer + BigInt(at), BigInt(length)));
}

/** Moves up to `length` bytes between a pipe and a socket inside the kernel. */
export function splice(from: number, to: number, length: number): number {
  if (from < 0 || to < 0 || length >>> 0 !== length) return from < 0 || to < 0 ? -EBADF : -EINVAL;
  return outcome(libc.splice(wordOf(from), 0n, wordOf(to), 0n, BigInt(length), SPLICE_FLAGS));
}

/** Makes a non-blocking pipe and writes its two descriptors, read end first, as int32 at `at` of `slab`. */
export function pipe(slab: Slab, at: number): number {
  if (isOutside(slab, at, 8)) return -EFAULT;
  return outcome(libc.pipe2(slab.pointer + BigInt(at), BigInt(O_CLOEXEC | O_NONBLOCK)));
}

/** Asks for a pipe's capacity; returns what it got, or -EPERM when the user's pages are used up (pipe(7)). */
export function setPipeSize(fd: number, bytes: number): number {
  if (fd < 0 || bytes >>> 0 !== bytes) return fd < 0 ? -EBADF : -EINVAL;
  return outcome(libc.fcntl(wordOf(fd), BigInt(F_SETPIPE_SZ), BigInt(bytes)));
}

export function pipeSize(fd: number): number {
  return fd < 0 ? -EBADF : outcome(libc.fcntl(wordOf(fd), BigInt(F_GETPIPE_SZ), 0n));
}

/** A second descriptor of the same open file, closed on exec. */
export function duplicate(fd: number): number {
  return fd < 0 ? -EBADF : outcome(libc.fcntl(wordOf(fd), BigInt(F_DUPFD_CLOEXEC), 0n));
}

/** A new non-blocking eventfd, closed on exec; children get it by their stdio list. */
export function eventFd(): number {
  return outcome(libc.eventfd(0n, BigInt(EFD_CLOEXEC | EFD_NONBLOCK)));
}
