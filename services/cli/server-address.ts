/** `192.0.2.1:53`, `[2001:db8::1]:53`, `192.0.2.1`, `2001:db8::1`: an IP address with or without a port. */
import { isIP } from "node:net";

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export function parseServerAddress(text: string, defaultPort: number): ServerAddress | undefined {
  if (isIP(text) !== 0) return { host: text, port: defaultPort };
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const host = match[1] ?? match[2]!;
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  if (isIP(host) === 0 || port < 1 || port > 65_535) return undefined;
  return { host, port };
}
