/** Plain TCP to backends. The heartbeat of idle pooled connections is the kernel's: a dead peer is found without a request. */
import { connectTcp } from "#src/reactor/connector.ts";
import type { Tcp } from "#src/reactor/tcp.ts";
import type { Connect } from "./options.ts";

/** A peer that is gone without a word is noticed after 5 + 3 x 2 s of silence. */
const HEARTBEAT = { keepaliveIdleSeconds: 5, keepaliveIntervalSeconds: 2, keepaliveCount: 3 } as const;
/** Sent data that nobody acknowledges. */
const USER_TIMEOUT_MS = 20_000;

export function tcpConnect(tcp: Tcp, timeoutMs: number): Connect {
  return (address, handler) =>
    connectTcp(tcp, { address, timeoutMs, userTimeoutMs: USER_TIMEOUT_MS, ...HEARTBEAT }, handler);
}
