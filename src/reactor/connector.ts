/** Opening TCP connections without waiting for them. */
import type { Address } from "#src/net/address.ts";
import { reasonOf } from "./close-reason.ts";
import { EINPROGRESS } from "./errno.ts";
import { IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, SOCK_STREAM } from "./layout.ts";
import { bind, connect, setKeepalive, setNoDelay, setOption, socket, type TcpTuning } from "./socket.ts";
import { SocketAddress } from "./socket-address.ts";
import type { CloseReason, StreamHandler } from "./stream.ts";
import { close } from "./system.ts";
import type { Tcp } from "./tcp.ts";
import { TcpStream } from "./tcp-stream.ts";

export interface TcpTarget {
  /** The same object for the same target: it is encoded once. */
  readonly address: Address;
  /** Without it the holder asks for it when the connection has lasted (`TcpStream.keepalive`). */
  readonly keepalive?: TcpTuning;
  /** Milliseconds until `onClose("timeout")`; 0 leaves it to the system, or to a deadline that the handler sets. */
  readonly timeoutMs: number;
  /** Own IP address to connect from. */
  readonly sourceHost?: string;
}

/**
 * Starts a connection. `onOpen` follows, or `onClose` with refused, timeout, unreachable or overloaded; neither comes
 * before this call has returned. Bytes sent before `onOpen` are queued. A reason instead of a stream: nothing was started.
 */
export function connectTcp(tcp: Tcp, target: TcpTarget, handler: StreamHandler): TcpStream | CloseReason {
  const address = encoded(target.address);
  const fd = socket(address.family, SOCK_STREAM);
  if (fd < 0) return reasonOf(fd);
  const result = start(fd, address, target);
  if (result < 0 && result !== -EINPROGRESS) {
    close(fd);
    return reasonOf(result);
  }
  const stream = new TcpStream(tcp, fd, handler, target.address);
  stream.watch(target.timeoutMs);
  return stream;
}

const known = new WeakMap<Address, SocketAddress>();

function encoded(address: Address): SocketAddress {
  let socketAddress = known.get(address);
  if (socketAddress === undefined) {
    socketAddress = new SocketAddress(address.host, address.port);
    known.set(address, socketAddress);
  }
  return socketAddress;
}

function start(fd: number, address: SocketAddress, target: TcpTarget): number {
  const tuned = target.keepalive === undefined ? 0 : setKeepalive(fd, target.keepalive);
  if (tuned < 0) return tuned;
  setNoDelay(fd);
  if (target.sourceHost !== undefined) {
    setOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    const bound = bind(fd, new SocketAddress(target.sourceHost, 0));
    if (bound < 0) return bound;
  }
  return connect(fd, address);
}
