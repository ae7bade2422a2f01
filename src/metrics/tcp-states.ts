/** How many TCP sockets are in which state, from /proc/net/tcp and tcp6 (proc(5)), counted for given local ports. */
import { readFile } from "node:fs/promises";

/** By their numbers in the kernel (include/net/tcp_states.h), from 1. */
export const TCP_STATES = [
  "established",
  "syn_sent",
  "syn_recv",
  "fin_wait1",
  "fin_wait2",
  "time_wait",
  "close",
  "close_wait",
  "last_ack",
  "listen",
  "closing",
  "new_syn_recv",
] as const;

export async function countTcpStates(ports: ReadonlySet<number>, folder = "/proc/net"): Promise<number[]> {
  const counts = TCP_STATES.map(() => 0);
  for (const name of ["tcp", "tcp6"]) {
    // Without IPv6 in the kernel there is no tcp6.
    const table = await readFile(`${folder}/${name}`).catch(() => Buffer.alloc(0));
    addTcpStates(table, ports, counts);
  }
  return counts;
}

const NEWLINE = 0x0a;
const COLON = 0x3a;
const SPACE = 0x20;

/** Lines read `  sl: ADDRESS:PORT ADDRESS:PORT ST ...` in hexadecimal; a busy machine has 100,000, so no strings are made. */
export function addTcpStates(table: Uint8Array, ports: ReadonlySet<number>, counts: number[]): void {
  let line = table.indexOf(NEWLINE) + 1;
  while (line > 0 && line < table.length) {
    const local = table.indexOf(COLON, table.indexOf(COLON, line) + 1) + 1;
    const remote = table.indexOf(COLON, local) + 1;
    const state = table.indexOf(SPACE, remote) + 1;
    if (local === 0 || remote === 0 || state === 0) return;
    if (ports.has(parseHex(table, local, 4))) {
      const index = parseHex(table, state, 2) - 1;
      if (index >= 0 && index < counts.length) counts[index]! += 1;
    }
    line = table.indexOf(NEWLINE, state) + 1;
  }
}

function parseHex(bytes: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const code = bytes[i]!;
    value = value * 16 + (code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57);
  }
  return value;
}
