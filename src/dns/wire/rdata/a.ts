/**
 * A: an IPv4 address (RFC 1035 section 3.4.1).
 *
 *     +--+--+--+--+
 *     |  ADDRESS  |
 *     +--+--+--+--+
 */
import { TYPE } from "../type.ts";
import type { Field } from "./field.ts";
import { defineRdata } from "./rdata.ts";

/** Four bytes of a dotted quad, or undefined. Leading zeros are refused: some read them as octal. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return undefined;
  return Uint8Array.from(parts, Number);
}

const formatIpv4 = (bytes: Uint8Array, at: number): string => bytes.subarray(at, at + 4).join(".");

const address: Field = {
  compressible: false,
  decode(message, _start, at, end, out) {
    if (at + 4 > end) return -1;
    out.octets(message.subarray(at, at + 4));
    return at + 4;
  },
  parse(tokens, _origin, out) {
    const text = tokens.word();
    const bytes = text === undefined ? undefined : parseIpv4(text);
    if (bytes === undefined) return text === undefined ? "address is missing" : `${text} is not an IPv4 address`;
    out.octets(bytes);
    return undefined;
  },
  measure: (_rdata, at, end) => (at + 4 <= end ? at + 4 : -1),
  format: (rdata, at) => formatIpv4(rdata, at),
};

export const a = defineRdata(TYPE.A, [address]);
