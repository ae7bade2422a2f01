/** Sets of IP prefixes (RFC 4632, RFC 4291 section 2.3), asked once per query: who may do something. */
import { isIPv4, isIPv6 } from "node:net";
import type { Address } from "./address.ts";

/** Loopback, private, shared, link-local and unique local addresses: one's own networks. */
export const OWN_NETWORKS: readonly string[] = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
];

interface Prefix {
  readonly family: 4 | 6;
  /** The four words of the IPv6 address; an IPv4 address is the last one, behind three zeros. */
  readonly words: Uint32Array;
  /** Bits of the four words that count. */
  readonly length: number;
}

const WORDS = 4;
const V4_OFFSET = 96;

export class PrefixSet {
  readonly #v4: PrefixTable;
  readonly #v6: PrefixTable;
  readonly #scratch = new Uint32Array(WORDS);

  private constructor(prefixes: readonly Prefix[]) {
    this.#v4 = new PrefixTable(prefixes.filter(({ family }) => family === 4));
    this.#v6 = new PrefixTable(prefixes.filter(({ family }) => family === 6));
  }

  /** From `192.0.2.0/24`, `2001:db8::/32` and plain addresses; a sentence says which of them is not one. */
  static parse(texts: readonly string[]): PrefixSet | string {
    const prefixes: Prefix[] = [];
    for (const text of texts) {
      const prefix = parsePrefix(text);
      if (typeof prefix === "string") return `${text} ${prefix}`;
      prefixes.push(prefix);
    }
    return new PrefixSet(prefixes);
  }

  /** An IPv4-mapped IPv6 address is the IPv4 address. */
  has(address: Pick<Address, "host">): boolean {
    const family = readWords(address.host, this.#scratch);
    return family === 4 ? this.#v4.has(this.#scratch) : family === 6 && this.#v6.has(this.#scratch);
  }
}

/** Prefixes of one family in ascending order, none within another, so that one binary search decides. */
class PrefixTable {
  readonly #words: Uint32Array;
  readonly #lengths: Uint8Array;

  constructor(prefixes: readonly Prefix[]) {
    const kept: Prefix[] = [];
    for (const prefix of prefixes.toSorted((a, b) => compare(a.words, 0, b.words) || a.length - b.length)) {
      const last = kept.at(-1);
      if (last === undefined || !agree(last.words, 0, prefix.words, last.length)) kept.push(prefix);
    }
    this.#words = new Uint32Array(kept.length * WORDS);
    this.#lengths = Uint8Array.from(kept, ({ length }) => length);
    for (const [index, { words }] of kept.entries()) this.#words.set(words, index * WORDS);
  }

  has(words: Uint32Array): boolean {
    let low = 0;
    let high = this.#lengths.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#words, middle * WORDS, words) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && agree(this.#words, (low - 1) * WORDS, words, this.#lengths[low - 1]!);
  }
}

function compare(a: Uint32Array, at: number, b: Uint32Array): number {
  for (let word = 0; word < WORDS; word++) {
    const left = a[at + word]!;
    const right = b[word]!;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** Whether the first `length` bits are the same. */
function agree(a: Uint32Array, at: number, b: Uint32Array, length: number): boolean {
  for (let word = 0; word * 32 < length; word++) {
    const ignored = Math.max(0, 32 * (word + 1) - length);
    if ((a[at + word]! ^ b[word]!) >>> ignored !== 0) return false;
  }
  return true;
}

/** The prefix, or what is wrong with it: "is not an IP address or prefix". */
function parsePrefix(text: string): Prefix | string {
  const [host = "", bits, ...more] = text.split("/");
  if ((!isIPv4(host) && !isIPv6(host)) || host.includes("%") || more.length > 0)
    return "is not an IP address or prefix";
  const words = new Uint32Array(WORDS);
  const family = readWords(host, words);
  if (family === 0) return "is not an IP address or prefix";
  const written = isIPv4(host) ? 32 : 128;
  const count = bits === undefined ? written : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (count < 0 || count > written) return `has a prefix length that is not 0 to ${written}`;
  const length = written === 32 ? count + V4_OFFSET : count;
  if (family === 4 && length < V4_OFFSET) return "has a prefix length that is not 96 to 128, as IPv4-mapped ones have";
  if (hasBitsBeyond(words, length)) return "has bits set beyond its prefix length";
  return { family, words, length };
}

function hasBitsBeyond(words: Uint32Array, length: number): boolean {
  return words.some((word, index) => {
    const kept = Math.min(32, Math.max(0, length - 32 * index));
    return kept < 32 && (word << kept) >>> 0 !== 0;
  });
}

/** Reads a well-formed IP address into four words. Returns its family: 4 for a mapped one, 0 when it is none. */
function readWords(host: string, words: Uint32Array): 0 | 4 | 6 {
  words.fill(0);
  if (!host.includes(":")) {
    words[3] = readV4(host, 0);
    return 4;
  }
  const bytes = readV6(host, words);
  if (!bytes) return 0;
  if (words[0] !== 0 || words[1] !== 0 || words[2] !== 0xffff) return 6;
  words[2] = 0;
  return 4;
}

function readV4(host: string, start: number): number {
  let value = 0;
  let part = 0;
  for (let at = start; at < host.length; at++) {
    const code = host.charCodeAt(at);
    if (code === DOT) {
      value = (value << 8) | part;
      part = 0;
    } else part = part * 10 + (code - ZERO);
  }
  return ((value << 8) | part) >>> 0;
}

const DOT = 0x2e;
const COLON = 0x3a;
const PERCENT = 0x25;
const ZERO = 0x30;
const GROUPS = 8;

/** False when there are too many groups. A zone (`%eth0`) is left out. */
function readV6(host: string, words: Uint32Array): boolean {
  let group = 0;
  let gap = -1;
  let value = 0;
  let start = 0;
  for (let at = 0; at <= host.length; at++) {
    const code = at === host.length ? PERCENT : host.charCodeAt(at);
    if (code === DOT) {
      const v4 = readV4(host, start);
      if (group + 2 > GROUPS) return false;
      setGroup(words, group++, v4 >>> 16);
      value = v4 & 0xffff;
      setGroup(words, group++, value);
      break;
    }
    if (code === COLON || code === PERCENT) {
      if (at > start) {
        if (group === GROUPS) return false;
        setGroup(words, group++, value);
      }
      if (code === PERCENT) break;
      if (host.charCodeAt(at + 1) === COLON) gap = group;
      value = 0;
      start = at + 1;
    } else value = (value << 4) | hexDigit(code);
  }
  if (gap >= 0) moveGroups(words, gap, group);
  return gap >= 0 || group === GROUPS;
}

const hexDigit = (code: number): number => (code <= 0x39 ? code - ZERO : (code | 0x20) - 0x57);

function setGroup(words: Uint32Array, group: number, value: number): void {
  const shift = group % 2 === 0 ? 16 : 0;
  words[group >> 1] = (words[group >> 1]! & ~(0xffff << shift)) | (value << shift);
}

/** What stands behind `::` belongs at the end. */
function moveGroups(words: Uint32Array, gap: number, count: number): void {
  for (let from = count - 1, to = GROUPS - 1; from >= gap; from--, to--) {
    const value = (words[from >> 1]! >>> (from % 2 === 0 ? 16 : 0)) & 0xffff;
    setGroup(words, from, 0);
    setGroup(words, to, value);
  }
}
