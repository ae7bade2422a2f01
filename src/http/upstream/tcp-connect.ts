/** Streams to backends, plain or TLS. The heartbeat of idle pooled connections is the kernel's: a dead peer is found without a request. */
import { connectTcp } from "#src/reactor/connector.ts";
import type { Tcp } from "#src/reactor/tcp.ts";
import type { TlsClient } from "#src/reactor/tls/tls-client.ts";
import { type Connect, USER_TIMEOUT_MS } from "./options.ts";

/**
 * A peer that is gone without a word is noticed after 5 + 3 x 2 s of silence. With a user timeout Linux ends a connection
 * whose probes are not answered at that time and not at the probe count (tcp(7)), so both say 11 s; unacknowledged data
 * has the same time. So has a peer whose window is closed, although it acknowledges: ClientConnection gives it longer.
 */
const HEARTBEAT = {
  keepaliveIdleSeconds: 5,
  keepaliveIntervalSeconds: 2,
  keepaliveCount: 3,
  userTimeoutMs: USER_TIMEOUT_MS,
} as const;

export function tcpConnect(tcp: Tcp): Connect {
  return (address, handler) => connectTcp(tcp, { address, timeoutMs: 0, keepalive: HEARTBEAT }, handler);
}

/** `serverName` is what the endpoint's certificate must be for: a host name, which is also sent as SNI, or an IP address. */
export function tlsConnect(tcp: Tcp, client: TlsClient, serverName: string): Connect {
  const connect = tcpConnect(tcp);
  return (address, handler) => {
    const below = connect(address, handler);
    return typeof below === "string" ? below : client.connect(below, serverName, handler);
  };
}
