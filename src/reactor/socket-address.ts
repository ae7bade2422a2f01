/** Socket addresses: between sockaddr bytes in a slab and Address values. IPv4-mapped IPv6 addresses are IPv4. */
import { isIPv4, isIPv6 } from "node:net";
import type { Address } from "#src/net/address.ts";
import { AF_INET, AF_INET6, SOCKADDR } from "./layout.ts";
import { Slab } from "./slab.ts";

/** The address that has the family's all-zero host, for sockets whose own address cannot be asked any more. */
export function unspecified(family: 4 | 6): Address {
  return { family, host: family === 4 ? "0.0.0.0" : "::", port: 0 };
}

/**
 * Writes `host` and `port` as a sockaddr at `offset`, which has 28 bytes of room. Returns its size in bytes, or 0 when
 * the host is not an IP address. An IPv6 host may carry a numeric zone: `fe80::1%3`.
 */
export function encodeSocketAddress(host: string, port: number, slab: Slab, offset: number): number {
  const { bytes, view } = slab;
  bytes.fill(0, offset, offset + SOCKADDR.size);
  view.setUint16(offset + SOCKADDR.port, port);
  if (isIPv4(host)) {
    view.setUint16(offset, AF_INET, true);
    host.split(".").forEach((part, index) => view.setUint8(offset + SOCKADDR.v4Address + index, Number(part)));
    return SOCKADDR.v4Size;
  }
  if (!isIPv6(host)) return 0;
  const [address = "", zone] = host.split("%");
  view.setUint16(offset, AF_INET6, true);
  groupsOf(address).forEach((group, index) => view.setUint16(offset + SOCKADDR.v6Address + 2 * index, group));
  if (zone !== undefined) view.setUint32(offset + SOCKADDR.v6Scope, Number(zone) >>> 0, true);
  return SOCKADDR.v6Size;
}

/** The Address that a sockaddr at `offset` holds. */
export function decodeSocketAddress(slab: Slab, offset: number): Address {
  return new AddressWords(slab, offset).decode();
}

/** What a sockaddr says, as numbers: a text is made for the few that are asked for it. IPv4 is `::ffff:a.b.c.d`. */
export class AddressWords {
  readonly #a: number = 0;
  readonly #b: number = 0;
  readonly #c: number = 0xffff;
  readonly #d: number;
  readonly #port: number;

  constructor({ view }: Slab, offset: number) {
    this.#port = view.getUint16(offset + SOCKADDR.port);
    if (view.getUint16(offset, true) === AF_INET) {
      this.#d = view.getInt32(offset + SOCKADDR.v4Address);
      return;
    }
    const at = offset + SOCKADDR.v6Address;
    this.#a = view.getInt32(at);
    this.#b = view.getInt32(at + 4);
    this.#c = view.getInt32(at + 8);
    this.#d = view.getInt32(at + 12);
  }

  decode(): Address {
    const [a, b, c, d, port] = [this.#a, this.#b, this.#c, this.#d, this.#port];
    if (a === 0 && b === 0 && c === 0xffff) return { family: 4, host: v4Text(d), port };
    const host = v6Text([a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff]);
    return { family: 6, host, port };
  }
}

function v4Text(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** RFC 5952 section 4: lower case, no leading zeros, the first longest run of at least two zero groups is `::`. */
function v6Text(groups: readonly number[]): string {
  let best = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > bestLength) [best, bestLength] = [start, end - start];
  }
  return best < 0 ? hex(groups) : `${hex(groups.slice(0, best))}::${hex(groups.slice(best + bestLength))}`;
}

function hex(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(":");
}

function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const front = words(head);
  const back = tail === undefined ? [] : words(tail);
  return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
}

function words(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((part) => {
    if (!part.includes(".")) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** A destination encoded once and used for many calls. */
export class SocketAddress {
  readonly slab: Slab = new Slab(32);
  /** Bytes of the sockaddr at the slab's beginning. */
  readonly size: number;
  readonly family: 4 | 6;

  /** Throws when `host` is not an IP address. */
  constructor(host: string, port: number) {
    this.size = encodeSocketAddress(host, port, this.slab, 0);
    if (this.size === 0) throw new Error(`Cannot use ${host} as a socket address: it is not an IP address`);
    this.family = this.size === SOCKADDR.v4Size ? 4 : 6;
  }
}
