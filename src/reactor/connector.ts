/** Opening TCP connections without waiting for them. */
import type { Address } from "#src/net/address.ts";
import { reasonOf } from "./close-reason.ts";
import { EINPROGRESS } from "./errno.ts";
import { IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, SOCK_STREAM } from "./layout.ts";
import { bind, connect, setOption, socket, tuneTcp, type TcpTuning } from "./socket.ts";
import { SocketAddress } from "./socket-address.ts";
import type { CloseReason, StreamHandler } from "./stream.ts";
import { close } from "./system.ts";
import type { Tcp } from "./tcp.ts";
import { TcpStream } from "./tcp-stream.ts";

export interface TcpTarget extends TcpTuning {
  readonly address: Address;
  /** Milliseconds until `onClose("timeout")`; 0 leaves it to the system. */
  readonly timeoutMs: number;
  /** Own IP address to connect from. */
  readonly sourceHost?: string;
}

/**
 * Starts a connection. `onOpen` follows, or `onClose` with refused, timeout, unreachable or overloaded; neither comes
 * before this call has returned. Bytes sent before `onOpen` are queued. A reason instead of a stream: nothing was started.
 */
export function connectTcp(tcp: Tcp, target: TcpTarget, handler: StreamHandler): TcpStream | CloseReason {
  const address = new SocketAddress(target.address.host, target.address.port);
  const fd = socket(address.family, SOCK_STREAM);
  if (fd < 0) return reasonOf(fd);
  const result = start(fd, address, target);
  if (result < 0 && result !== -EINPROGRESS) {
    close(fd);
    return reasonOf(result);
  }
  const stream = new TcpStream(tcp, fd, handler, undefined, false);
  stream.setTarget(target.address, target.timeoutMs);
  return stream;
}

function start(fd: number, address: SocketAddress, target: TcpTarget): number {
  const tuned = tuneTcp(fd, target);
  if (tuned < 0) return tuned;
  if (target.sourceHost !== undefined) {
    setOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    const bound = bind(fd, new SocketAddress(target.sourceHost, 0));
    if (bound < 0) return bound;
  }
  return connect(fd, address);
}
