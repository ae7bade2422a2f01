/** Making and tuning sockets. Wrappers as in system.ts: a result or a negative error number, nothing thrown. */
import type { Address } from "#src/net/address.ts";
import { EBADF, EFAULT } from "./errno.ts";
import {
  AF_INET,
  AF_INET6,
  IPPROTO_TCP,
  SOCKADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from "./layout.ts";
import { libc, outcome } from "./libc.ts";
import { isOutside, Slab } from "./slab.ts";
import { wordOf } from "./word.ts";
import { decodeSocketAddress, type SocketAddress } from "./socket-address.ts";

const ACCEPT_FLAGS = BigInt(SOCK_NONBLOCK | SOCK_CLOEXEC);

/** Memory for option values and for addresses that the kernel writes; each use ends within one call. */
const scratch = new Slab(64);
const VALUE = 0;
const LENGTH = 8;
const NAME = 16;

/** A non-blocking socket, closed on exec. `type` is SOCK_STREAM or SOCK_DGRAM. */
export function socket(family: 4 | 6, type: number): number {
  const domain = family === 4 ? AF_INET : AF_INET6;
  return outcome(libc.socket(BigInt(domain), BigInt(type | SOCK_NONBLOCK | SOCK_CLOEXEC), 0n));
}

export function bind(fd: number, address: SocketAddress): number {
  return fd < 0 ? -EBADF : outcome(libc.bind(wordOf(fd), address.slab.pointer, BigInt(address.size)));
}

export function connect(fd: number, address: SocketAddress): number {
  return fd < 0 ? -EBADF : outcome(libc.connect(wordOf(fd), address.slab.pointer, BigInt(address.size)));
}

export function listen(fd: number, backlog: number): number {
  return fd < 0 ? -EBADF : outcome(libc.listen(wordOf(fd), BigInt(backlog)));
}

/** Takes one connection and writes its peer's sockaddr at `at` of `names`, which has 28 bytes of room and 4 for its size. */
export function accept(fd: number, names: Slab, at: number): number {
  if (fd < 0 || isOutside(names, at, SOCKADDR.size + 4)) return fd < 0 ? -EBADF : -EFAULT;
  names.view.setUint32(at + SOCKADDR.size, SOCKADDR.size, true);
  const name = names.pointer + BigInt(at);
  return outcome(libc.accept4(wordOf(fd), name, name + BigInt(SOCKADDR.size), ACCEPT_FLAGS));
}

/** Sets an integer option. */
export function setOption(fd: number, level: number, option: number, value: number): number {
  if (fd < 0) return -EBADF;
  scratch.view.setInt32(VALUE, value, true);
  return outcome(libc.setsockopt(wordOf(fd), BigInt(level), BigInt(option), scratch.pointer, 4n));
}

/** An integer option's value, as an outcome: only for options whose values are not negative. */
export function getOption(fd: number, level: number, option: number): number {
  if (fd < 0) return -EBADF;
  scratch.view.setUint32(LENGTH, 4, true);
  const result = outcome(
    libc.getsockopt(wordOf(fd), BigInt(level), BigInt(option), scratch.pointer, scratch.at(LENGTH)),
  );
  return result < 0 ? result : scratch.view.getInt32(VALUE, true);
}

/** The error that a socket waits to report, as a positive number; 0 when there is none. Reading it clears it. */
export function takeError(fd: number): number {
  return Math.abs(getOption(fd, SOL_SOCKET, SO_ERROR));
}

/** From now on close() sends a reset and drops what is queued. */
export function setResetOnClose(fd: number): number {
  if (fd < 0) return -EBADF;
  scratch.view.setInt32(VALUE, 1, true);
  scratch.view.setInt32(VALUE + 4, 0, true);
  return outcome(libc.setsockopt(wordOf(fd), BigInt(SOL_SOCKET), BigInt(SO_LINGER), scratch.pointer, 8n));
}

/** Milliseconds that sent data may stay unacknowledged (RFC 5482); 0 is the system's default. */
export function setUserTimeout(fd: number, ms: number): number {
  return setOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ms);
}

/** Whether a socket that was told to connect has done so. */
export function isConnected(fd: number): boolean {
  if (fd < 0) return false;
  scratch.view.setUint32(LENGTH, SOCKADDR.size, true);
  return libc.getpeername(wordOf(fd), scratch.at(NAME), scratch.at(LENGTH)) === 0;
}

/** The socket's own address and port, or undefined when it has none. */
export function localAddress(fd: number): Address | undefined {
  if (fd < 0) return undefined;
  scratch.view.setUint32(LENGTH, SOCKADDR.size, true);
  if (libc.getsockname(wordOf(fd), scratch.at(NAME), scratch.at(LENGTH)) < 0) return undefined;
  return decodeSocketAddress(scratch, NAME);
}

/** How TCP notices a peer that is gone; 0 leaves a value at the system's default. */
export interface TcpTuning {
  /** Seconds of silence before the first probe. */
  readonly keepaliveIdleSeconds?: number;
  /** Seconds between probes. */
  readonly keepaliveIntervalSeconds?: number;
  /** Unanswered probes after which the connection is dead. */
  readonly keepaliveCount?: number;
  /** Milliseconds that sent data may stay unacknowledged (RFC 5482). */
  readonly userTimeoutMs?: number;
}

/** Sets keepalive and user timeout. Accepted sockets inherit all of it from their listener. */
export function setKeepalive(fd: number, tuning: TcpTuning): number {
  const { keepaliveIdleSeconds = 60, keepaliveIntervalSeconds = 10, keepaliveCount = 6, userTimeoutMs = 0 } = tuning;
  const options = [
    [TCP_KEEPIDLE, keepaliveIdleSeconds],
    [TCP_KEEPINTVL, keepaliveIntervalSeconds],
    [TCP_KEEPCNT, keepaliveCount],
    [TCP_USER_TIMEOUT, userTimeoutMs],
  ] as const;
  setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  for (const [option, value] of options) {
    const result = value > 0 ? setOption(fd, IPPROTO_TCP, option, value) : 0;
    if (result < 0) return result;
  }
  return 0;
}

/** Small pieces leave at once (TCP_NODELAY). */
export function setNoDelay(fd: number): number {
  return setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}
