/**
 * AAAA: an IPv6 address of 16 bytes (RFC 3596 section 2.2), written as RFC 5952 recommends.
 */
import { readUint16 } from "../header.ts";
import { TYPE } from "../type.ts";
import { parseIpv4 } from "./a.ts";
import type { Field } from "./field.ts";
import { defineRdata } from "./rdata.ts";

/** Sixteen bytes of an address's text (RFC 4291 section 2.2), without zone, or undefined. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]));
}

/** Groups between colons; the last two may be a dotted quad when `mayEnd`. */
function parseGroups(text: string, mayEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const quad = mayEnd && index === parts.length - 1 && part.includes(".") ? parseIpv4(part) : undefined;
    if (quad !== undefined) groups.push(readUint16(quad, 0), readUint16(quad, 2));
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

const formatGroups = (groups: number[]): string => groups.map((group) => group.toString(16)).join(":");

/** RFC 5952: lower case, no leading zeros, the longest run of two zero groups or more (the first of equals) as `::`. */
function formatIpv6(bytes: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => readUint16(bytes, at + 2 * index));
  let runStart = -1;
  let runLength = 1;
  for (let index = 0; index < 8; index++) {
    let zeros = 0;
    while (groups[index + zeros] === 0) zeros++;
    if (zeros > runLength) [runStart, runLength] = [index, zeros];
  }
  if (runStart < 0) return formatGroups(groups);
  return `${formatGroups(groups.slice(0, runStart))}::${formatGroups(groups.slice(runStart + runLength))}`;
}

const address: Field = {
  compressible: false,
  decode(message, _start, at, end, out) {
    if (at + 16 > end) return -1;
    out.octets(message.subarray(at, at + 16));
    return at + 16;
  },
  parse(tokens, _origin, out) {
    const text = tokens.word();
    const bytes = text === undefined ? undefined : parseIpv6(text);
    if (bytes === undefined) return text === undefined ? "address is missing" : `${text} is not an IPv6 address`;
    out.octets(bytes);
    return undefined;
  },
  measure: (_rdata, at, end) => (at + 16 <= end ? at + 16 : -1),
  format: (rdata, at) => formatIpv6(rdata, at),
};

export const aaaa = defineRdata(TYPE.AAAA, [address]);
