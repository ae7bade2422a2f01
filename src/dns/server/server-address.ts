/** How options and the resolver name servers: `192.0.2.1@53`, `2001:db8::1@5353`. */
import { isIP } from "node:net";
import { nameKey } from "#src/dns/wire/name.ts";
import { parseName } from "#src/dns/wire/name-text.ts";
import type { StubZone } from "#src/dns/resolver/delegation.ts";
import type { Address } from "#src/net/address.ts";

/** Undefined when the text is no IP address, `@` and port. Without a port it is 53. */
export function parseServerAddress(text: string): Address | undefined {
  const at = text.lastIndexOf("@");
  const host = at < 0 ? text : text.slice(0, at);
  const digits = at < 0 ? "53" : text.slice(at + 1);
  const family = isIP(host);
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  if ((family !== 4 && family !== 6) || port === 0 || port > 65_535) return undefined;
  return { family, host, port };
}

/** `ZONE=ADDRESS@PORT` options, several of one zone together; a sentence says which of them is wrong. */
export function parseStubs(texts: readonly string[]): readonly StubZone[] | string {
  const stubs = new Map<string, string[]>();
  for (const text of texts) {
    const at = text.indexOf("=");
    const name = parseName(text.slice(0, Math.max(at, 0)), new Uint8Array(1));
    const address = parseServerAddress(text.slice(at + 1));
    if (at < 0 || typeof name === "string" || address === undefined) return `${text} is not ZONE=ADDRESS@PORT`;
    const zone = nameKey(name);
    stubs.set(zone, [...(stubs.get(zone) ?? []), `${address.host}@${address.port}`]);
  }
  return Array.from(stubs, ([zone, addresses]) => ({ zone, addresses }));
}
