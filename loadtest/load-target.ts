/** The place that a load goes to: what was typed, its address, and whether anything listens there. */
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect, isIP } from "node:net";
import { StartFault } from "#src/process/fault.ts";

const CONNECT_MS = 2_000;

export interface LoadTarget {
  /** What requests are for: `http://cdn.demo.test:8080`. */
  readonly origin: string;
  /** The name in it. */
  readonly host: string;
  /** Where that name leads: `127.0.0.1:8080`, `[::1]:8443`. */
  readonly address: string;
}

/** `target` must be an http or https URL without a path; undefined when it is not. */
export function parseTarget(target: string): URL | undefined {
  const url = URL.parse(target);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  return url.href === `${url.protocol}//${url.host}/` && url.hostname !== "" ? url : undefined;
}

export function describeTarget(url: URL, host: string, address: string): LoadTarget {
  const port = portOf(url);
  return {
    origin: `${url.protocol}//${host}:${port}`,
    host,
    address: `${isIP(address) === 6 ? `[${address}]` : address}:${port}`,
  };
}

/** Fails with a sentence when the name has no address or nothing listens there. */
export async function findTarget(target: string, host: string): Promise<LoadTarget> {
  const url = parseTarget(target);
  if (url === undefined) {
    throw new StartFault(`Cannot use --target ${target}: give scheme, host and port, such as http://127.0.0.1:8080`, 2);
  }
  if (!/^[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(host)) throw new StartFault(`Cannot use --host ${host}: give a name`, 2);
  const name = url.hostname.replace(/^\[(.*)\]$/, "$1");
  let address: string;
  try {
    ({ address } = await lookup(name));
  } catch {
    throw new StartFault(`Cannot load ${target}: ${name} has no address`);
  }
  if (!(await listens(address, portOf(url)))) {
    throw new StartFault(`Cannot load ${target}: nothing listens there. Start the demo: npm start`);
  }
  return describeTarget(url, host, address);
}

const portOf = ({ port, protocol }: URL): number => (port === "" ? (protocol === "http:" ? 80 : 443) : Number(port));

async function listens(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
